"""A statement on one line, as long as people read it.

Not for statements whose constants nobody must see: those come without them first (``constants``). The surprising thing: it cuts
letters, not words, because a name that is cut is known again and a list of columns is not worth a line.
"""

from __future__ import annotations


def shortened(text: str, *, most: int) -> str:
    """The text on one line of at most so many characters; a longer one ends in an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
