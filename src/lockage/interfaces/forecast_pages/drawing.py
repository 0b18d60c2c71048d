"""Where on the page's timeline everything stands, in percent of its width: lanes, bars, bands of transactions, the axis.

Not for markup (``html``). The surprising thing: a bar begins where it is likely to begin, and its tail shows how long it lasts
at most, not when it may be over at the latest: a lock of a millisecond behind forty minutes of work would look like an hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast, Seconds, Stretch
from lockage.core.forecast.lock_modes import badness
from lockage.core.plan.wording import blocks_in_words
from lockage.interfaces.wording.alike import RelationsAlike, relations_alike
from lockage.interfaces.wording.forecast import (
    at_most,
    ledger_of,
    place,
    range_in_words,
    time_in_words,
    who_wait,
)

FURTHEST_RATIO = 6.0
"""The axis' end against the script's likely end: beyond it a bar of the likely length would be too short to compare."""

MARGIN_RATIO = 1.02
"""Of the axis: what ends last does not end at the very edge."""

OPEN_RATIO = 1.6
"""The same where nobody knows how long it takes at most: room for a tail that fades."""

CLUSTER_PERCENT = 0.4
"""Of the width, about two pixels: what is closer together is drawn as one."""

NOTCHED_PERCENT = 2.5
"""Of the width: a shorter bar bears no mark of where it ends at least."""

SHORTEST_S = 0.001
"""Of the whole axis: below a millisecond nobody is interested."""

_STEPS_S = tuple(
    factor * unit
    for unit, factors in ((0.0001, (1, 2, 5)), (0.001, (1, 2, 5, 10, 20, 50, 100, 200, 500)), (1, (1, 2, 5, 10, 20, 30)))
    for factor in factors
) + tuple(60.0 * minutes for minutes in (1, 2, 5, 10, 20, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400))

_UNITS = ((0.002, 1e-6, "µs"), (1.0, 1e-3, "ms"), (180.0, 1.0, "s"), (3 * 3600.0, 60.0, "min"))  # below so long: seconds, name
_TICKS_MOST = 6
_LETTER_PX = 6.6  # of the labels' font, on average
_WIDE_PLOT_PX = 560  # the narrowest plot beside its column of names
_NARROW_PLOT_PX = 270  # the narrowest plot below its names


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of waiting. Percents are of the plot's width, from its left edge unless they are widths."""

    blocks: Blocks
    left: float
    width: float  # what is likely
    tail: float  # how much longer it may last
    open: bool  # nobody knows how long
    least: float | None  # where it ends when it lasts as short as can be, where that is within the bar
    indirect: bool  # no lock of the relation's own
    label: str
    fits: bool  # the label in the bar, on a wide page
    fits_narrow: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One relation."""

    relation: RelationForecast
    who: str
    bars: tuple[Bar, ...]
    tails: tuple[Bar, ...]  # those whose tail is drawn, the mildest first: the worse ones are drawn over them
    sentence: str
    ledger: bool = False
    others: int = 0  # relations that wait alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One transaction, or several that are too short to be told apart."""

    label: str
    left: float
    width: float
    fits: bool
    fits_narrow: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One mark of the axis."""

    left: float
    label: str
    minor: bool  # that a narrow page leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The whole timeline."""

    lanes: tuple[Lane, ...]
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    likely: float  # the script's end
    levels: tuple[Blocks, ...]  # that are met with, for the legend
    indirect: bool  # whether any bar is
    open: bool  # whether any has no known end
    tails: bool


