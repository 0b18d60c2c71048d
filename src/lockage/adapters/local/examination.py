"""The local platform looked at closely, for a diagnosis, behind ``lockage.ports.PlatformExaminer``.

Not for runs (``platform``). The surprising thing: a process has no container, no node and no quota, and yet the words are those
of Kubernetes ("CrashLoopBackOff", "Ready"), because the rules that read them are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lockage.adapters.local.client import SupervisorClient
from lockage.adapters.local.layout import Layout
from lockage.adapters.local.records import Health, Problem, SeenReplica
from lockage.core.diagnosis.evidence import (
    Condition,
    Container,
    ContainerPhase,
    ContainerState,
    LogText,
    Node,
    Quota,
    ReleaseRevision,
    ReplicaDetail,
    Revision,
)
from lockage.core.facts import Event, Exit, Replica, ReplicaPhase, Workload
from lockage.errors import RefusedError

BLOCK_BYTES = 65_536
"""How much of a log is read at once, from its end."""


class LocalExaminer:
    """One local deployment. Every method may raise ``UnreachableError`` (LK302)."""

    def __init__(self, state_dir: Path) -> None:
        """Raises ``RefusedError`` (LK308) when somebody else could listen in the supervisor's place."""
        for record in (Workload, tuple[SeenReplica, ...], tuple[Event, ...], Health, Problem):
            # Two threads that decode a type for the first time at the same moment crash the process (msgspec 0.22.0).
            msgspec.json.Decoder(record)
        self._layout = Layout.of(state_dir)
        self._client = SupervisorClient(self._layout.state_dir)

    def close(self) -> None:
        """Close what is open; the deployment goes on."""
        self._client.close()

    def conditions(self) -> tuple[Condition, ...]:
        """``Available`` and ``Progressing``, as far as the replicas tell; the supervisor has no deadline."""
        workload, seen = self._workload(), self._seen()
        ready = sum(one.replica.ready for one in seen)
        least = workload.replicas - workload.max_unavailable
        new = [one.replica for one in seen if one.replica.revision == workload.revision and one.replica.ready]
        done = len(new) == len(seen) == workload.replicas
        return (
            Condition(type="Available", status="True" if ready >= least else "False"),
            Condition(type="Progressing", status="True", reason="NewReplicaSetAvailable" if done else "ReplicaSetUpdated"),
        )

    def details(self) -> tuple[ReplicaDetail, ...]:
        """Every replica; its process is its only container, called like the workload."""
        workload = self._workload()
        return tuple(_detail(one, workload) for one in self._seen())

    def revisions(self) -> tuple[Revision, ...]:
        """The newest revision, and those that still have replicas."""
        workload = self._workload()
        replicas = [one.replica for one in self._seen()]
        numbers = {workload.revision, *(replica.revision for replica in replicas)}
        return tuple(_revision(workload, number, [r for r in replicas if r.revision == number]) for number in sorted(numbers))

    def events(self) -> tuple[Event, ...]:
        """Events, oldest first; one that repeats has the time of its last occurrence."""
        return self._client.look("/events", tuple[Event, ...])

    def log(self, replica: str, container: str, *, previous: bool, lines: int) -> LogText:
        """The newest lines of a replica's process; in back-off both words mean the process that ended last.

        Raises ``RefusedError`` (LK305) when there is no such replica.
        """
        seen = next((one for one in self._seen() if one.replica.name == replica), None)
        if seen is None:
            raise RefusedError(f"there is no replica {replica}", code="LK305", hint="look again; it was replaced")
        waits = seen.pid is None and seen.replica.last_exit is not None
        run = seen.runs - (2 if previous and not waits else 1)
        found, cut = newest_lines(self._layout.log_file(replica, run), lines)
        return LogText(replica=replica, container=container, lines=found, previous=previous, cut=cut)

    def nodes(self) -> tuple[Node, ...]:
        """None: replicas are processes of this machine, and nobody places them."""
        return ()

    def quotas(self) -> tuple[Quota, ...]:
        """None."""
        return ()

    def releases(self) -> tuple[ReleaseRevision, ...]:
        """None: Helm has none of it."""
        return ()

    def neighbours(self) -> tuple[str, ...]:
        """None: other local deployments are not known here."""
        return ()

    def _workload(self) -> Workload:
        return self._client.look("/workload", Workload)

    def _seen(self) -> tuple[SeenReplica, ...]:
        return self._client.look("/replicas", tuple[SeenReplica, ...])


