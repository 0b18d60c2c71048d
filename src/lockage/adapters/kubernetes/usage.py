"""What pods use of memory and CPU: from the metrics server where there is one, else from each container's own control group.

Not for waiting: ``UsageWatch.latest`` gives what was seen last and never asks anybody, because a look into a container takes
longer than a guard has. The surprising thing: memory that the kernel could take back (file pages not used of late) is left out,
as the kubelet leaves it out; what is killed for is the rest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx2
import msgspec
from httpx2.websockets import HTTPXWSException
from lightkube.core.exceptions import ApiError

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.quotas import quantity
from lockage.adapters.kubernetes.raw import Anything, api_groups, at, listed, sequence_at
from lockage.core.facts import Usage
from lockage.errors import LockageError, UnreachableError

METRICS = "metrics.k8s.io"
"""API group of the metrics server."""

EVERY_S = 1.0
"""Between two readings; the metrics server itself has a new one every 15 s."""

IDLE_S = 5.0
"""Without a question for so long nobody guards any more, and the reading stops."""

EXEC_LIMIT_S = 3.0
"""For reading a few files in a container: it takes a tenth of a second, and a stuck one must not keep the others waiting."""

NO_PROGRAM = "executable file not found"
"""What a container runtime says of an image without the program, such as a distroless one. Source: runc 1.2, crun 1.19."""

V2 = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/cpu.stat")
"""Source: Linux, Documentation/admin-guide/cgroup-v2.rst; a container sees its own group as the root."""

V1 = (
    "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    "/sys/fs/cgroup/memory/memory.stat",
    "/sys/fs/cgroup/cpuacct/cpuacct.usage",
)
"""Source: Linux, Documentation/admin-guide/cgroup-v1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One container to look at."""

    pod: str
    container: str
    memory_limit_bytes: int | None
    cpu_limit_cores: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one container used; CPU as all seconds since it began."""

    memory_bytes: int | None = None
    cpu_s: float | None = None
    cpu_cores: float | None = None  # where the source tells the rate itself
    at_s: float = 0.0


class UsageWatch:
    """Reads in a thread of its own while somebody asks."""

    def __init__(self, targets: Callable[[], Sequence[Target]], read: Callable[[Sequence[Target]], dict[str, Reading]]) -> None:
        self._targets = targets
        self._read = read
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._thread: threading.Thread | None = None
        self._usage: tuple[Usage, ...] = ()
        self._before: dict[str, Reading] = {}

    def latest(self) -> tuple[Usage, ...]:
        """What was seen last; nothing at first."""
        with self._lock:
            self._asked_at = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._usage = ()  # whatever was seen is of another time
                self._thread = threading.Thread(target=self._go_on, name="lockage-usage", daemon=True)
                self._thread.start()
            return self._usage

    def _go_on(self) -> None:
        while True:
            usage = self._once()
            with self._lock:
                self._usage = usage
                if time.monotonic() - self._asked_at > IDLE_S:
                    self._thread = None
                    return
            time.sleep(EVERY_S)

    def _once(self) -> tuple[Usage, ...]:
        try:
            targets = self._targets()
            readings = self._read(targets)
        except (LockageError, httpx2.HTTPError, ApiError, RuntimeError):  # the client may have been closed meanwhile
            return ()
        usage = tuple(_usage(target, readings.get(target.pod), self._before.get(target.pod)) for target in targets)
        self._before = readings
        return usage


def _usage(target: Target, now: Reading | None, before: Reading | None) -> Usage:
    cores = now.cpu_cores if now else None
    if now and before and now.cpu_s is not None and before.cpu_s is not None and now.at_s > before.at_s:
        cores = max(0.0, (now.cpu_s - before.cpu_s) / (now.at_s - before.at_s))
    return Usage(
        replica=target.pod,
        memory_bytes=now.memory_bytes if now else None,
        memory_limit_bytes=target.memory_limit_bytes,
        cpu_cores=cores,
        cpu_limit_cores=target.cpu_limit_cores,
    )


# --- where it is read ----------------------------------------------------------------------------------------------------


def reader(client: KubernetesClient, *, metrics: bool) -> Callable[[Sequence[Target]], dict[str, Reading]]:
    """What reads all targets: the metrics server, or their control groups."""

    def read(targets: Sequence[Target]) -> dict[str, Reading]:
        if metrics:
            return _measured(client, targets)
        found = {target.pod: _inside(client, target) for target in targets}
        return {pod: reading for pod, reading in found.items() if reading is not None}

    return read


def _measured(client: KubernetesClient, targets: Sequence[Target]) -> dict[str, Reading]:
    answer = msgspec.json.decode(
        client.send("GET", f"/apis/metrics.k8s.io/v1beta1/namespaces/{client.namespace}/pods"), type=dict[str, object]
    )
    containers = {target.pod: target.container for target in targets}
    found: dict[str, Reading] = {}
    for item in sequence_at(answer, "items"):
        pod = str(at(item, "metadata", "name"))
        one = next((c for c in sequence_at(item, "containers") if at(c, "name") == containers.get(pod)), None)
        if one is not None:
            memory, cpu = quantity(at(one, "usage", "memory")), quantity(at(one, "usage", "cpu"))
            found[pod] = Reading(memory_bytes=int(memory), cpu_cores=float(cpu))
    return found


