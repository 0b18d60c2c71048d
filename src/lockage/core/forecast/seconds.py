"""Arithmetic of ranges of seconds.

Not for guessing any. The surprising thing: ranges of one script neither add up end to end (then every statement would be
unlucky at once) nor as if they were independent (one slow disk slows them all): half of the doubt is taken as shared. Those of
different things, a script and a replica's boot, do add up end to end (``added``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from lockage.core.forecast.assess import Seconds

SHARED_RATIO = 0.5
"""Share of the doubt that all statements have in common: the server's speed, against what is particular to a table."""

NOTHING = Seconds(low=0.0, likely=0.0, high=0.0)


def total(parts: Iterable[Seconds]) -> Seconds:
    """The range of a sum; ``high`` is None as soon as one part's is."""
    parts = tuple(parts)
    likely = sum(part.likely for part in parts)
    low = likely - _spread(part.likely - part.low for part in parts)
    if any(part.high is None for part in parts):
        high = None
    else:
        high = likely + _spread((part.high or 0.0) - part.likely for part in parts)
    return Seconds(low=max(low, 0.0), likely=likely, high=high)


class Totals:
    """The totals of any stretches of many parts, each at once however long the stretch is."""

    def __init__(self, parts: Iterable[Seconds]) -> None:
        # In front of each part, and behind the last: likely, doubts below, their squares, doubts above, their squares, open.
        self._sums: list[tuple[float, ...]] = [(0.0,) * 6]
        for part in parts:
            down, up = part.likely - part.low, (part.high or part.likely) - part.likely
            more = (part.likely, down, down * down, up, up * up, float(part.high is None))
            self._sums.append(tuple(a + b for a, b in zip(self._sums[-1], more, strict=True)))

    def over(self, ranges: Iterable[tuple[int, int]]) -> Seconds:
        """As ``total`` of the parts from the first to the last of each range, both included; no two ranges overlap."""
        likely = down = downs = up = ups = unbounded_parts = 0.0
        for first, last in ranges:
            before, behind = self._sums[first], self._sums[last + 1]
            likely += behind[0] - before[0]
            down, downs = down + behind[1] - before[1], downs + behind[2] - before[2]
            up, ups = up + behind[3] - before[3], ups + behind[4] - before[4]
            unbounded_parts += behind[5] - before[5]
        high = None if unbounded_parts else likely + _shared(up, ups)
        return Seconds(low=max(likely - _shared(down, downs), 0.0), likely=likely, high=high)

    def before(self, position: int) -> Seconds:
        """The total of all parts in front of this one."""
        return self.over([(0, position - 1)])


def scaled(likely: float, *, below: float, above: float) -> Seconds:
    """A range around ``likely``: ``below`` times less, ``above`` times more."""
    return Seconds(low=likely / below, likely=likely, high=likely * above)


def unbounded(seconds: Seconds) -> Seconds:
    """The same without a high end: something in it is unknown."""
    return Seconds(low=seconds.low, likely=seconds.likely, high=None)


def added(*parts: Seconds) -> Seconds:
    """The sum of ranges; ``high`` is None as soon as one part's is."""
    highs = [part.high for part in parts]
    return Seconds(
        low=sum(part.low for part in parts),
        likely=sum(part.likely for part in parts),
        high=None if None in highs else sum(high for high in highs if high is not None),
    )


def longest(*parts: Seconds) -> Seconds:
    """The longest of ranges that pass at the same time; zero without any."""
    highs = [part.high for part in parts]
    return Seconds(
        low=max((part.low for part in parts), default=0.0),
        likely=max((part.likely for part in parts), default=0.0),
        high=None if None in highs else max((high for high in highs if high is not None), default=0.0),
    )


def shorter(part: Seconds, limit: Seconds) -> Seconds:
    """A range that cannot last longer than another; an unknown high end stays unknown where the limit's is."""
    highs = [high for high in (part.high, limit.high) if high is not None]
    return Seconds(low=min(part.low, limit.low), likely=min(part.likely, limit.likely), high=min(highs) if highs else None)


def times(count: int, part: Seconds) -> Seconds:
    """A range that passes ``count`` times, one after the other."""
    return Seconds(low=count * part.low, likely=count * part.likely, high=None if part.high is None else count * part.high)


def rounded(seconds: Seconds) -> Seconds:
    """The range to the millisecond: more would pretend to know."""
    high = None if seconds.high is None else round(seconds.high, 3)
    return Seconds(low=round(seconds.low, 3), likely=round(seconds.likely, 3), high=high)


def _spread(doubts: Iterable[float]) -> float:
    many = tuple(doubts)
    return _shared(sum(many), sum(doubt * doubt for doubt in many))


def _shared(doubts: float, squares: float) -> float:
    # A difference of two sums of squares may come out a little under zero.
    return math.sqrt(SHARED_RATIO * doubts * doubts + (1 - SHARED_RATIO) * max(squares, 0.0))
