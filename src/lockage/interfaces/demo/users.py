"""Users of an installation on a cluster: the traffic generator, and the way on which its requests go.

Not for ``kubectl port-forward``: it leads to one pod, and would show an outage where only that pod ends. The surprising thing:
where the Service's own address does not answer from here, the API server chooses a ready pod for each request just as the
Service would; ``kubectl proxy`` brings requests there, and lets through those to this Service and no others.

Code: LK528 no way leads there.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from lockage.adapters.service import HttpService
from lockage.demo import traffic
from lockage.errors import LockageError, RefusedError
from lockage.interfaces.demo.children import started
from lockage.interfaces.demo.cluster import Cluster
from lockage.ports import Answer

RATE_PER_S = 20.0
"""Requests a second: enough that a gap of a second is no accident, and little beside a cluster on two cores."""

TRAFFIC_LIMIT_S = 1800.0
"""A generator that was forgotten ends by itself."""

LIVE_KEYS = 20
"""How many users sign in: as many as the smallest seeded database has."""

DIRECT_LIMIT_S = 3.0
"""For the Service's own address to answer; a node knows it within a second of its first ready pod."""

ANSWER_LIMIT_S = 20.0
"""For the first answer on a way, whose pods are ready."""

LOOK_S = 0.1

_SERVES = re.compile(r"Starting to serve on (?P<address>\S+)")

Say = Callable[[str], None]


@contextmanager
def users_of(cluster: Cluster, namespace: str, service: str, *, folder: Path, say: Say, direct: bool = True) -> Generator[Path]:
    """The file of answers that users get, while the context lasts. ``direct`` False: not by the Service's own address.

    Raises ``RefusedError`` (LK528) when no way leads to the Service.
    """
    with _way(cluster, namespace, service, folder=folder, say=say, direct=direct) as url:
        say(f"sending {RATE_PER_S:.0f} requests a second")
        answers = folder / f"{namespace}.csv"
        plan = traffic.Plan(url=url, out=answers, rate_per_s=RATE_PER_S, duration_s=TRAFFIC_LIMIT_S, live_keys=LIVE_KEYS)

        def start() -> subprocess.Popen[bytes]:
            with answers.with_suffix(".log").open("wb") as log:
                return subprocess.Popen(
                    traffic.command_line(plan), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )

        with started(start):
            _await_an_answer(answers, service, namespace)
            yield answers


@contextmanager
def _way(cluster: Cluster, namespace: str, service: str, *, folder: Path, say: Say, direct: bool) -> Generator[str]:
    found = cluster.run_kubectl(
        "get", "service", service, f"--namespace={namespace}", "--output=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}"
    ).strip()
    url = f"http://{found}"
    problem = _problem(url, limit_s=DIRECT_LIMIT_S) if direct else "not asked"
    if problem is None:
        say(f"users come by the Service's own address, {found}")
        yield url
        return
    with _proxy(cluster, namespace, service, found.rpartition(":")[2], folder=folder) as url:
        further = _problem(url, limit_s=ANSWER_LIMIT_S)
        if further is not None:
            raise RefusedError(
                f"no way leads to Service {service} in namespace {namespace}: "
                f"directly: {problem}; through the API server: {further}",
                code="LK528",
                hint="kubectl auth can-i get services/proxy; or run the demo on a machine that reaches the cluster's Services",
            )
        say(f"users come through the API server (kubectl proxy): the Service's own address, {found}, does not answer from here")
        yield url


def _problem(url: str, *, limit_s: float) -> str | None:
    """Why the application does not answer at the address within the limit; None when it does."""
    until = time.monotonic() + limit_s
    while True:
        left_s = max(1.0, until - time.monotonic())
        answer = HttpService().get(f"{url}/api/v2/buildinfo", headers={}, timeout_s=left_s)
        if answer.status == 200 and "version" in answer.body:
            return None
        if time.monotonic() > until:
            return _told(answer)
        time.sleep(LOOK_S)


def _told(answer: Answer) -> str:
    return answer.problem or f"status {answer.status}"


@contextmanager
def _proxy(cluster: Cluster, namespace: str, service: str, port: str, *, folder: Path) -> Generator[str]:
    path = f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy"
    words = ("proxy", "--port=0", "--address=127.0.0.1", f"--accept-paths=^{re.escape(path)}/", "--reject-methods=^$")
    log = folder / f"{namespace}.proxy.log"

    def start() -> subprocess.Popen[str]:
        with log.open("wb") as complaints:  # no pipe: it says something of every request that fails
            return subprocess.Popen(
                cluster.kubectl.command(*words),
                env=cluster.kubectl.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                start_new_session=True,
            )

    with started(start) as process:
        assert process.stdout is not None
        said = process.stdout.readline()  # this one line, or it ends
        found = _SERVES.search(said)
        if found is None:
            raise _no_proxy(log)
        yield f"http://{found['address']}{path}"
        if process.poll() is not None:
            raise _no_proxy(log)


def _no_proxy(log: Path) -> LockageError:
    said = log.read_text(errors="replace").strip().splitlines()
    return RefusedError(
        f"kubectl proxy ended, so that nothing can be measured: {said[-1] if said else 'it said nothing'}",
        code="LK528",
        hint="kubectl auth can-i get services/proxy",
    )


def _await_an_answer(answers: Path, service: str, namespace: str) -> None:
    until = time.monotonic() + ANSWER_LIMIT_S
    while not (answers.exists() and any(answer.succeeded for answer in traffic.read_answers(answers))):
        if time.monotonic() > until:
            raise RefusedError(
                f"Service {service} in namespace {namespace} answers no request within {ANSWER_LIMIT_S:.0f} s",
                code="LK528",
                hint="the first requests and what became of them are in the log of the application's pods",
            )
        time.sleep(LOOK_S)
