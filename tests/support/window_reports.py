"""Reports of ``lockage window`` over generated weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lockage.core.plan.window import Freeze
from lockage.core.plan.window_report import WindowReport
from lockage.flows.usage import Present, UsageHistory
from lockage.flows.windows import WindowLength, length_asked, windows_for
from support.fake_world import FakeClock
from support.usage_weeks import samples_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 4, 20, 8, 7, tzinfo=UTC)


class ClockAt(FakeClock):
    """A clock that begins at a moment."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.begin = at

    def now(self) -> datetime:
        return self.begin + timedelta(seconds=self.elapsed_s)


def history(**changes: Any) -> UsageHistory:
    """Three months of a company in Berlin, summer time having begun in them."""
    fields: dict[str, Any] = {
        "measure": "people",
        "source": "users at work",
        "samples": samples_of(BERLIN, date(2026, 1, 19), 91),
        "present": Present(people=140, jobs=3),
    }
    return UsageHistory(**(fields | changes))


def report(
    of: UsageHistory | None = None, *, wanted: WindowLength | None = None, freezes: Sequence[Freeze] = (), **changes: Any
) -> WindowReport:
    """What is proposed at ``NOW``."""
    fields: dict[str, Any] = {"days": 14, "count": 5, "zone": BERLIN}
    return windows_for(
        "shop",
        history=of or history(),
        wanted=wanted or length_asked(2700),
        freezes=freezes,
        clock=ClockAt(NOW),
        **(fields | changes),
    )
