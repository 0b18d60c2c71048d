"""Hazards of the migrator's ledger against the files.

Not for a ledger that is dirty or newer than the files: that is refused before there is a forecast. The surprising thing: a file
that was edited after it was applied changes nothing in the database, and yet its migrator may refuse to go on.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen


def out_of_order(seen: Seen) -> Iterator[Found]:
    """H060: the ledger lacks a migration that is older than one it has."""
    for file in seen.applied.late:
        yield Found(
            code="H060",
            file=file,
            line=1,
            sentence="it is older than the newest applied migration, and the ledger does not have it; it is not part of this"
            " forecast",
        )


def edited(seen: Seen) -> Iterator[Found]:
    """H061: a file is not what it was when it was applied."""
    for file in seen.applied.edited:
        yield Found(code="H061", file=file, line=1, sentence="its checksum is not the one in the ledger: it was edited since")
