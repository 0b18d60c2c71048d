"""A live database that is asked whether its rows stand in a script's way.

Not for reading rows: an answer says only whether there are any. The surprising thing: it never fails; what cannot be asked is
an answer of its own.
"""

from __future__ import annotations

from typing import Protocol

from lockage.core.forecast.assess import Answer


class AsksData(Protocol):
    """One live database."""

    def answer(self, query: str) -> Answer:
        """Whether a read-only query gives no row (HOLDS), gives some or fails on a value (FAILS), or nobody knows."""
        ...
