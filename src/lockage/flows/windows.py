"""Propose windows: how long one must be, when the fewest people work, and what forbids it.

Not for waiting for one (``appointment``). The surprising thing: everything that could not be read is in the report's notes, and
makes a window less sure, never more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lockage.core.plan.length import plan_high_s, window_length_s
from lockage.core.plan.steps import Plan
from lockage.core.plan.usage import weekly_usage
from lockage.core.plan.window import Freeze, Wish, propose_windows, rounded_length_s
from lockage.core.plan.window_report import UsageSource, WindowReport
from lockage.core.plan.window_wording import length
from lockage.flows.usage import UsageHistory, known_jobs
from lockage.ports import Clock
from lockage.settings import Windows

STALE_S = 86_400.0
"""A history that ended more than a day ago is said to be old: something that wrote it has stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLength:
    """How long a window must be, for which release, and why."""

    seconds: float
    text: str
    to_release: str | None = None


def length_asked(seconds: float) -> WindowLength:
    """The length that was asked for, in whole five minutes."""
    return WindowLength(seconds=rounded_length_s(seconds), text=f"{length(rounded_length_s(seconds))} as asked for")


def length_for(plan: Plan, *, unknown_s: float, settings: Windows) -> WindowLength:
    """The length into which a plan fits with room; ``unknown_s`` counts for a migration whose high end is not known."""
    seconds = window_length_s(plan.hops, unknown_s=unknown_s, settings=settings)
    if not plan.hops:
        return WindowLength(
            seconds=seconds, text=f"{length(seconds)}: {plan.to_release} runs already", to_release=plan.to_release
        )
    high = length(plan_high_s(plan.hops, unknown_s=unknown_s))
    unknown = any(hop.forecast.total_s.high is None for hop in plan.hops)
    counted = f", a migration whose high end is unknown counting {length(unknown_s)}" if unknown else ""
    text = (
        f"{length(seconds)}: the upgrade to {plan.to_release} takes up to {high}{counted}; "
        f"{settings.length_factor:g} times that, with {length(settings.margin_s)} on either side"
    )
    return WindowLength(seconds=seconds, text=text, to_release=plan.to_release)


def windows_for(
    deployment: str,
    *,
    history: UsageHistory,
    wanted: WindowLength,
    days: int,
    count: int,
    zone: ZoneInfo,
    freezes: Sequence[Freeze],
    clock: Clock,
) -> WindowReport:
    """The report: the best windows of the next days, and everything that they stand on."""
    now = clock.now()
    usage = weekly_usage(history.samples, zone, jobs=history.jobs)
    known, notes = known_jobs(history.schedules, begin=now, end=now + timedelta(days=days), zone=zone)
    proposals = propose_windows(
        usage,
        Wish(now=now, length_s=wanted.seconds, days=days, count=count),
        freezes=freezes,
        known=known,
    )
    return WindowReport(
        at=now,
        deployment=deployment,
        to_release=wanted.to_release,
        time_zone=zone.key,
        days=days,
        length_s=wanted.seconds,
        length_text=wanted.text,
        source=_source_of(history),
        week=tuple(usage.slots.values()),
        unknown=usage.unknown,
        freezes=proposals.freezes,
        considered=proposals.considered,
        left_out_unknown=proposals.unknown,
        left_out_frozen=proposals.frozen,
        windows=proposals.windows,
        notes=(*history.notes, *notes, *_stale(history, now)),
    )


def _source_of(history: UsageHistory) -> UsageSource:
    return UsageSource(
        measure=history.measure,
        text=history.source,
        first_at=history.first_at,
        last_at=history.last_at,
        watched_s=history.watched_s,
        people_now=history.present.people if history.present else None,
        jobs_now=history.present.jobs if history.present else None,
    )


def _stale(history: UsageHistory, now: datetime) -> tuple[str, ...]:
    old_s = 0.0 if history.last_at is None else (now - history.last_at).total_seconds()
    return (f"the history of usage ended {length(old_s)} ago",) if old_s > STALE_S else ()
