"""Time, and a line for whoever watches.

Not for reading ``time`` directly, which no flow does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, handed in so that flows can be tested without waiting."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back, for waits."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


Narrate = Callable[[str], None]
"""Says one line to whoever watches; called from flows, rendered by interfaces."""
