"""A duration, a count and a list of names in sentences, as every layer says them.

Not for tables, where numbers stand as they are. The surprising thing: a duration gets no more digits than matter, so what is
shorter than 5 ms reads as 0.0 s; whoever tells of such says first what it means there.
"""

from __future__ import annotations

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """Seconds with as many digits as matter; minutes from ten minutes on."""
    if seconds >= 600:
        return f"{seconds / 60:.0f} min"
    if seconds >= 10:
        return f"{seconds:.0f} s"
    return f"{seconds:.2f} s" if 0.005 <= seconds < 0.095 else f"{seconds:.1f} s"


def counted(count: int | None, noun: str) -> str:
    """``1 replica``, ``3 replicas``; None: how many is not known."""
    if count is None:
        return f"an unknown number of {noun}s"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: Sequence[str], *, most: int = 4) -> str:
    """The first few names, and how many more."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