def _inside(client: KubernetesClient, target: Target) -> Reading | None:
    found = _looked_inside(client, target)
    return found if isinstance(found, Reading) else None


def _looked_inside(client: KubernetesClient, target: Target) -> Reading | str:
    """What `cat` shows of a container's control group; else why it shows nothing, in a clause."""
    for files in (V2, V1):
        try:
            done = client.kube.exec(
                target.pod,
                container=target.container,
                command=["cat", *files],
                stdout=True,
                stderr=True,
                decode=None,
                timeout=EXEC_LIMIT_S,
            )
        except httpx2.TimeoutException:
            return f"cat did not end within {EXEC_LIMIT_S:g} s"
        except LockageError as error:  # no right to pods/exec
            return _why_not(error.message)
        except ApiError as error:
            return _why_not(" ".join(str(error.status.message).split()))
        except (httpx2.HTTPError, HTTPXWSException) as error:
            return f"the connection broke off: {error or type(error).__name__}"
        out = done.stdout
        reading = parsed(out.decode(errors="replace") if isinstance(out, bytes) else out or "", at_s=time.monotonic())
        if reading is not None:
            return reading
    return "it has no control group that can be read"


def _why_not(said: str) -> str:
    return "its image has no cat" if NO_PROGRAM in said else said[:200]


def parsed(text: str, *, at_s: float) -> Reading | None:
    """What the files of either version of control groups say, one after the other; None when they were not there."""
    numbers = [line for line in text.splitlines() if line.isdecimal()]
    named = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    try:
        inactive = int(named.get("total_inactive_file", named.get("inactive_file", "0")))
        if "usage_usec" in named:
            cpu_s = int(named["usage_usec"]) / 1e6
        else:
            cpu_s = int(numbers[1]) / 1e9 if len(numbers) > 1 else None
        return Reading(memory_bytes=max(0, int(numbers[0]) - inactive), cpu_s=cpu_s, at_s=at_s)
    except (ValueError, IndexError):  # no such files, or none of the kernel's
        return None


def target_of(pod: Anything, container: str) -> Target | None:
    """The application's container of a pod that runs; None for one that does not."""
    running = any(
        at(status, "name") == container and at(status, "state", "running") is not None
        for status in sequence_at(pod.status, "containerStatuses")
    )
    if not running:
        return None
    limits = next(
        (at(c, "resources", "limits") for c in sequence_at(pod.spec, "containers") if at(c, "name") == container), None
    )
    memory, cpu = quantity(at(limits, "memory")), quantity(at(limits, "cpu"))
    return Target(
        pod=pod.metadata.name,
        container=container,
        memory_limit_bytes=int(memory) or None,
        cpu_limit_cores=float(cpu) if cpu > Decimal(0) else None,
    )


def running_targets(client: KubernetesClient, names: Sequence[str], container: str) -> list[Target]:
    """The application's containers that run, of these pods. Raises as the client does."""
    pods = listed(client, f"/api/v1/namespaces/{client.namespace}/pods")
    found = (target_of(pod, container) for pod in pods if pod.metadata.name in names)
    return [target for target in found if target is not None]


# --- for a diagnosis ------------------------------------------------------------------------------------------------------

LOOKED_INTO = 3
"""Containers that are looked into at most, where there is no metrics server: of the newest replicas that are not ready."""

BETWEEN_S = 0.5
"""Between two looks into a container, which give its CPU."""


def usage_now(client: KubernetesClient, names: Sequence[str], starting: Sequence[str], container: str) -> tuple[Usage, ...]:
    """What these pods use, by the metrics server; without one, what a few of those that are ``starting`` use.

    Those are looked into: `cat` reads three files of the kernel in them, which changes nothing and takes the right to
    pods/exec. Raises as the client does, ``UnreachableError`` (LK600), with the reason, where nothing tells it.
    """
    if METRICS in api_groups(client):
        targets = running_targets(client, names, container)
        measured = _measured(client, targets)
        return tuple(_usage(target, measured.get(target.pod), None) for target in targets)
    return _looked_into(client, running_targets(client, starting[:LOOKED_INTO], container))


def _looked_into(client: KubernetesClient, targets: Sequence[Target]) -> tuple[Usage, ...]:
    found = {target.pod: _looked_inside(client, target) for target in targets}
    before = {pod: reading for pod, reading in found.items() if isinstance(reading, Reading)}
    if not before:
        why = next((f", and {pod} cannot be looked into: {said}" for pod, said in found.items()), "")
        raise UnreachableError(f"there is no metrics server{why}", code="LK600", hint="kubectl top pods")
    time.sleep(BETWEEN_S)
    now = reader(client, metrics=False)(targets)
    return tuple(_usage(target, now.get(target.pod), before.get(target.pod)) for target in targets)
