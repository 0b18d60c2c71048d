"""Checksums of migrations as migrators write them into their ledgers, to find a file that was edited after it was applied.

Not for integrity of anything else. The surprising thing: which migrator wrote a ledger is not asked. An algorithm is believed
when it gives the ledger's checksum for at least one other file; where none does, nothing is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from lockage.core.diagnosis.evidence import LedgerRow
from lockage.core.migration.checksums import crc32_of_lines
from lockage.core.progress import MigrationText


def edited(rows: Sequence[LedgerRow], script: Sequence[MigrationText]) -> tuple[str, ...]:
    """Versions whose checksum in the ledger is another than that of their file, in the order of the files."""
    applied = {_number(row.version): row.checksum for row in rows if row.checksum and row.success is not False}
    both = [(one, applied[one.version]) for one in script if one.version in applied]
    best: tuple[str, ...] = ()
    matched = 0
    for algorithm in ALGORITHMS.values():
        wrong = tuple(str(one.version) for one, checksum in both if algorithm(one.text) != checksum)
        if len(both) - len(wrong) > matched:
            best, matched = wrong, len(both) - len(wrong)
    return best


def _number(version: str) -> int | None:
    """``3``, ``0003`` and ``20240101120000_add_users`` as the number that stands in front."""
    digits = version.partition("_")[0].partition(".")[0]
    return int(digits) if digits.isdigit() else None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _flyway(text: str) -> str:
    [checksum] = crc32_of_lines(text.encode())
    return checksum


ALGORITHMS: Mapping[str, Callable[[str], str]] = {"Prisma": _sha256, "Flyway": _flyway, "md5": _md5}
"""Source: Prisma schema engine (checksum.rs), Flyway 10 (ChecksumCalculator)."""
