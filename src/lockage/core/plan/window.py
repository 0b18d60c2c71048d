"""Windows: stretches of time in which few people work, chosen from the weekly pattern of usage.

Not for reading usage or calendars. The surprising thing: a half hour of which nothing is known is never quiet. It is left out,
counted and said, like everything that a freeze forbids; and holidays are not guessed, they come from a calendar or not at all.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockage.core.plan.usage import HALF_HOUR_S, SlotUsage, WeeklyUsage, half_hour_of, half_hours, slot_of
from lockage.core.wording import counted
from lockage.errors import UsageError

ROUND_TO_S = 300.0
"""A window's length is rounded up to whole five minutes: nobody announces an outage of 17 minutes."""

SHOULDER_S = 3600.0
"""Of two windows that are equally quiet the one with the quieter hour before and after it is better: a run can be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time; ``end`` None: it is known only when it begins."""

    begin: datetime  # aware
    end: datetime | None

    @property
    def id(self) -> str:
        """What ``--at`` takes: ``2026-11-29T03:00+01:00/PT45M``."""
        # By timestamps: on a local clock that is changed in between, subtraction would count the wall's minutes.
        begin = self.begin.isoformat(timespec="minutes")
        return begin if self.end is None else f"{begin}/{_iso_duration(self.end.timestamp() - self.begin.timestamp())}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A stretch of time in which nothing may be changed."""

    begin: datetime  # aware UTC
    end: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownJobs:
    """Jobs that will begin at a known moment, beside those that people begin: autostarts."""

    at: datetime  # aware UTC
    jobs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What kind of window is looked for."""

    now: datetime
    length_s: float
    days: int
    count: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One window, with those whom it would meet."""

    id: str  # for --at
    begin: datetime  # local time, with its offset
    end: datetime
    people_at_once: float  # expected in its busiest half hour
    people_sum: float  # expected over its half hours: at most so many different people
    most_people: float  # ever seen at once in any of its half hours
    jobs_at_once: float  # expected to begin in its busiest half hour, scheduled ones included
    jobs_sum: float  # expected to begin in it, scheduled ones included
    scheduled_jobs: float  # of these, those that a schedule will begin
    weeks: int  # seen of its least known half hour
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """The best windows, best first, and what was left out."""

    windows: tuple[Proposal, ...]
    considered: int  # windows that were looked at
    unknown: int  # left out because nothing is known of a half hour
    frozen: int  # left out because of a freeze
    freezes: tuple[Freeze, ...]  # that lie in the time looked at


def propose_windows(
    usage: WeeklyUsage, wish: Wish, *, freezes: Iterable[Freeze] = (), known: Iterable[KnownJobs] = ()
) -> Proposals:
    """The best windows of the next days, at most one a local day, best first; the same input gives the same answer.

    Best is: the fewest people and jobs expected, then the quietest hour around it, then the earliest.
    """
    horizon = wish.now + timedelta(days=wish.days)
    in_the_way = sorted((f for f in freezes if f.begin < horizon and f.end > wish.now), key=lambda f: (f.begin, f.end, f.text))
    scene = _Scene(usage, known)
    unknown = frozen = considered = 0
    best: dict[object, tuple[_Rank, Proposal]] = {}
    for begin in _starts(wish, usage):
        end = begin + timedelta(seconds=wish.length_s)
        if end > horizon:
            break
        considered += 1
        if any(f.begin < end and begin < f.end for f in in_the_way):
            frozen += 1
            continue
        inside = scene.between(begin, end)
        if inside is None:
            unknown += 1
            continue
        rank = _rank(scene, inside, begin, end)
        day = begin.astimezone(usage.zone).date()
        if day not in best or rank < best[day][0]:
            best[day] = (rank, _proposal(inside, begin, end, usage))
    ranked = sorted(best.values(), key=lambda pair: pair[0])
    return Proposals(
        windows=tuple(proposal for _, proposal in ranked[: wish.count]),
        considered=considered,
        unknown=unknown,
        frozen=frozen,
        freezes=tuple(in_the_way),
    )


