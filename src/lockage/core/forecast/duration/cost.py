"""Amounts of work, and the seconds that a server needs for them: as a range.

Not for deciding how much work a statement is (``operations``). The surprising thing: doubts that have nothing to do with each
other are added as squares of logarithms, so that a range never gets narrower by knowing less, and never as wide as if every
doubt were at its worst at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.duration.rates import KIND_DOUBTS, OTHER_DOUBT, Rate, Speeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Amounts of work; they add up."""

    cpu_s: float = 0.0  # of the reference machine
    hit_bytes: float = 0.0  # read from shared_buffers
    read_bytes: float = 0.0  # read from elsewhere
    wal_bytes: float = 0.0
    file_bytes: float = 0.0  # pages that leave shared_buffers meanwhile, and files that are written past it

    def __add__(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(
            cpu_s=self.cpu_s + other.cpu_s,
            hit_bytes=self.hit_bytes + other.hit_bytes,
            read_bytes=self.read_bytes + other.read_bytes,
            wal_bytes=self.wal_bytes + other.wal_bytes,
            file_bytes=self.file_bytes + other.file_bytes,
        )

    def times(self, factor: float) -> Cost:
        """So many times the same."""
        return Cost(
            cpu_s=self.cpu_s * factor,
            hit_bytes=self.hit_bytes * factor,
            read_bytes=self.read_bytes * factor,
            wal_bytes=self.wal_bytes * factor,
            file_bytes=self.file_bytes * factor,
        )


FREE = Cost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """How far off something may be, as factors of at least 1."""

    below: float = 1.0
    above: float = 1.0


SURE = Doubt()


def seconds_of(cost: Cost, kind: str, speeds: Speeds, *, doubt: Doubt = SURE) -> Seconds:
    """The range for this much work of a kind on this server; ``doubt`` is what is particular to the table or the plan."""
    parts = (
        (cost.cpu_s, speeds.cpu),
        (cost.hit_bytes, speeds.hit_byte_s),
        (cost.read_bytes, speeds.read_byte_s),
        (cost.wal_bytes + cost.file_bytes, speeds.write_byte_s),
    )
    likely = sum(amount * rate.value for amount, rate in parts)
    if likely <= 0.0:
        return Seconds(low=0.0, likely=0.0, high=0.0)
    low = sum(amount * rate.value / rate.below for amount, rate in parts)
    high = sum(amount * rate.value * rate.above for amount, rate in parts)
    own, of_model = _factor(kind, speeds)
    below = together(likely / low, own.below, of_model.below, doubt.below)
    above = together(high / likely, own.above, of_model.above, doubt.above)
    likely *= own.value
    return Seconds(low=likely / below, likely=likely, high=likely * above)


def reference_seconds(cost: Cost, speeds: Speeds) -> float:
    """The likely seconds, without what was measured of the kind."""
    rates = (speeds.cpu, speeds.hit_byte_s, speeds.read_byte_s, speeds.write_byte_s)
    amounts = (cost.cpu_s, cost.hit_bytes, cost.read_bytes, cost.wal_bytes + cost.file_bytes)
    return sum(amount * rate.value for amount, rate in zip(amounts, rates, strict=True))


def together(*factors: float) -> float:
    """The doubt of several that have nothing to do with each other."""
    return math.exp(math.sqrt(sum(math.log(max(factor, 1.0)) ** 2 for factor in factors)))


def _factor(kind: str, speeds: Speeds) -> tuple[Rate, Doubt]:
    below, above = KIND_DOUBTS.get(kind, OTHER_DOUBT)
    model = Doubt(below=below**speeds.model, above=above**speeds.model)
    return speeds.factors.get(kind, Rate(value=1.0, below=1.0, above=1.0)), model
