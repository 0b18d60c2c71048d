"""What the traffic generator saw, and what it means for users: pure, apart from reading a file.

Not for steering an upgrade: it is the judge, and knows nothing of what was done. The surprising thing: a gap counts in full
once it is longer than the limit, and it is measured between the moments when answers *arrived*, so a request that waited
through an outage and then succeeded does not hide it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

GAP_LIMIT_S = 1.0
"""A longer stretch without a successful answer counts as unavailable: what a person notices, and a readiness period."""

FIELDS = ("due_s", "latency_s", "status", "kind", "error")
"""Columns of the file of answers, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One request and what came of it."""

    due_s: float
    """When it was to be sent, in seconds since the epoch."""
    latency_s: float
    """From then until the answer had come, or was given up."""
    status: int
    """HTTP status; 0 when there was none."""
    kind: str
    """Which request it was, such as ``front_page``."""
    error: str = ""
    """Empty for a success; else ``status``, ``connect``, ``timeout``, ``reset``, ``body``, ``overload`` or ``stopped``."""

    @property
    def done_s(self) -> float:
        """When the answer had come, in seconds since the epoch."""
        return self.due_s + self.latency_s

    @property
    def succeeded(self) -> bool:
        """Whether the user got what was asked for."""
        return not self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What users felt in an interval."""

    requests: int
    """Requests that were due in it."""
    failed_requests: int
    """Those of them that failed."""
    unavailable_s: float
    """Sum of the gaps longer than `GAP_LIMIT_S` between successful answers, the interval's ends included."""
    longest_gap_s: float
    """The longest such gap; 0 without any."""
    slowest_s: float
    """Longest latency of a request due in it, failed ones included; 0 without any."""
    median_s: float
    """Median latency of the successful ones; 0 without any."""


def measure(answers: Iterable[Answer], start_s: float, end_s: float) -> Measured:
    """What users felt from `start_s` to `end_s`, both in seconds since the epoch.

    Requests count where they were due; successes bound gaps where they arrived. Raises ValueError for an interval that ends
    before it starts.
    """
    if end_s < start_s:
        raise ValueError(f"the interval ends {start_s - end_s:.3f} s before it starts")
    everything = list(answers)
    due = [answer for answer in everything if start_s <= answer.due_s <= end_s]
    arrivals = sorted(answer.done_s for answer in everything if answer.succeeded and start_s <= answer.done_s <= end_s)
    gaps = [later - earlier for earlier, later in pairwise([start_s, *arrivals, end_s])]
    long_gaps = [gap for gap in gaps if gap > GAP_LIMIT_S]
    latencies = sorted(answer.latency_s for answer in due if answer.succeeded)
    return Measured(
        requests=len(due),
        failed_requests=sum(not answer.succeeded for answer in due),
        unavailable_s=sum(long_gaps, 0.0),
        longest_gap_s=max(long_gaps, default=0.0),
        slowest_s=max((answer.latency_s for answer in due), default=0.0),
        median_s=latencies[len(latencies) // 2] if latencies else 0.0,
    )


def read_answers(path: Path) -> tuple[Answer, ...]:
    """The answers written so far; a last line that is still being written is left out. Empty when there is no file yet."""
    if not path.exists():
        return ()
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return tuple(
        Answer(
            due_s=float(row["due_s"]),
            latency_s=float(row["latency_s"]),
            status=int(row["status"]),
            kind=row["kind"],
            error=row["error"],
        )
        for row in csv.DictReader(whole.splitlines())
    )


def line_of(answer: Answer) -> str:
    """The answer as one line of the file, with its line break."""
    return f"{answer.due_s:.6f},{answer.latency_s:.6f},{answer.status},{answer.kind},{answer.error}\n"
