"""What a migration format is: how its files are named, what its migrator puts around them, what it writes of its own.

Not for reading files. The surprising thing: a format has a transaction model of its own, but an application's profile may
know better (Coder uses golang-migrate's files and ledger, and one transaction for all of them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Transaction = Literal["whole", "file", "statement"]
"""``whole``: one transaction for the whole script. ``file``: each file as one Query, an embedded ``BEGIN`` or ``COMMIT`` taken
as written. ``statement``: every statement commits by itself, unless the file says ``BEGIN``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """What the name of a migration's file says."""

    version: int
    name: str
    language: str = "sql"  # another one: it cannot be run on a shadow


def no_ledger(table: str, version: int) -> tuple[str, ...]:
    """The ledger statements of a format whose migrator is unknown: none."""
    del table, version
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One migration format."""

    name: str
    naming: str  # for people: what a file must be called
    transaction: Transaction
    read_name: Callable[[str], FileName | None]  # None: no migration of this format
    ledger_definition: Callable[[str, int], tuple[str, ...]] = no_ledger  # the same, to what makes it where there is none
    ledger_statements: Callable[[str, int], tuple[str, ...]] = (
        no_ledger  # (schema.table, version) to what the migrator executes
    )
    default_ledger: str | None = None
