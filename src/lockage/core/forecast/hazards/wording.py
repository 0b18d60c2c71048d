"""Rows, bytes and seconds in the sentences of hazards.

Not for tables, where numbers stand as they are. The surprising thing: a time without an upper end is called unknown, whatever
is likely, because its likely value rests on a size that nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.forecast.assess import Seconds


def lasting(seconds: Seconds) -> str:
    """``for 9.0 s likely, 21 s at most``."""
    if seconds.high is None:
        return "for an unknown time"
    return f"for {duration(seconds.likely)} likely, {duration(seconds.high)} at most"


def duration(seconds: float) -> str:
    """Seconds with as many digits as matter; minutes from ten minutes on."""
    if seconds >= 600:
        return f"{seconds / 60:.0f} min"
    if seconds >= 10:
        return f"{seconds:.0f} s"
    if seconds < 0.01:
        return "under 0.01 s"
    return f"{seconds:.2f} s" if seconds < 0.095 else f"{seconds:.1f} s"


def rows_in_words(rows: float | None) -> str:
    """``1 row``, ``120 thousand rows``, ``50 million rows``; None: a number that is not known."""
    if rows is None:
        return "an unknown number of rows"
    for size, name in ((1e9, " billion"), (1e6, " million"), (1e4, " thousand")):
        if rows >= size:
            return f"{rows / (1e3 if size == 1e4 else size):.3g}{name} rows"
    return "1 row" if round(rows) == 1 else f"{rows:.0f} rows"


def bytes_in_words(size: float) -> str:
    """``120 MB``, ``1.4 GB``; powers of ten, as disks are sold."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size / 1e3:.0f} kB"


def listed(names: Sequence[str], *, most: int = 3) -> str:
    """The first few names, and how many more."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