def newest_lines(file: Path, lines: int) -> tuple[tuple[str, ...], bool]:
    """The last lines of a file, and whether there were more; none where there is no such file."""
    try:
        with file.open("rb") as log:
            at, found = log.seek(0, 2), b""
            while at > 0 and found.count(b"\n") <= lines:
                before = max(0, at - BLOCK_BYTES)
                log.seek(before)
                found, at = log.read(at - before) + found, before
    except FileNotFoundError:
        return (), False
    every = found.decode("utf-8", errors="replace").splitlines()
    return tuple(every[-lines:]), at > 0 or len(every) > lines


def _revision(workload: Workload, number: int, replicas: list[Replica]) -> Revision:
    newest = number == workload.revision
    there = [replica for replica in replicas if replica.phase is not ReplicaPhase.TERMINATING]
    return Revision(
        name=f"{workload.name}-{number}",
        number=number,
        image=workload.image if newest else replicas[0].image,
        release=workload.release if newest else replicas[0].release,
        wanted=workload.replicas if newest else len(there),
        present=len(there),
        ready=sum(replica.ready for replica in there),
        created_at=min((replica.created_at for replica in replicas), default=None),
    )


def _detail(seen: SeenReplica, workload: Workload) -> ReplicaDetail:
    replica = seen.replica
    ready = Condition(
        type="Ready", status="True" if replica.ready else "False", since=replica.ready_at if replica.ready else seen.unready_at
    )
    return ReplicaDetail(
        name=replica.name,
        revision=f"{workload.name}-{replica.revision}",
        phase="Running" if seen.runs else "Pending",
        conditions=(ready,),
        containers=(_container(seen, workload),),
        created_at=replica.created_at,
    )


def _container(seen: SeenReplica, workload: Workload) -> Container:
    replica = seen.replica
    own = replica.revision == workload.revision  # a probe belongs to its revision, and only the newest one's is told
    return Container(
        name=workload.name,
        image=replica.image,
        state=next(_states(seen)),
        last=_ended(replica.last_exit) if replica.last_exit is not None else None,
        ready=replica.ready,
        restarts=replica.restarts,
        liveness=workload.liveness if own else None,
        readiness=workload.readiness if own else None,
    )


def _states(seen: SeenReplica) -> Iterator[ContainerState]:
    """What it does, in Kubernetes' words; the first that fits."""
    replica = seen.replica
    if seen.pid is not None:
        yield ContainerState(phase=ContainerPhase.RUNNING, started_at=replica.started_at)
    if replica.phase is ReplicaPhase.BACK_OFF:
        text = f"back-off restarting failed container in pod {replica.name}"
        yield ContainerState(phase=ContainerPhase.WAITING, reason="CrashLoopBackOff", message=text)
    if replica.phase is ReplicaPhase.TERMINATING and replica.last_exit is not None:
        yield _ended(replica.last_exit)
    yield ContainerState(phase=ContainerPhase.WAITING, reason="ContainerCreating")


def _ended(last: Exit) -> ContainerState:
    # As a shell and Kubernetes count: 128 and the signal's number.
    signal = last.code - 128 if last.code > 128 else None
    return ContainerState(
        phase=ContainerPhase.TERMINATED, reason=last.reason, exit_code=last.code, signal=signal, finished_at=last.at
    )
