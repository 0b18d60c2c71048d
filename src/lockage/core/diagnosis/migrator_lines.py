"""What migrators say of their progress in a replica's log, whichever migrator it is.

Not for how far a migration is now: ``core.progress`` asks the database. The surprising thing: most migrators say when one
begins and few say when all are done, so that a server that says it listens counts as the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockage.core.diagnosis.evidence import LogText
from lockage.core.diagnosis.log_lines import Line, read_lines


class Step(StrEnum):
    """What a migrator says that it does."""

    WAITS = "waits for the migration lock"
    LOCKED = "has the migration lock"
    BEGUN = "has begun a migration"
    DONE = "has done a migration"
    ENDED = "has done all of them"
    FAILED = "has failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratorLine:
    """One line of a migrator."""

    step: Step
    name: str | None  # number or name of the migration, where the line has one
    at: datetime | None
    raw: str


# The first that matches decides. ``name`` is what a person would look for among the migrations.
_PATTERNS: tuple[tuple[Step, re.Pattern[str]], ...] = tuple(
    (step, re.compile(words))
    for step, words in (
        (Step.FAILED, r"(?i)migration (?:\"?(?P<name>\d\w*)\"?[^:]*)?failed|rolled back database migrations|migrate up: up: "),
        (Step.FAILED, r"\bMigration \S+ failed\b|Migration of schema .{1,80} failed|MigrateException|FAIL$"),
        (Step.FAILED, r"(?i)failed to (?:run|apply|execute) (?:the )?(?:database )?migrations?|"
                      r"error (?:running|applying) migration"),
        (Step.WAITS, r"(?i)waiting for (?:the )?(?:database )?(?:migration|schema|advisory) lock|still waiting for .* lock"),
        (Step.LOCKED, r"(?i)acquired (?:the )?(?:database )?(?:migration|advisory|changelog) lock|"
                      r"Successfully acquired change log lock"),
        (Step.ENDED, r"(?i)committed database migrations|schema is up to date|No migrations? (?:to apply|necessary|to run)|"
                     r"Successfully applied \d+ migrations?|All migrations (?:have been )?(?:successfully )?applied|"
                     r"migrations? (?:have |has |is |are )?(?:completed?|finished|up to date|done)\b|no change$|"
                     r"(?:Update|Liquibase) command completed|Batch \d+ run: \d+ migrations|Already up to date"),
        (Step.BEGUN, r"database migration applied, pending commit.*?\bversion=\"?(?P<name>\w+)"),  # nothing is committed yet
        (Step.BEGUN, r"(?:starting database migration|database migration still running).*?\bversion=\"?(?P<name>\w+)"),
        (Step.BEGUN, r"Running upgrade \S* ?-> (?P<name>\w+)"),  # Alembic
        (Step.DONE, r"^\s*Applying (?P<name>[\w.]+)\.\.\.\s*(?:\x1b\S*)?OK"),  # Django
        (Step.BEGUN, r"^\s*Applying (?P<name>[\w.]+)\.\.\."),
        (Step.DONE, r"^\s*=+ (?P<name>[\w.-]+)(?: \w+)?: migrated \("),  # Rails, Sequelize
        (Step.BEGUN, r"^\s*=+ (?P<name>[\w.-]+)(?: \w+)?: migrating ="),
        (Step.DONE, r"^\s*(?P<name>\d+)/[ud] \S+ \("),  # golang-migrate
        (Step.BEGUN, r"(?:Start buffering|Read and execute) (?P<name>\d+)/u"),
        (Step.BEGUN, r'Migrating schema .* to version "?(?P<name>[\w.]+)'),  # Flyway
        (Step.DONE, r"(?:ChangeSet|Changeset) (?P<name>\S+) ran successfully"),  # Liquibase
        (Step.BEGUN, r"Running Changeset: (?P<name>\S+)"),
        (Step.DONE, r"^\s*OK\s+(?P<name>\d+_\S+\.(?:sql|go)) "),  # goose
        (Step.BEGUN, r"^### MIGRATION (?P<name>\S+) \(UP\) ###"),  # node-pg-migrate
        (Step.BEGUN, r"^executing (?P<name>\S+\.sql) up$"),  # tern
        (Step.DONE, r"^Applied: (?P<name>\S+)"),  # dbmate
        (Step.BEGUN, r"^Applying: (?P<name>\S+)"),
        (Step.DONE, r"^(?:Migration|Changeset) '?(?P<name>[\w.-]+)'? has been (?:applied|executed successfully)"),  # SeaORM
        (Step.BEGUN, r"^Applying migration '(?P<name>[^']+)'"),  # EF Core, SeaORM
        (Step.BEGUN, r"(?:Initializing|Updating) database(?: schema)?\. Using changelog"),  # Keycloak, over Liquibase
        (Step.DONE, r"^\s*(?:Migrated:\s+)?(?P<name>\d{4}_\d\d_\d\d_\d{6}_\w+) (?:\.+ [\d.,]+ ?m?s DONE|\()"),  # Laravel
        (Step.BEGUN, r"^\s*Migrating: (?P<name>\d{4}_\d\d_\d\d_\d{6}_\w+)"),
        (Step.BEGUN, r"Migrating (?:up|down )?to (?:version )?(?P<name>[\w\\.]+)(?: from | \()"),  # Doctrine, Atlas
        (Step.BEGUN, r"^\s*-- migrating version (?P<name>\w+)"),  # Atlas
        (Step.DONE, r"^\s*-- ok \("),
        (Step.BEGUN, r"(?i)\bmigrations? (?:continues?|(?:is |are )?(?:still )?(?:running|in progress|under ?way))\b"),
        (Step.DONE, r"== Migrated (?P<name>\d+) in "),  # Ecto
        (Step.BEGUN, r"== Running (?P<name>\d+) "),
        (Step.BEGUN, r"Applying migration `(?P<name>[^`]+)`"),  # Prisma
        (Step.BEGUN, r"(?i)\b(?:starting|running|applying|executing) (?:the )?(?:database |schema |pending |db )*migrations?\b"
                     r"(?:[ :=#\"]+(?:id=)?\"?(?P<name>\d[\w.-]*))?"),
    )
)  # fmt: skip

_SERVES = re.compile(
    r"(?i)\b(?:listening|now serving|ready to (?:accept|serve)|serving (?:on|at|http)|running on http|started server|"
    r"server (?:is )?(?:started|running|ready)|startup complete|application started)\b"
)


def migrator_lines(log: LogText) -> tuple[MigratorLine, ...]:
    """Every line in which a migrator says what it does, oldest first."""
    return tuple(found for line in read_lines(log) if (found := _read(line)) is not None)


def last_step(log: LogText) -> MigratorLine | None:
    """The last that a migrator said; None where it said nothing, or the server serves since."""
    last: MigratorLine | None = None
    for line in read_lines(log):
        found = _read(line)
        if found is not None:
            last = found
        elif last is not None and _SERVES.search(line.text):
            last = None
    return last


def mid_migration(log: LogText) -> MigratorLine | None:
    """The line after which the log ends in the middle of a migration; None where it ends outside, or says nothing."""
    last = last_step(log)
    return last if last is not None and last.step in {Step.LOCKED, Step.BEGUN} else None


def serves(log: LogText) -> bool:
    """Whether it says that the server serves, and nothing of a migration behind that."""
    return last_step(log) is None and any(_SERVES.search(line.text) for line in read_lines(log))


def _read(line: Line) -> MigratorLine | None:
    for step, pattern in _PATTERNS:
        found = pattern.search(line.text) or (pattern.search(line.raw) if step is Step.BEGUN else None)
        if found is not None:
            return MigratorLine(step=step, name=found.groupdict().get("name"), at=line.at, raw=line.raw)
    return None
