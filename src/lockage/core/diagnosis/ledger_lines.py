"""What migrators say in a replica's log of a ledger that does not fit their files, whichever migrator it is.

Not for errors of SQL (``log_lines``). The surprising thing: this is how an unknown application's ledger is judged at all. Where
its migrations end is not known here, but its own migrator knows, refuses to start, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from lockage.core.diagnosis.evidence import LogText
from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.log_lines import KEPT
from lockage.core.diagnosis.present import is_ready, living, log_exhibit


class Objection(StrEnum):
    """What a migrator has against a ledger."""

    DIRTY = "it is dirty"
    NEWER = "it has a migration that the image does not know"
    OLDER = "it lacks migrations that the image needs"
    EDITED = "an applied migration is not what its file says"
    MISSING = "there are tables, and it is not there"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One line that says so."""

    objection: Objection
    version: str | None
    replica: str
    exhibit: Exhibit


# Sources: golang-migrate v4 (migrate.go, ErrDirty, readUp), Alembic (script/revision.py), Flyway 10 (DbValidate), Liquibase 4
# (ValidatingVisitor), Prisma 5 (P3009, P3018, migrate status), goose v3, Rails 7 (PendingMigrationError), EF Core, Atlas,
# sqlx 0.8 (MigrateError), Knex 3 (validateMigrationList), refinery 0.8, tern v2 (BadVersionError), Doctrine Migrations 3.
_PATTERNS: tuple[tuple[Objection, re.Pattern[str]], ...] = tuple(
    (objection, re.compile(words, re.IGNORECASE))
    for objection, words in (
        (Objection.DIRTY, r"dirty database version (?P<version>\d+)|database schema is dirty(?:.*?version=(?P<also>\d+))?"),
        (Objection.DIRTY, r"detected failed migration to version (?P<version>[\w.]+)"),
        (
            Objection.DIRTY,
            r"migrate found failed migrations|(?:the `(?P<version>[\w.-]+)` )?migrations? .{0,80}started at .{0,80} failed",
        ),
        (Objection.DIRTY, r"migration (?P<version>\w+) is partially applied"),
        (Objection.NEWER, r"no migration found for version (?P<version>\d+)"),
        (Objection.NEWER, r"current version is (?P<version>\d+), but later version \d+ exists"),
        (Objection.NEWER, r"can't locate revision identified by '(?P<version>\w+)'"),
        (Objection.NEWER, r"detected applied migration not resolved locally: (?P<version>[\w.]+)"),
        (Objection.NEWER, r"migration(?:s)? from the database are not found locally|has migrations that are not in the image"),
        (Objection.NEWER, r"migration (?P<version>\w+) was previously applied but is missing in the resolved migrations"),
        (Objection.NEWER, r"migration directory is corrupt, the following files are missing: (?P<version>[\w-]+)"),
        (Objection.NEWER, r"migration V?(?P<version>\w+?)(?:__\S+)? is missing from the filesystem"),
        (Objection.NEWER, r"current version (?P<version>\d+) is outside the valid versions of"),
        (Objection.NEWER, r"previously executed migrations in the database that are not registered migrations"),
        (
            Objection.NEWER,
            r"(?:database|schema)(?:'s)? (?:schema )?version (?:\(?(?P<version>\d+)\)? )?is (?:newer|higher|ahead)",
        ),
        (Objection.NEWER, r"your (?:database|schema)\b.{0,60}? is for a newer"),
        (Objection.NEWER, r"(?:database|schema) is (?:newer|at a newer version) than"),
        (Objection.OLDER, r"target database is not up to date|migrations are pending|pendingmigrationerror"),
        (Objection.OLDER, r"you have \d+ unapplied migration|(?:database|schema) (?:version )?is (?:older|out of date|behind)"),
        (
            Objection.OLDER,
            r"found \d+ missing (?:\(out-of-order\) )?migrations|missing \(out-of-order\) migrations lower than current",
        ),
        (Objection.OLDER, r"detected resolved migration not applied to database: (?P<version>[\w.]+)"),
        (
            Objection.MISSING,
            r"found non-empty schema\(s\) .{1,200} but no schema history table|the database schema is not empty",
        ),
        (Objection.EDITED, r"migration checksum mismatch for migration (?:version )?(?P<version>[\w.]+)"),
        (Objection.EDITED, r"the migration [`'\"]?(?P<version>[\w.-]+)[`'\"]? was modified after it was applied"),
        (Objection.EDITED, r"migration (?P<version>\w+) was previously applied but has been modified"),
        (Objection.EDITED, r"applied migration V?(?P<version>\w+?)(?:__\S+)? is different than filesystem one"),
        (Objection.EDITED, r"change ?sets? check ?sum|checksum mismatch.{0,40}migration|was: \S+ but is now: "),
    )
)


_WORDS = ("migrat", "version", "revision", "database", "schema", "changeset", "change set", "but is now")
"""Each pattern has one of them."""


def ledger_lines(case: Case, objection: Objection) -> tuple[LedgerLine, ...]:
    """What replicas that are not ready said of this kind: the newest line of each."""
    found: dict[str, LedgerLine] = {}
    waiting = {detail.name for detail in living(case) if not is_ready(case, detail)}
    for log in case.evidence.platform.logs or ():
        if log.replica in waiting and (log.replica not in found or not log.previous):
            for line in _read(log, objection):
                found[log.replica] = line
    return tuple(found[name] for name in sorted(found))


def _read(log: LogText, objection: Objection) -> Iterator[LedgerLine]:
    """The newest line of a log that says so."""
    lines = _speaking(log)
    text = "\n".join(lines)  # searched whole: line by line takes ten times as long
    matches = (match for kind, pattern in _PATTERNS if kind is objection for match in pattern.finditer(text))
    newest = max(matches, key=lambda match: match.start(), default=None)
    if newest is not None:
        named = newest.groupdict()
        raw = lines[text.count("\n", 0, newest.start())]
        version = named.get("version") or named.get("also")
        yield LedgerLine(objection=objection, version=version, replica=log.replica, exhibit=log_exhibit(log, raw))


@lru_cache(maxsize=KEPT)
def _speaking(log: LogText) -> tuple[str, ...]:
    """The lines that may say one of it: a log of requests has few, and every kind would be looked for in all of it."""
    lowered = ((line, line.lower()) for line in log.lines)
    return tuple(line for line, lower in lowered if any(word in lower for word in _WORDS))
