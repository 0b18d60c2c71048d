"""Witnesses that say what a case's evidence holds, and can be made deaf, slow or unwilling one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from lockage.adapters.clock import SystemClock
from lockage.core.catalog.objects import CatalogObject
from lockage.core.diagnosis.evidence import LogText, Trouble
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import Activity
from lockage.errors import RefusedError
from lockage.flows.collect import Witnesses
from lockage.flows.collect_database import Reached
from lockage.settings import Collecting, Settings

QUICK = Settings(collecting=Collecting(limit_s=2.0, look_s=0.3, reach_s=0.6, look_gap_s=0.1))
"""Limits that a test can wait for."""


@dataclass(kw_only=True)
class Stage:
    """What the fakes do, by the name of a method; ``silent`` ends with the test."""

    case: Case
    acts: dict[str, Callable[..., Any]] = field(default_factory=dict)
    silent: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    logs: Mapping[tuple[str, bool], tuple[str, ...]] = field(default_factory=dict)

    def deaf(self, *names: str) -> None:
        for name in names:
            self.acts[name] = lambda *_, **__: self.silent.wait(60)

    def refused(self, *names: str) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise RefusedError("ops may not list events in namespace prod", code="LK504")

        for name in names:
            self.acts[name] = refuse

    def answer(self, name: str, *arguments: Any, otherwise: Any) -> Any:
        self.asked.append(name)
        return self.acts[name](*arguments) if name in self.acts else otherwise


class _Fake:
    """Every method that is named gives the field of the evidence with that name."""

    def __init__(self, stage: Stage, record: object, **fields: str) -> None:
        self._stage, self._record, self._fields = stage, record, fields

    def __getattr__(self, name: str) -> Callable[..., Any]:
        held = getattr(self._record, self._fields.get(name, name))
        return lambda *arguments, **_: self._stage.answer(name, *arguments, otherwise=held)


class _Closer(_Fake):
    def log(self, replica: str, container: str, *, previous: bool, lines: int) -> LogText:
        written = self._stage.logs.get((replica, previous), ("line",))
        self._stage.answer("log", replica, otherwise=None)
        return LogText(
            replica=replica, container=container, lines=written[-lines:], previous=previous, cut=len(written) > lines
        )


class _Database(_Fake):
    def activity(self) -> Activity:
        looks = self._record.looks  # type: ignore[attr-defined]
        nth = min(self._stage.asked.count("activity"), len(looks) - 1)
        return self._stage.answer("activity", otherwise=looks[nth])

    def catalog(self) -> tuple[CatalogObject, ...]:
        return self._stage.answer("catalog", otherwise=())

    def close(self) -> None:
        self._stage.closed.append("database")


class _DatabaseCloser(_Fake):
    def trouble(self) -> Trouble | None:
        return self._stage.answer("trouble", otherwise=None)


@contextmanager
def witnesses(stage: Stage, **changes: Any) -> Iterator[Witnesses]:
    """The witnesses of a stage; whatever is deaf is let go at the end."""
    seen, held = stage.case.evidence.platform, stage.case.evidence.database

    def reach() -> Reached:
        stage.answer("reach", otherwise=None)
        return Reached(
            database=_Database(stage, held),  # type: ignore[arg-type]
            closer=_DatabaseCloser(stage, held),  # type: ignore[arg-type]
            close_closer=lambda: stage.closed.append("closer"),
            close_way=lambda: stage.closed.append("way"),
        )

    made = Witnesses(
        deployment=stage.case.evidence.deployment,
        platform_kind="kubernetes",
        namespace=stage.case.evidence.namespace,
        platform=_Fake(stage, seen),  # type: ignore[arg-type]
        closer=_Closer(stage, seen),  # type: ignore[arg-type]
        reach=reach,
        service=None,
        profile=stage.case.profile,
        known=stage.case.known,
        script=stage.case.script,
        clock=SystemClock(),
        settings=QUICK,
    )
    try:
        yield replace(made, **changes)
    finally:
        stage.silent.set()
