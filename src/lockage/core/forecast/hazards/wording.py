"""Rows, bytes and seconds in the sentences of hazards.

Not for tables, where numbers stand as they are. The surprising thing: a time without an upper end is called unknown, whatever
is likely, because its likely value rests on a size that nobody knows.
"""

from __future__ import annotations

from lockage.core.forecast.assess import Seconds
from lockage.core.wording import duration


def lasting(seconds: Seconds) -> str:
    """``for 9.0 s likely, 21 s at most``."""
    if seconds.high is None:
        return "for an unknown time"
    return f"for {how_long(seconds.likely)} likely, {how_long(seconds.high)} at most"


def how_long(seconds: float) -> str:
    """The duration; what is shorter than anybody would notice is not told apart."""
    return "under 0.01 s" if seconds < 0.01 else duration(seconds)


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
