"""The database that a script will run on, asked how fast it is.

Not for its schema (``shadow``). The surprising thing: the third question writes, into a schema of its own that is gone
afterwards; it is asked only where a person said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lockage.core.forecast.target_reading import Sample, TargetReading
from lockage.ports.clock import Narrate


class Target(Protocol):
    """One live database."""

    def reading(self) -> TargetReading:
        """What settings, views and a query of some milliseconds without a table tell; what the role may not see is left out.

        Changes nothing, takes no lock on a table of the application's.
        """
        ...

    def require_writes(self) -> None:
        """Nothing, where ``timed_writes`` may begin; asked before the work of a forecast, which would else be for nothing.

        Raises ``RefusedError``: LK701 no right to make a schema, LK702 a server that takes no writes.
        """
        ...

    def timed_reads(self, relations: Sequence[str], *, narrate: Narrate) -> tuple[Sample, ...]:
        """Queries without a table, and scans of a few pages of these relations, timed; within limits that are narrated first.

        A relation that cannot be read in time is left out.
        """
        ...

    def timed_writes(self, *, narrate: Narrate) -> tuple[Sample, ...]:
        """Inserts, updates, index builds and the rest, timed in a schema made for it and dropped again.

        Raises ``RefusedError`` (LK701 no right to make a schema, LK702 a server that takes no writes), ``HaltedError`` (LK703)
        when the schema could not be dropped.
        """
        ...
