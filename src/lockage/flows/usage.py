"""Read how much an application is used: by its profile's queries, or from samples of PostgreSQL's own counters.

Not for choosing windows (``core.plan.window``). The surprising thing: only the history is needed. A query for jobs, schedules
or the present that fails costs its part of the answer and is said, since a window without it is better than none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from lockage.core.plan.cron import parse_cron
from lockage.core.plan.load import LoadSample, usage_of_load
from lockage.core.plan.usage import JobsBegun, UsageSample
from lockage.core.plan.window import KnownJobs
from lockage.core.plan.window_report import Measure
from lockage.core.release.profile import UsageProfile
from lockage.errors import LockageError, UsageError
from lockage.ports import Narrate
from lockage.settings import Windows

Ask = Callable[[str], tuple[Mapping[str, object], ...]]
"""Rows of a read-only query: ``Database.ask``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Jobs that a schedule begins."""

    cron: str
    jobs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """How much is going on at this moment."""

    people: float  # or ``UsageHistory.measure``
    jobs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageHistory:
    """What is known of an application's usage."""

    measure: Measure
    source: str  # what was counted, for people
    samples: tuple[UsageSample, ...]
    jobs: tuple[JobsBegun, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    present: Present | None = None
    notes: tuple[str, ...] = field(default=())  # what could not be read, one sentence each

    @property
    def first_at(self) -> datetime | None:
        """Where it begins; None without any."""
        return min((sample.start_at for sample in self.samples), default=None)

    @property
    def last_at(self) -> datetime | None:
        """Where it ends; None without any."""
        return max((s.start_at + timedelta(seconds=s.seconds) for s in self.samples), default=None)

    @property
    def watched_s(self) -> float:
        """Seconds that the samples cover."""
        return sum(sample.seconds for sample in self.samples)


def read_usage(profile: UsageProfile, ask: Ask, *, narrate: Narrate) -> UsageHistory:
    """The usage that the profile's queries tell.

    Raises ``UsageError`` (LK201) when a query gives other columns than it should, and what asking for the history raises.
    """
    narrate("reading how much the application was used")
    history = [_row(row, _HistoryRow, "history") for row in ask(profile.history)]
    notes: list[str] = []

    def optional(sql: str | None, what: str) -> tuple[Mapping[str, object], ...]:
        if sql is None:
            return ()
        narrate(f"reading {what}")
        try:
            return ask(sql)
        except UsageError:
            raise
        except LockageError as error:
            notes.append(f"{what} could not be read and are not counted: {error.message}")
            return ()

    jobs = [_row(row, _JobsRow, "jobs") for row in optional(profile.jobs, "the jobs that people began")]
    schedules = [_row(row, _ScheduleRow, "schedules") for row in optional(profile.schedules, "the jobs that schedules begin")]
    present = [_row(row, _NowRow, "now") for row in optional(profile.now, "the people and jobs of this moment")]
    return UsageHistory(
        measure="people",
        source=profile.history_text or "the profile's history of usage",
        samples=tuple(UsageSample(start_at=row.start_at, seconds=row.seconds, people=row.people) for row in history),
        jobs=tuple(JobsBegun(start_at=row.start_at, seconds=row.seconds, jobs=row.jobs) for row in jobs),
        schedules=tuple(Schedule(cron=row.schedule, jobs=row.jobs) for row in schedules),
        present=Present(people=present[0].people, jobs=present[0].jobs) if present else None,
        notes=tuple(notes),
    )


def usage_from_load(samples: Sequence[LoadSample], *, settings: Windows) -> UsageHistory:
    """The usage that samples of PostgreSQL's counters tell; ``people`` is transactions a second."""
    return UsageHistory(
        measure="transactions/s",
        source=f"{len(samples)} samples of PostgreSQL's counters by lockage window --sample",
        samples=usage_of_load(samples, gap_s=settings.sample_gap_s),
    )


def sample_load(ask: Ask, query: str) -> LoadSample:
    """The database's counters now; ``query`` gives one row with the fields of a ``LoadSample``."""
    return msgspec.convert(_in_utc(ask(query)[0]), LoadSample)


def known_jobs(
    schedules: Sequence[Schedule], *, begin: datetime, end: datetime, zone: ZoneInfo
) -> tuple[tuple[KnownJobs, ...], tuple[str, ...]]:
    """The jobs that schedules will begin from ``begin`` to ``end``, and a sentence for each schedule that cannot be read."""
    known: list[KnownJobs] = []
    notes: list[str] = []
    for schedule in schedules:
        try:
            cron = parse_cron(schedule.cron, zone=zone)
        except ValueError as error:
            notes.append(f"a schedule that begins {schedule.jobs:.0f} jobs is not counted: {error}")
            continue
        known += [KnownJobs(at=at, jobs=schedule.jobs) for at in cron.firings(begin, end)]
    return tuple(known), tuple(notes)


# --- rows ----------------------------------------------------------------------------------------------------------------


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Length = Annotated[float, msgspec.Meta(gt=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]


class _HistoryRow(msgspec.Struct, frozen=True):
    start_at: Moment
    seconds: Length
    people: Amount


class _JobsRow(msgspec.Struct, frozen=True):
    start_at: Moment
    seconds: Length
    jobs: Amount


class _ScheduleRow(msgspec.Struct, frozen=True):
    schedule: str
    jobs: Amount


class _NowRow(msgspec.Struct, frozen=True):
    people: Amount
    jobs: Amount


_Row = TypeVar("_Row", _HistoryRow, _JobsRow, _ScheduleRow, _NowRow)


def _row(row: Mapping[str, object], kind: type[_Row], key: str) -> _Row:
    # numeric comes as Decimal, which is a number to the reader of a profile.
    plain = {name: float(value) if isinstance(value, Decimal) else value for name, value in _in_utc(row).items()}
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        expected = ", ".join(kind.__struct_fields__)
        raise UsageError(
            f"the profile's usage.{key} gives a row that does not fit: {error}",
            code="LK201",
            hint=f"a query that gives {expected}: moments as timestamptz, numbers of at least 0 as float8",
        ) from error


def _in_utc(row: Mapping[str, object]) -> dict[str, object]:
    # Moments come in the time zone of the session.
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for name, value in row.items()
    }
