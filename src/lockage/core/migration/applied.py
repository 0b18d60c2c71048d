"""Where a database stands that keeps a row for each migration it has applied.

Not for ledgers of one row (``LedgerReading``). The surprising thing: such a ledger may lack a migration that is older than
one it has, after a branch was merged late. It is not part of the forecast, since each migrator treats it in a way of its own;
it is named.

Codes: LK430 a migration stopped half-way · LK431 newer than the folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from lockage.core.migration.script import Migration
from lockage.errors import RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRow:
    """What a ledger says of one migration."""

    version: str
    applied: bool
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The number of the newest applied migration, 0 for none, and sentences about what is out of order."""

    version: int
    remarks: tuple[str, ...] = ()
    late: tuple[str, ...] = ()  # files older than what is applied, and not applied
    edited: tuple[str, ...] = ()  # applied files whose checksum is not the ledger's
    not_run: tuple[str, ...] = ()  # applied files that could not be run on the shadow, so that what they made is missing there


def applied_of(migrations: Sequence[Migration], rows: Sequence[AppliedRow], *, table: str) -> Applied:
    """Where the rows stand among the migrations. Raises ``RefusedError``: LK430, LK431."""
    failed = sorted(row.version for row in rows if row.failed)
    if failed:
        raise RefusedError(
            f"the ledger {table} says that migration {failed[0]} stopped half-way",
            code="LK430",
            hint="settle that one first, or say where the database stands: --from V",
        )
    versioned = [migration for migration in migrations if not migration.repeatable]
    known: Mapping[str, Migration] = {_plain(migration.label or str(migration.version)): migration for migration in versioned}
    has = {_plain(row.version) for row in rows if row.applied}
    newest = _order(versioned[-1].label or str(versioned[-1].version)) if versioned else ()
    beyond = sorted((version for version in has - set(known) if _order(version) > newest), key=_order)
    if beyond:
        raise RefusedError(
            f"the ledger {table} has migration {beyond[-1]}, newer than the newest of the folder",
            code="LK431",
            hint="give the folder of the release that the database has",
        )
    at = max((known[version].version for version in has & set(known)), default=0)
    base = max((_order(version) for version in has - set(known)), default=())  # a baseline, or old ones that were put together
    base = max([base, *(_order(m.label) for m in versioned if m.baseline and _began_with(m, known, has))])
    at = max([at, *(m.version for m in versioned if base and _order(m.label or str(m.version)) <= base)])
    older = {version: m for version, m in known.items() if m.version < at and not m.baseline and _order(version) > base}
    left = [migration.file for version, migration in older.items() if version not in has]
    said = f"the ledger {table} lacks {', '.join(left)}, older than what it has; not forecast here"
    return Applied(version=at, remarks=(said,) if left else (), late=tuple(left))


def _began_with(baseline: Migration, known: Mapping[str, Migration], has: Collection[str]) -> bool:
    """Whether the ledger begins with the baseline: it has that version and none before it."""
    before = (version for version, migration in known.items() if migration.version < baseline.version)
    return _plain(baseline.label) in has and not any(version in has for version in before)


def edited_since(
    migrations: Sequence[Migration],
    files: Mapping[str, bytes],
    checksums: Mapping[str, str],
    *,
    checksum: Callable[[bytes], frozenset[str]],
) -> tuple[str, ...]:
    """Files whose checksum is not the ledger's (version to checksum), in the order of the migrations.

    Where not one file has the checksum that the ledger gives it, the migrator reckons otherwise, and nothing is said.
    """
    in_ledger = {_plain(version): text for version, text in checksums.items()}
    both = [
        (migration.file, in_ledger[_plain(label)])
        for migration in migrations
        if (label := migration.label or str(migration.version)) and _plain(label) in in_ledger and migration.file in files
    ]
    wrong = tuple(file for file, text in both if text not in checksum(files[file]))
    return wrong if len(wrong) < len(both) else ()


def _plain(version: str) -> str:
    """A version as all ways to write it have it: no zeros in front, none as last part."""
    if re.fullmatch(r"[0-9]+(?:[._][0-9]+)*", version) is None:
        return version
    parts = [str(int(part)) for part in re.split(r"[._]", version)]
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts)


def _order(version: str) -> tuple[int, ...]:
    """Of two versions the later one's is greater; by the numbers that the name begins with."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
