"""A size in words, for tables where numbers stand as they are.

Not for the sentences of hazards (``core.forecast.hazards.wording``). The surprising thing: a kB is 1000 bytes, as disks are
sold.
"""

from __future__ import annotations


def size(size_bytes: int) -> str:
    """A size as people say it."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
