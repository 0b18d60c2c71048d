"""Time as this machine keeps it.

Not for measuring another machine's events: their own times count there. The surprising thing: waits use the monotonic
clock, which neither summer time nor ntp moves.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """``lockage.ports.Clock`` over the system's clocks."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(0.0, seconds))
