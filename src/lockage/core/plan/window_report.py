"""What ``lockage window`` says: the weekly pattern, the windows proposed, and what they stand on (``lockage.window/1``).

Not for choosing (``window``). The surprising thing: the whole week is in it, unknown half hours by their absence, so that
whoever disagrees with the proposal can choose another window from the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lockage.core.plan.usage import SlotUsage
from lockage.core.plan.window import Freeze, Proposal

Measure = Literal["people", "transactions/s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSource:
    """Where the usage was read, and how much of it there is."""

    measure: Measure  # of every ``people`` in the report
    text: str
    first_at: datetime | None  # None: there is nothing
    last_at: datetime | None
    watched_s: float  # of it, as far as it was watched
    people_now: float | None  # at work at this moment; None: not known
    jobs_now: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReport:
    """The windows proposed for one deployment."""

    schema: Literal["lockage.window/1"] = "lockage.window/1"
    at: datetime
    deployment: str
    to_release: str | None  # whose upgrade shall fit into the window; None: only a length was given
    time_zone: str  # of all local times in here
    days: int  # looked at from now on
    length_s: float
    length_text: str  # why so long
    source: UsageSource
    week: tuple[SlotUsage, ...]  # half hours that were seen; the others are unknown
    unknown: int  # half hours of the week that were never seen
    freezes: tuple[Freeze, ...]
    considered: int  # windows looked at
    left_out_unknown: int  # because of unknown half hours
    left_out_frozen: int  # because of freezes
    windows: tuple[Proposal, ...]  # best first
    notes: tuple[str, ...]