_Rank = tuple[float, float, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One half hour of a window: what is usual in it, what is scheduled, and how much of it lies in the window."""

    usual: SlotUsage
    scheduled: float
    share: float

    @property
    def people(self) -> float:
        return self.usual.people * self.share

    @property
    def jobs(self) -> float:
        return self.usual.jobs * self.share + self.scheduled


class _Scene:
    def __init__(self, usage: WeeklyUsage, known: Iterable[KnownJobs]) -> None:
        self._usage = usage
        self._known = sorted((k.at, k.jobs) for k in known)
        self._moments = [at for at, _ in self._known]

    def between(self, begin: datetime, end: datetime) -> tuple[_Part, ...] | None:
        """The parts of a stretch of time; None where nothing is known of one."""
        parts: list[_Part] = []
        at = begin
        for slot_begin, seconds in half_hours(begin, end, self._usage.zone):
            usual = self._usage.slots.get(slot_of(slot_begin, self._usage.zone))
            if usual is None:
                return None
            until = at + timedelta(seconds=seconds)
            first, last = bisect_left(self._moments, at), bisect_left(self._moments, until)
            scheduled = sum(jobs for _, jobs in self._known[first:last])
            parts.append(_Part(usual=usual, scheduled=scheduled, share=seconds / HALF_HOUR_S))
            at = until
        return tuple(parts)


def _starts(wish: Wish, usage: WeeklyUsage) -> Iterator[datetime]:
    begin, after = half_hour_of(wish.now, usage.zone)
    at = begin if begin >= wish.now else after
    while at <= wish.now + timedelta(days=wish.days):
        yield at
        at = half_hour_of(at, usage.zone)[1]


def _rank(scene: _Scene, inside: Sequence[_Part], begin: datetime, end: datetime) -> _Rank:
    shoulder = timedelta(seconds=SHOULDER_S)
    around = scene.between(begin - shoulder, begin), scene.between(end, end + shoulder)
    # Rounded, so that two weeks with the same pattern are equal whatever the last bit of a sum says.
    late = sum(math.inf if parts is None else _weight(parts) for parts in around)
    return round(_weight(inside), 6), round(late, 6) if late < math.inf else late, begin


def _weight(parts: Sequence[_Part]) -> float:
    return sum(part.people + part.jobs for part in parts)


def _proposal(parts: Sequence[_Part], begin: datetime, end: datetime, usage: WeeklyUsage) -> Proposal:
    local_begin, local_end = begin.astimezone(usage.zone), end.astimezone(usage.zone)
    people = max(part.usual.people for part in parts)
    most = max(part.usual.most_people for part in parts)
    weeks = min(part.usual.weeks for part in parts)
    return Proposal(
        id=Window(begin=local_begin, end=local_end).id,
        begin=local_begin,
        end=local_end,
        people_at_once=_rounded(people),
        people_sum=_rounded(sum(part.people for part in parts)),
        most_people=_rounded(most),
        jobs_at_once=_rounded(max(part.jobs for part in parts)),
        jobs_sum=_rounded(sum(part.jobs for part in parts)),
        scheduled_jobs=_rounded(sum(part.scheduled for part in parts)),
        weeks=weeks,
        reason=_reason(people, usage, weeks),
    )


def _reason(people: float, usage: WeeklyUsage, weeks: int) -> str:
    busiest = max(usage.slots.values(), key=lambda slot: (slot.people, -slot.weekday, slot.begins))
    seen = f"in {counted(weeks, 'week')} of usage"
    if busiest.people <= 0:
        return f"nobody was ever seen at work {seen}"
    share = people / busiest.people
    if share <= 0:
        return f"nobody was seen at work {seen}; the week's peak is {amount(busiest.people)}"
    part = f"{share:.0%}" if share >= 0.01 else "under 1%"
    return f"{part} of the week's peak of {amount(busiest.people)} {seen}"


def _rounded(value: float) -> float:
    return round(value, 3)


def amount(value: float) -> str:
    """A number of people or jobs with as many digits as matter: ``214``, ``3.2``, ``0``."""
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{max(value, 0.1):.1f}"


def rounded_length_s(seconds: float) -> float:
    """A length rounded up to whole five minutes."""
    return max(1, math.ceil(round(seconds / ROUND_TO_S, 6))) * ROUND_TO_S


# --- as text -------------------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_LENGTH = re.compile(r"(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in)?)?\s*(?:(\d+)\s*s)?")
_HINT = "2026-11-29T03:00+01:00/PT45M, as lockage window NAME prints it"


def parse_window(text: str) -> Window:
    """The window in ``START/DURATION``, ``START/END`` or ``START``, by ISO 8601.

    Raises ``UsageError`` (LK545) for anything else, and for a time that does not say its offset from UTC.
    """
    first, slash, second = text.partition("/")
    begin = _moment(first, text)
    if not slash:
        return Window(begin=begin, end=None)
    end = begin + timedelta(seconds=_seconds(second, text)) if second.startswith("P") else _moment(second, text)
    if end <= begin:
        raise UsageError(f"window {text!r} ends before it begins", code="LK545", hint=_HINT)
    return Window(begin=begin, end=end)


def _moment(text: str, whole: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"window {whole!r} cannot be read: {text!r} is no time", code="LK545", hint=_HINT) from error
    if moment.tzinfo is None:
        raise UsageError(
            f"window {whole!r} does not say in which time zone {text!r} is",
            code="LK545",
            hint=f"add the offset from UTC: {text}+01:00, or {text}Z",
        )
    return moment


def _seconds(text: str, whole: str) -> float:
    match = _DURATION.fullmatch(text)
    seconds = _sum(match) if match else 0.0
    if seconds <= 0:
        raise UsageError(f"window {whole!r} cannot be read: {text!r} is no duration", code="LK545", hint=_HINT)
    return seconds


def parse_length_s(text: str) -> float:
    """Seconds of a length as people write it: ``45m``, ``1h30m``, ``PT45M``.

    Raises ``UsageError`` (LK545) for anything else, and for more than a week.
    """
    match = _DURATION.fullmatch(text.strip().upper()) or _LENGTH.fullmatch(text.strip().lower())
    seconds = _sum(match) if match else 0.0
    if not 0 < seconds <= 7 * 86_400:
        raise UsageError(f"a window of {text!r} is no length of up to a week", code="LK545", hint="--length 45m, or 1h30m")
    return seconds


def _sum(match: re.Match[str]) -> float:
    units = (86_400.0, 3_600.0, 60.0, 1.0)
    return sum(int(number) * unit for number, unit in zip(match.groups(default="0"), units, strict=True))


def _iso_duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes) + f"{rest}S" * bool(rest)
    return f"PT{parts or '0S'}"
