"""Usage from PostgreSQL's own counters, where nothing better is known: transactions a second between two samples.

Not for counting people: a connection pool hides them. The surprising thing: counters go back to zero (a reset, a crash, another
server behind the same name after a failover), and what lies between two samples is then unknown, not quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from lockage.core.plan.usage import UsageSample


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSample:
    """The counters of one database at one moment."""

    at: datetime  # aware, by the server's clock
    started_at: datetime  # of the server
    reset_at: datetime | None  # of its statistics; None: never
    transactions: int  # committed and rolled back, since the reset
    sessions: int  # of clients other than Lockage that did something in the minute before, as far as we may see it


def usage_of_load(samples: Iterable[LoadSample], *, gap_s: float) -> tuple[UsageSample, ...]:
    """What went on between each two samples that follow each other within ``gap_s``; ``people`` is transactions a second."""
    in_order = sorted(samples, key=lambda sample: sample.at)
    return tuple(usage for earlier, later in pairwise(in_order) if (usage := _between(earlier, later, gap_s)) is not None)


def _between(earlier: LoadSample, later: LoadSample, gap_s: float) -> UsageSample | None:
    seconds = (later.at - earlier.at).total_seconds()
    done = later.transactions - earlier.transactions
    same = (earlier.started_at, earlier.reset_at) == (later.started_at, later.reset_at)
    if not same or done < 0 or not 0 < seconds <= gap_s:
        return None
    return UsageSample(start_at=earlier.at, seconds=seconds, people=done / seconds)
