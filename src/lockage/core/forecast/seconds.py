"""Arithmetic of ranges of seconds.

Not for guessing any. The surprising thing: ranges of one script neither add up end to end (then every statement would be
unlucky at once) nor as if they were independent (one slow disk slows them all): half of the doubt is taken as shared.
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


def scaled(likely: float, *, below: float, above: float) -> Seconds:
    """A range around ``likely``: ``below`` times less, ``above`` times more."""
    return Seconds(low=likely / below, likely=likely, high=likely * above)


def unbounded(seconds: Seconds) -> Seconds:
    """The same without a high end: something in it is unknown."""
    return Seconds(low=seconds.low, likely=seconds.likely, high=None)


def _spread(doubts: Iterable[float]) -> float:
    many = tuple(doubts)
    alone = sum(doubt * doubt for doubt in many)
    together = sum(many) ** 2
    return math.sqrt(SHARED_RATIO * together + (1 - SHARED_RATIO) * alone)
