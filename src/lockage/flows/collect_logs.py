"""Whose log is read first, when there are more replicas than seconds.

Part of ``collect``, and not for judging what stands in a log. The surprising thing: a container that waits to be started again
has one log and not two, and it is the one *before*: that of the process that ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lockage.core.diagnosis.evidence import Container, ContainerPhase, LogText, Missing, PlatformEvidence, ReplicaDetail
from lockage.flows.looks import Answer, Looks
from lockage.ports import PlatformExaminer
from lockage.settings import Collecting

NAMED = 3
"""Logs that failed alike and are named one by one; more become one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    replica: str
    container: str
    previous: bool
    well: bool  # nothing speaks for trouble in that container


class LogLooks:
    """The logs of the replicas that matter most."""

    def __init__(self, closer: PlatformExaminer, looks: Looks, settings: Collecting) -> None:
        self._closer = closer
        self._looks = looks
        self._settings = settings
        self._asked: tuple[Answer[LogText], ...] | None = None
        self._left_out = 0

    def begin(self, seen: PlatformEvidence) -> None:
        """Ask for the logs of these replicas, in several threads."""
        if seen.details is None:
            return
        wanted = list(_wanted(_by_trouble(seen.details)))
        most = self._settings.logs_most
        self._left_out = len(wanted[most:])
        asked = tuple(self._answer(log) for log in wanted[:most])
        self._asked = asked
        self._looks.share(asked, threads=self._settings.log_threads)

    def texts(self) -> tuple[LogText, ...] | None:
        """What was read and is not empty; None where no log was read at all."""
        if self._asked is None or (self._asked and all(answer.value is None for answer in self._asked)):
            return None
        return tuple(answer.value for answer in self._asked if answer.value is not None and answer.value.lines)

    def missing(self) -> tuple[Missing, ...]:
        """What was not, alike failures as one."""
        failed: dict[str, list[str]] = {}
        for answer in self._asked or ():
            if answer.why is not None:
                failed.setdefault(answer.why, []).append(answer.source)
        found = [Missing(source=source, why=why) for why, sources in failed.items() for source in _together(sources)]
        if self._left_out:
            why = f"the logs of {len(self._asked or ())} containers in more trouble, or newer, were read first"
            found.append(Missing(source=f"{self._left_out} further logs", why=why))
        return tuple(found)

    def _answer(self, log: _Log) -> Answer[LogText]:
        lines = self._settings.log_lines_well if log.well else self._settings.log_lines

        def read() -> LogText:
            return self._cut(self._closer.log(log.replica, log.container, previous=log.previous, lines=lines))

        which = ", previous" if log.previous else ""
        return Answer(f"log of container {log.container} of {log.replica}{which}", read)

    def _cut(self, log: LogText) -> LogText:
        most = self._settings.log_line_chars
        return replace(log, lines=tuple(line if len(line) <= most else f"{line[:most]} …" for line in log.lines))


def _by_trouble(details: Sequence[ReplicaDetail]) -> list[ReplicaDetail]:
    """Those in trouble first, then the newest; and of those that are well one of each revision before the others."""
    newest = sorted(details, key=lambda detail: detail.created_at.timestamp() if detail.created_at else 0.0, reverse=True)
    seen: set[str] = set()
    ranked: list[tuple[tuple[bool, bool, bool], ReplicaDetail]] = []
    for detail in newest:
        ready = any(one.type == "Ready" and one.status == "True" for one in detail.conditions)
        restarted = any(container.restarts for container in detail.containers)
        ranked.append(((ready, not restarted, detail.revision in seen), detail))
        seen.add(detail.revision)
    return [detail for _, detail in sorted(ranked, key=lambda pair: pair[0])]


def _wanted(details: Sequence[ReplicaDetail]) -> Iterator[_Log]:
    """The logs, the less telling ones at the end."""
    later: list[_Log] = []
    for detail in details:
        for container in sorted(detail.containers, key=lambda one: (not one.main, one.init)):
            well = _well(container)
            logs = [
                _Log(replica=detail.name, container=container.name, previous=previous, well=well)
                for previous in _written(container)
            ]
            if container.main or not well:
                yield from logs
            else:
                later += logs
    yield from later


def _written(container: Container) -> Iterator[bool]:
    """Which logs there are: False for the process that is there (or was the only one), True for the one before."""
    if container.state.phase is not ContainerPhase.WAITING:
        yield False
    if container.last is not None:
        yield True


def _well(container: Container) -> bool:
    done = container.init and container.state.phase is ContainerPhase.TERMINATED and container.state.exit_code == 0
    return (container.ready or done) and not container.restarts


def _together(sources: Sequence[str]) -> Sequence[str]:
    return sources if len(sources) <= NAMED else (f"{len(sources)} logs, {sources[0].removeprefix('log of ')} among them",)
