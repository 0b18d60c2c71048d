"""What time it is on the API server, from the ``Date`` of its answers.

Not a source of exact time. The surprising thing: ``Date`` has whole seconds, and yet a few answers tell the offset to some
hundredths, because each says only that the server's clock stood within one second while we waited, and all must be true.
"""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

WORTH_S = 1.0
"""A second is within what one answer leaves open, and times of containers are whole seconds anyway."""


class ServerClock:
    """The offset of the API server's clock from ours, narrowed by each answer."""

    def __init__(self) -> None:
        self._least_s = float("-inf")
        self._most_s = float("inf")
        self._lock = threading.Lock()

    @property
    def offset_s(self) -> float:
        """Seconds that the server's clock is ahead of ours (negative: behind); 0 while nothing is known."""
        with self._lock:
            if self._most_s == float("inf"):
                return 0.0
            return (self._least_s + self._most_s) / 2

    def now(self) -> datetime:
        """The time on the server, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)

    def ours(self, at: datetime) -> datetime:
        """A time that the server or a node of its wrote, by our own clock, and rather early than late.

        What may be right is left as it is. Early, because a process that seems younger than it is makes its sessions in the
        database look like a dead predecessor's.
        """
        with self._lock:
            certain = self._least_s > WORTH_S or self._most_s < -WORTH_S
            offset_s = math.ceil(self._most_s) if certain else 0
        return at - timedelta(seconds=offset_s)

    def saw(self, date: str | None, *, sent: datetime, received: datetime) -> None:
        """Take in the ``Date`` of an answer to a request that was sent and answered at these times of ours."""
        try:
            said = parsedate_to_datetime(date) if date else None
        except ValueError:
            said = None
        if said is None or said.tzinfo is None:
            return
        least_s = (said - received).total_seconds()
        most_s = (said - sent).total_seconds() + 1.0
        with self._lock:
            both = max(least_s, self._least_s), min(most_s, self._most_s)
            # One of the two clocks was set anew: what was known is worth nothing.
            self._least_s, self._most_s = both if both[0] <= both[1] else (least_s, most_s)
