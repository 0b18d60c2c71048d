"""The way from here to the database that the replicas have an address of.

Not for speaking with it: whether a way leads there is told by a login, which is handed in. The surprising thing: only the
address and the port are replaced. The host's name stays in the URL beside them, so that a certificate is checked for the name
that it was made for.

Codes: LK537 no way leads there · LK536 the address cannot be taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lockage.adapters.kubernetes.cluster_hosts import Target, is_loopback, leads_there, target_of
from lockage.adapters.kubernetes.objects import Asking, PodObject, WorkloadObject
from lockage.adapters.kubernetes.port_forward import Kubectl, port_forward
from lockage.adapters.kubernetes.relay_pod import relay_pod
from lockage.errors import LockageError, RefusedError, UnreachableError

Reach: TypeAlias = Literal["auto", "direct", "port-forward", "pod"]

DEFAULT_PORT = 5432

ELSEWHERE = ("LK121", "LK126", "LK127")
"""Failures of a login that another way may not have: no answer, encryption, and ``pg_hba.conf`` against where we come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """All that is needed to try them."""

    client: Asking
    kubectl: Kubectl
    workload: WorkloadObject
    pod: Callable[[], PodObject | None]  # one of the workload's that runs
    relay_image: str
    log_in: Callable[[str], None]  # with the address as a way has it; raises when it does not work
    say: Callable[[str], None]


def reached(url: str, reach: Reach, ways: Ways, stack: ExitStack, *, makes_nothing: bool = False) -> str:
    """The address as it is reached from here, until the stack is closed; ``makes_nothing``: no pod unless it is asked for.

    Raises ``UnreachableError`` (LK537) naming each way that was tried; what ``log_in`` raises, when the way led to the database
    and it refuses us.
    """
    if reach == "direct":
        return url
    hosts = _hosts(url)
    attempts = {"direct": _direct, "port-forward": _by_port_forward, "pod": _by_pod}
    tried: list[str] = []
    for way, attempt in attempts.items():
        if reach not in ("auto", way) or (makes_nothing and (reach, way) == ("auto", "pod")):
            continue
        with ExitStack() as opened:
            try:
                there = attempt(url, hosts, ways, opened)
            except LockageError as error:
                tried.append(f"{_TITLES[way]}: {error.message}")
                continue
            try:
                ways.log_in(there)
            except LockageError as error:
                if error.code not in ELSEWHERE:
                    raise
                tried.append(f"{_TITLES[way]}: {error.message}")
                continue
            stack.enter_context(opened.pop_all())
        if way != "direct":
            ways.say(f"the database at {_named(hosts)} is reached {_TITLES[way]}")
        return there
    raise UnreachableError(
        f"no way leads to the database at {_named(hosts)}: {'; '.join(tried)}",
        code="LK537",
        hint="give an address that is reached from here: --database URL; or the way: --reach port-forward, --reach pod",
    )


_TITLES = {"direct": "directly", "port-forward": "by kubectl port-forward", "pod": "through a pod of ours"}


def _direct(url: str, hosts: list[tuple[str, int]], ways: Ways, stack: ExitStack) -> str:
    del stack
    for host, _ in hosts:
        if is_loopback(host):
            raise _not_so(f"{host or 'a socket'} is the replica itself")
        target = target_of(ways.client, host) if "." not in host or ".svc" in host else None
        if target is not None and not leads_there(host, target):
            raise _not_so(f"{host} is {target.object} in namespace {target.namespace}, and not known by that name here")
    return url


def _by_port_forward(url: str, hosts: list[tuple[str, int]], ways: Ways, stack: ExitStack) -> str:
    ports: list[int] = []
    for host, port in hosts:
        target = _beside(ways) if is_loopback(host) else target_of(ways.client, host)
        if target is None:
            raise _not_so(f"no Service or Pod that we see has the address {host}")
        if target.problem is not None:
            raise _not_so(f"{host} is {target.object} in namespace {target.namespace}, and {target.problem}")
        forward = port_forward(ways.kubectl, namespace=target.namespace, target=target.object, port=port)
        ports.append(stack.enter_context(forward))
    return _through(url, ports)


def _by_pod(url: str, hosts: list[tuple[str, int]], ways: Ways, stack: ExitStack) -> str:
    for host, _ in hosts:
        if is_loopback(host):
            raise _not_so(f"{host or 'a socket'} is the replica itself, and no other pod comes there")
    relay = relay_pod(ways.client, ways.kubectl, hosts, image=ways.relay_image, workload=ways.workload, say=ways.say)
    return _through(url, stack.enter_context(relay))


def _beside(ways: Ways) -> Target:
    """A replica itself, for a proxy that runs beside it in the pod."""
    pod = ways.pod()
    if pod is None:
        raise _not_so("the address is the replica itself, and none runs")
    ways.say(f"the database is reached through a proxy beside pod {pod.metadata.name}: this way ends with the pod")
    return Target(namespace=ways.client.namespace, object=f"pod/{pod.metadata.name}")


def _through(url: str, ports: list[int] | tuple[int, ...]) -> str:
    addresses = ",".join("127.0.0.1" for _ in ports)
    return make_conninfo(url, hostaddr=addresses, port=",".join(map(str, ports)))


def _hosts(url: str) -> list[tuple[str, int]]:
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.Error:
        # Its message quotes what may be the password: neither shown nor chained.
        raise RefusedError(
            "the database's address, as the replicas have it, is not one that PostgreSQL's clients understand",
            code="LK536",
            hint="give it as --database postgresql://USER@HOST:PORT/DATABASE, with the password in PGPASSWORD",
        ) from None
    hosts = str(parameters.get("hostaddr") or parameters.get("host") or "").split(",")
    ports = str(parameters.get("port") or DEFAULT_PORT).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return [(host, int(port or DEFAULT_PORT)) for host, port in zip(hosts, ports, strict=False)]


def _named(hosts: list[tuple[str, int]]) -> str:
    return ", ".join(f"{host or 'a socket'}:{port}" for host, port in hosts)


def _not_so(why: str) -> UnreachableError:
    return UnreachableError(why, code="LK537", hint=None)
