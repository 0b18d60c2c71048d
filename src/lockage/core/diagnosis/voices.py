"""What the replicas that are in trouble complain of now, each with the process that said it.

For rules that begin with a log line. Not for the log of a replica that is well: what it complained of is over, or its users'
business. The surprising thing: a client that tries again says "connection refused" ten times and then goes on, so of one
process only the last complaint counts, and of a process that lives only a fresh one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lockage.core.diagnosis.evidence import Container, ContainerPhase, LogText, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.log_lines import Complaint, complaints, read_lines
from lockage.core.diagnosis.migrator_lines import Step, migrator_lines
from lockage.core.diagnosis.present import CLOCK_S, age_s, in_trouble, living, log_exhibit, log_of, own_containers
from lockage.core.diagnosis.server_messages import Fault

FRESH_S = 120.0
"""How old the last complaint of a process that lives may be: clients that try again do it every few seconds."""

LAST_LINES = 25
"""How near the end of the log of a process that lives it must stand, where its line has no time."""

TOLD_TO_END = frozenset({"25P03", "25P04", "57P01", "57P02", "57P05"})
"""What the server says before it ends a connection; its client goes on to say that the connection is closed."""

_MIGRATOR = re.compile(r"(?i)migrat|alembic|flyway|liquibase|schema_version|goose")

YOUNG_S = 60.0
"""How long after a restart a process that has not said anything yet is taken to be on its way to its predecessor's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A replica in trouble, and what it complains of."""

    detail: ReplicaDetail
    container: Container
    log: LogText
    complaint: Complaint
    ended: bool  # the process that said it is over

    @property
    def exhibit(self) -> Exhibit:
        """The line that it stands on."""
        return log_exhibit(self.log, self.complaint.raw)

    @property
    def migrates(self) -> bool:
        """Whether the log shows that it was said by a migrator, or while one worked."""
        said = (self.complaint.raw, *self.complaint.trace)
        if any(_MIGRATOR.search(text) for text in said):
            return True
        last = [line.step for line in migrator_lines(self.log)]
        return bool(last) and last[-1] in {Step.BEGUN, Step.LOCKED, Step.FAILED, Step.DONE}


def voices(case: Case) -> Iterator[Voice]:
    """The last complaint of each container that is in trouble."""
    for detail in living(case):
        for container in own_containers(detail):
            if in_trouble(case, detail, container):
                found = _voice(case, detail, container)
                if found is not None:
                    yield found


def fresh_voices(case: Case) -> Iterator[Voice]:
    """The last complaint of each container that runs, if it is fresh, whether the replica is called ready or not.

    For what shows elsewhere too: a health check may never ask the database.
    """
    for detail in living(case):
        for container in own_containers(detail):
            log = log_of(case, detail.name, container.name, previous=False)
            complaint = _fresh(case, log, container) if log is not None else None
            if log is not None and complaint is not None and container.state.phase is ContainerPhase.RUNNING:
                yield Voice(detail=detail, container=container, log=log, complaint=complaint, ended=False)


def _voice(case: Case, detail: ReplicaDetail, container: Container) -> Voice | None:
    current = log_of(case, detail.name, container.name, previous=False)
    before = log_of(case, detail.name, container.name, previous=True)
    if container.state.phase is not ContainerPhase.RUNNING:
        # Of a container that waits to be started again, "current" is the process before: see ``log_of_ending``.
        return _last_of(detail, container, before or current, ended=True)
    if current is not None:
        complaint = _fresh(case, current, container)
        if complaint is not None:
            return Voice(detail=detail, container=container, log=current, complaint=complaint, ended=False)
    started = container.state.started_at
    if container.restarts and started is not None and age_s(case, started) < YOUNG_S:
        return _last_of(detail, container, before, ended=True)
    return None


def _last_of(detail: ReplicaDetail, container: Container, log: LogText | None, *, ended: bool) -> Voice | None:
    found = complaints((log,)) if log is not None else ()
    if log is None or not found:
        return None
    return Voice(detail=detail, container=container, log=log, complaint=_root(found), ended=ended)


def _root(found: tuple[Complaint, ...]) -> Complaint:
    """The last complaint; where that only follows from the one before, or says it again with less, the one before."""
    telling = [one for one in found if one.sqlstate != "25P02"] or list(found)
    last = telling[-1]
    if is_aftermath(last):
        before = next((one for one in reversed(telling) if not is_aftermath(one)), None)
        return before if before is not None and before.sqlstate in TOLD_TO_END else last
    if last.stated:
        return last
    fuller = (one for one in telling[:-1] if one.sqlstate is not None and last.message in one.words)
    return next(fuller, last)


def is_aftermath(complaint: Complaint) -> bool:
    """Whether it only says that the connection is not there any more."""
    unknown = complaint.sqlstate is None and complaint.fault is None
    return unknown or complaint.fault is Fault.LOST or complaint.sqlstate in {"08003", "08006"}


def _fresh(case: Case, log: LogText, container: Container) -> Complaint | None:
    found = complaints((log,))
    if not found:
        return None
    last = _root(found)
    steps = migrator_lines(log)
    if steps and steps[-1].step in {Step.LOCKED, Step.BEGUN, Step.WAITS} and _behind(log, steps[-1].raw, last.raw):
        return None  # it got in, and went on
    if last.at is not None and _can_be(last.at, container):
        return last if age_s(case, last.at) < FRESH_S else None
    tail = {line.raw for line in read_lines(log)[-LAST_LINES:]}
    return last if last.raw.rstrip("\r\n") in tail else None


def _can_be(at: datetime, container: Container) -> bool:
    """Whether the process was there then: a logger that writes local time without its zone seems hours early."""
    began = container.state.started_at
    return began is None or (at - began).total_seconds() >= -CLOCK_S


def _behind(log: LogText, later: str, earlier: str) -> bool:
    """Whether one line of a log stands behind another."""
    lines = [line.rstrip("\r\n") for line in log.lines]
    places = {line: index for index, line in enumerate(lines)}
    return places.get(later, -1) > places.get(earlier, len(lines))
