"""What a run writes: the notes on the object, the events it tells, and the report (``lockage.run/1``, ``lockage.event/1``).

Not for doing anything. The surprising thing: the notes alone are enough to go on. They carry the plan, so that another
machine with an empty journal ends where this one would have ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from lockage.core.facts import Contender, Probe, Workload
from lockage.core.forecast.assess import Seconds
from lockage.core.plan.steps import Hop, Plan, Strategy
from lockage.errors import HaltedError

RUN_NOTE = "lockage.dev/run"
"""Annotation that says which run owns the object, with its plan and the hop it has begun."""

FORMER_NOTE = "lockage.dev/former"
"""Annotation that says how the object was before we changed it."""

WAIVER_NOTE = "lockage.dev/waiver"
"""Annotation that names the restore point, or says that there is none and that this was accepted."""


class RunNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of the ``lockage.dev/run`` annotation."""

    version: Literal[1] = 1
    id: str
    plan_digest: str
    hop: int  # the hop that has begun, from 0
    holder: str
    plan: Plan


class FormerNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of the ``lockage.dev/former`` annotation."""

    version: Literal[1] = 1
    release: str
    replicas: int
    liveness: Probe | None
    autoscalers: tuple[Contender, ...] = ()  # that the run pins, as they were


class WaiverNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of the ``lockage.dev/waiver`` annotation: exactly one of the two is set."""

    version: Literal[1] = 1
    restore_point: str | None = None
    waived_at: datetime | None = None


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """The notes that stand on an object."""

    run: RunNote | None = None
    former: FormerNote | None = None
    waiver: WaiverNote | None = None


_Note = TypeVar("_Note", RunNote, FormerNote, WaiverNote)


def read_notes(workload: Workload) -> Notes:
    """The notes on the object; each None where there is none.

    Raises ``HaltedError`` (LK330) when a note is there and cannot be read: a person must look at it.
    """
    return Notes(
        run=_read(workload, RUN_NOTE, RunNote),
        former=_read(workload, FORMER_NOTE, FormerNote),
        waiver=_read(workload, WAIVER_NOTE, WaiverNote),
    )


def _read(workload: Workload, key: str, kind: type[_Note]) -> _Note | None:
    text = workload.annotations.get(key)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise HaltedError(
            f"annotation {key} on {workload.name} cannot be read: {error}",
            code="LK330",
            hint=f"look at it, and remove it by hand when no upgrade of {workload.name} is under way",
        ) from error


def write_note(note: RunNote | FormerNote | WaiverNote) -> str:
    """The annotation's text."""
    return msgspec.json.encode(note).decode()


class RunEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a run did or saw (``lockage.event/1``)."""

    schema: Literal["lockage.event/1"] = "lockage.event/1"
    at: datetime
    kind: str  # "run", "plan", "step-begun", "step-done", "acted", "saw", "halted", "ended"
    hop: int = -1
    step: str = ""
    text: str = ""
    data: Mapping[str, object] = msgspec.field(default_factory=dict[str, object])


class HopFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one hop took, in seconds; None where it was not measured."""

    from_release: str
    to_release: str
    strategy: Strategy
    termination_s: float | None = None  # from asking the old replicas to stop until the last was gone
    start_s: float | None = None  # from asking for the new one until its process ran
    migration_s: float | None = None  # of the migration's own session
    boot_s: float | None = None  # from process start to ready with nothing to migrate, on a further replica
    forecast_s: Seconds | None = None  # of ``migration_s``
    ledger: int | None = None  # where the ledger was when the target was verified

    @property
    def limit_s(self) -> float:
        """The shortest outage that this hop could have had."""
        return sum(part or 0.0 for part in (self.termination_s, self.start_s, self.migration_s, self.boot_s))


def figures_of(hop: Hop, measured: Mapping[str, float] | None = None) -> HopFigures:
    """The figures of a hop: what was planned, with what was ``measured`` (field names of ``HopFigures`` to numbers)."""
    figures = dict(measured or {})
    ledger = figures.pop("ledger", None)
    return HopFigures(
        from_release=hop.from_release,
        to_release=hop.to_release,
        strategy=hop.strategy,
        forecast_s=hop.forecast.total_s,
        ledger=None if ledger is None else int(ledger),
        **figures,
    )


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run (``lockage.run/1``)."""

    schema: Literal["lockage.run/1"] = "lockage.run/1"
    id: str
    deployment: str
    outcome: Literal["healthy", "halted", "nothing-to-do", "recovered"]
    from_release: str
    to_release: str
    route: tuple[str, ...]
    began_at: datetime
    ended_at: datetime
    hops: tuple[HopFigures, ...]
    halted: str | None = None  # the sentence, when halted