def drawing(forecast: Forecast) -> Drawing | None:
    """The timeline; None where nobody waits, or nothing is known of when."""
    groups = (*relations_alike(who_wait(forecast)), *relations_alike(filter(None, [ledger_of(forecast)])))
    shown = [group.first for group in groups]
    if not any(relation.stretches for relation in shown):
        return None
    scale = _Scale(_end_s(forecast, shown))
    lanes = tuple(_lane(group, scale, ledger=group.first.relation == forecast.script.ledger) for group in groups)
    bars = [bar for lane in lanes for bar in lane.bars]
    levels = {bar.blocks for lane in lanes for bar in lane.bars if not lane.ledger}
    return Drawing(
        lanes=lanes,
        bands=tuple(_bands(forecast, scale)),
        ticks=tuple(_ticks(scale)),
        likely=scale.at(forecast.total_s.likely),
        levels=tuple(level for level in Blocks if level in levels),
        indirect=any(bar.indirect for bar in bars),
        open=any(bar.open for bar in bars),
        tails=any(bar.tail for bar in bars),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    end_s: float

    def at(self, seconds: float) -> float:
        return min(max(seconds / self.end_s, 0.0), 1.0) * 100

    def tells_apart(self, from_s: Seconds, until_s: Seconds) -> bool:
        """Whether there is room between the two."""
        return self.at(until_s.likely) - self.at(from_s.likely) >= CLUSTER_PERCENT

    def reach(self, from_s: float, lasts: Seconds) -> tuple[float, float, float]:
        """(left, width, tail) of something that begins then and lasts so long; without a high end the tail goes to the edge."""
        left, right = self.at(from_s), self.at(from_s + lasts.likely)
        furthest = 100.0 if lasts.high is None else self.at(from_s + lasts.high)
        return left, max(right - left, 0.0), max(furthest - right, 0.0)


def _end_s(forecast: Forecast, shown: Sequence[RelationForecast]) -> float:
    stretches = [stretch for relation in shown for stretch in relation.stretches]
    ends = [stretch.until_s for stretch in stretches] + [span.until_s for span in forecast.spans] + [forecast.total_s]
    likely = max(end.likely for end in ends)
    furthest = max((s.from_s.likely + s.lasts_s.high for s in stretches if s.lasts_s.high is not None), default=0.0)
    if any(stretch.lasts_s.high is None for stretch in stretches):
        furthest = max(furthest, likely * OPEN_RATIO)
    return max(min(furthest, likely * FURTHEST_RATIO), likely, SHORTEST_S) * MARGIN_RATIO


def _lane(group: RelationsAlike, scale: _Scale, *, ledger: bool) -> Lane:
    relation = group.first
    bars = tuple(_bar(first, last, scale) for first, last in _clusters(relation.stretches, scale))
    who = "other migrators" if ledger else blocks_in_words(relation.blocks)
    when = "; ".join(bar.sentence for bar in bars[:5])
    sentence = f"{group.named}: {who} wait {range_in_words(relation.blocked_s)}. {when}"
    return Lane(
        relation=relation,
        who=who,
        bars=bars,
        tails=tuple(sorted(_tails(bars), key=lambda bar: badness(bar.blocks))),
        sentence=sentence,
        ledger=ledger,
        others=len(group.others),
    )


def _tails(bars: Sequence[Bar]) -> Iterator[Bar]:
    """The bars with a tail; of those that nobody knows the end of the first of each level.

    The others' would lie within its own, and what is half transparent fades no more once it lies ten times over itself.
    """
    open_levels: set[Blocks] = set()
    for bar in bars:
        if bar.tail and not (bar.open and bar.blocks in open_levels):
            yield bar
        if bar.open:
            open_levels.add(bar.blocks)


class _Timed(Protocol):
    @property
    def from_s(self) -> Seconds: ...
    @property
    def until_s(self) -> Seconds: ...
    @property
    def transaction(self) -> int: ...


T = TypeVar("T", bound=_Timed)


def _clusters(items: Sequence[T], scale: _Scale) -> Iterator[tuple[T, T]]:
    """(first, last) of each run of neighbours that are too short to be told apart; the first itself where it is long."""
    kept: tuple[T, T] | None = None
    for item in items:
        if kept is not None and not scale.tells_apart(kept[0].from_s, item.until_s) and _alike(kept[0], item):
            kept = (kept[0], item)
            continue
        if kept is not None:
            yield kept
        kept = (item, item)
    if kept is not None:
        yield kept


def _alike(one: object, other: object) -> bool:
    return not isinstance(one, Stretch) or not isinstance(other, Stretch) or one.blocks is other.blocks


def _bar(first: Stretch, last: Stretch, scale: _Scale) -> Bar:
    from_s, lasts = first.from_s.likely, first.lasts_s if first is last else _together(first, last)
    left, width, tail = scale.reach(from_s, lasts)
    label = (first.mode or "").removesuffix("Lock") or (first.because or "")
    return Bar(
        blocks=first.blocks,
        left=left,
        width=width,
        tail=tail,
        open=lasts.high is None,
        least=scale.at(from_s + lasts.low) if 0 < lasts.low < lasts.likely and width >= NOTCHED_PERCENT else None,
        indirect=first.mode is None,
        label=label,
        fits=_fits(label, width, _WIDE_PLOT_PX),
        fits_narrow=_fits(label, width, _NARROW_PLOT_PX),
        sentence=f"{blocks_in_words(first.blocks)} wait from {time_in_words(from_s)} to {time_in_words(last.until_s.likely)}"
        f" as is likely, {time_in_words(lasts.likely)} long, {at_most(lasts)} at most:"
        f" {first.mode or first.because or 'the reason is not known'}, {_numbers(first, last)}",
    )


def _together(first: Stretch, last: Stretch) -> Seconds:
    """How long a run of stretches lasts that are too short to be told apart; their doubts are shorter still."""
    likely = last.until_s.likely - first.from_s.likely
    return Seconds(low=likely, likely=likely, high=None if last.lasts_s.high is None else likely)


def _numbers(first: _Timed, last: _Timed) -> str:
    if first.transaction == last.transaction:
        return f"transaction {first.transaction}"
    return f"transactions {first.transaction} to {last.transaction}"


def _bands(forecast: Forecast, scale: _Scale) -> Iterator[Band]:
    for first, last in _clusters(forecast.spans, scale):
        left, right = scale.at(first.from_s.likely), scale.at(last.until_s.likely)
        label = str(first.transaction) if first is last else f"{first.transaction}-{last.transaction}"
        yield Band(
            label=label,
            left=left,
            width=right - left,
            fits=_fits(label, right - left, _WIDE_PLOT_PX),
            fits_narrow=_fits(label, right - left, _NARROW_PLOT_PX),
            sentence=f"{_numbers(first, last)}: {time_in_words(first.from_s.likely)} to"
            f" {time_in_words(last.until_s.likely)} as is likely,"
            f" {place(first.file, first.line)} to {place(last.last_file, last.last_line)}",
        )


def _fits(label: str, width: float, plot_px: int) -> bool:
    return bool(label) and len(label) * _LETTER_PX + 12 <= width / 100 * plot_px


def _ticks(scale: _Scale) -> Iterator[Tick]:
    step = next((step for step in _STEPS_S if scale.end_s / step <= _TICKS_MOST), _STEPS_S[-1])
    count = min(math.floor(scale.end_s / step + 1e-9), 20)
    unit_s, name = next(((unit_s, name) for most_s, unit_s, name in _UNITS if scale.end_s < most_s), (3600.0, "h"))
    for number in range(count + 1):
        label = f"{number * step / unit_s:.4g} {name}" if number else "0"
        yield Tick(left=scale.at(number * step), label=label, minor=bool(number % 2) and count > 3)
