"""What a database showed when it was surveyed for forecasts, as a file keeps it (``lockage.survey-file/1``).

Not the survey that people read (``facts.Survey``). The surprising thing: it may come from anybody, so nothing in it is believed
before it was looked at: words that become SQL are among the few that PostgreSQL knows, and a schema holds what a dump holds.

Codes: LK715 not one of ours, or cut short · LK716 of another version · LK717 does not say what its manifest says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from lockage.core.facts import Relation
from lockage.core.forecast.beside_schema import ExtensionSketch, Role, RoleSettings, SmallTable, UnreadTable
from lockage.core.forecast.production import Production
from lockage.core.forecast.target_reading import TargetReading
from lockage.core.forecast.traffic import LockOrder, StatementLoad
from lockage.core.release.statements import RunningRelease
from lockage.errors import UsageError

SCHEMA = "lockage.survey-file/1"

FOLDER = "lockage-survey"
"""The one folder in the archive."""

_NUL = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLedger:
    """The rows of one migration ledger, each as COPY writes it."""

    schema: str
    name: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """What the planner knows of a relation, or of one of its columns: arguments of ``pg_restore_…_stats``, by name."""

    kind: Literal["relation", "attribute"]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCatalog:
    """What a dump does not hold."""

    extensions: tuple[ExtensionSketch, ...] = ()
    unread: tuple[UnreadTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedServer:
    """How fast the server may be, and what endangers a script on it."""

    reading: TargetReading | None = None  # None: it could not be asked
    production: Production | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedStatements:
    """What was executed there, with ``$1`` in the place of every value."""

    running: RunningRelease = field(default_factory=RunningRelease)
    loads: tuple[StatementLoad, ...] | None = None  # how often each comes; None: nobody counts, or it is not ours to see
    counted_since: datetime | None = None
    free_connections: int | None = None
    orders: tuple[LockOrder, ...] = ()  # of locks, as transactions were met
    problems: tuple[str, ...] = ()  # what of this could not be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """Of what a survey was taken, when, and what could not be read."""

    taken_at: datetime
    taken_of: str  # the deployment, or the database
    made_by: str  # "lockage 0.1.0"
    database: str
    version_num: int
    encoding: str
    migrating_role: str
    has_public: bool
    with_values: bool = False  # most common values, histograms and rows of small tables, which are data
    masked: int = 0  # places of the schema, of settings and ledgers that hold a secret no longer
    release: str | None = None  # that ran there
    profile: str | None = None
    roles: tuple[Role, ...] = ()
    role_settings: tuple[RoleSettings, ...] = ()
    server_settings: Mapping[str, str] = field(default_factory=dict[str, str])  # that change what a script means
    extensions: tuple[str, ...] = ()
    filled_views: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()  # (schema, name) of tables
    owner: str | None = None  # of the database; None: not known
    tablespaces: tuple[str, ...] = ()
    wait_limits: Mapping[str, int] | None = None  # lock_timeout and statement_timeout of its sessions in milliseconds, 0: none
    problems: tuple[str, ...] = ()  # what else could not be read, one sentence each
    asker: str | None = None  # the role that looked; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSurvey:
    """All of it."""

    about: Surveyed
    schema_sql: str
    statistics: tuple[Statistic, ...] = ()
    relations: tuple[Relation, ...] = ()
    ledgers: tuple[SavedLedger, ...] = ()
    catalog: SavedCatalog = field(default_factory=SavedCatalog)
    server: SavedServer = field(default_factory=SavedServer)
    statements: SavedStatements = field(default_factory=SavedStatements)
    small_tables: tuple[SmallTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file of the archive."""

    path: str
    size_bytes: int
    sha256: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyFile:
    """The archive's table of contents: its first file."""

    schema: str = SCHEMA
    taken_at: datetime
    taken_of: str
    made_by: str
    files: tuple[KeptFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveySaved:
    """What ``lockage survey --save`` has written."""

    schema: str = "lockage.survey-saved/1"
    file: str
    size_bytes: int
    sha256: str
    contents: SurveyFile
    tables: int
    statements: int
    ledgers: tuple[str, ...]  # tables whose rows are in it, beside the small ones
    masked: int  # places of schema, settings and ledgers that held a secret
    with_values: bool
    small_tables: int = 0  # whose rows are in it, where they were asked for
    unreadable: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()  # statements behind which the unreadable can be read


_WHAT: Mapping[str, str] = {
    "survey.json": "of what, when, by whom; roles, settings, extensions, and what could not be read",
    "schema.sql": "the schema, secrets masked",
    "statistics.json": "what the planner knows of tables and columns",
    "relations.json": "sizes",
    "ledger.json": "the rows of the migration ledger",
    "catalog.json": "extensions that PostgreSQL does not bring, and tables that could not be read",
    "server.json": "settings, and what decides how long a script takes and what endangers it",
    "statements.json": "statements that were executed, without their values",
}

MANIFEST = "manifest.json"

_OF_ROWS = "the rows of small tables"

ROWS = "rows.json"
"""The one file that an archive need not have."""

FILES = (MANIFEST, *_WHAT, ROWS)
"""All that an archive holds."""


def packed(survey: SavedSurvey) -> tuple[SurveyFile, tuple[tuple[str, bytes], ...]]:
    """The table of contents, and every file with its content, the table first."""
    contents = {
        "survey.json": _json(survey.about),
        "schema.sql": survey.schema_sql.encode(),
        "statistics.json": _json(survey.statistics),
        "relations.json": _json(survey.relations),
        "ledger.json": _json(survey.ledgers),
        "catalog.json": _json(survey.catalog),
        "server.json": _json(survey.server),
        "statements.json": _json(survey.statements),
        **({ROWS: _json(survey.small_tables)} if survey.about.with_values else {}),
    }
    about = survey.about
    manifest = SurveyFile(
        taken_at=about.taken_at,
        taken_of=about.taken_of,
        made_by=about.made_by,
        files=tuple(
            KeptFile(path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), what=_WHAT.get(path, _OF_ROWS))
            for path, data in contents.items()
        ),
    )
    return manifest, ((MANIFEST, _json(manifest)), *contents.items())


def unpacked(files: Mapping[str, bytes], *, source: str) -> SavedSurvey:
    """The survey in an archive's files, by their paths in its folder; ``source`` is the archive, for messages.

    Raises ``UsageError``: LK715 not one of ours, LK716 of another version, LK717 not as its manifest says.
    """
    _check_version(files, source)
    manifest = _read(files, MANIFEST, SurveyFile, source)
    listed = {one.path: one for one in manifest.files}
    for path in (*_WHAT, *(one for one in (ROWS,) if one in files or one in listed)):
        if path not in files or path not in listed:
            raise not_ours(source, f"{path} is missing")
        if hashlib.sha256(files[path]).hexdigest() != listed[path].sha256:
            raise altered(source, f"{path} is not the file that its manifest lists")
        if _NUL.search(files[path]):
            raise altered(source, f"{path} holds a NUL character, which PostgreSQL keeps in no text")
    try:
        schema_sql = files["schema.sql"].decode()
    except UnicodeDecodeError as error:
        raise altered(source, "schema.sql is no text in UTF-8") from error
    return SavedSurvey(
        about=_read(files, "survey.json", Surveyed, source),
        schema_sql=schema_sql,
        statistics=_read(files, "statistics.json", tuple[Statistic, ...], source),
        relations=_read(files, "relations.json", tuple[Relation, ...], source),
        ledgers=_read(files, "ledger.json", tuple[SavedLedger, ...], source),
        catalog=_read(files, "catalog.json", SavedCatalog, source),
        server=_read(files, "server.json", SavedServer, source),
        statements=_read(files, "statements.json", SavedStatements, source),
        small_tables=_read(files, ROWS, tuple[SmallTable, ...], source) if ROWS in files else (),
    )


def not_ours(source: str, why: str) -> UsageError:
    """The error for a file that no ``lockage survey --save`` has written, or not to its end."""
    return UsageError(
        f"{source} cannot be read as a survey file: {why}",
        code="LK715",
        hint="write it anew where the database is: lockage survey --database URL --save FILE, or with NAME",
    )


def altered(source: str, why: str) -> UsageError:
    """The error for a file that was changed after it was written."""
    return UsageError(
        f"{source} was changed after it was written: {why}",
        code="LK717",
        hint="copy it anew, in binary, or write it anew: lockage survey --database URL --save FILE, or with NAME",
    )


class _Versioned(msgspec.Struct):
    schema: str


def _check_version(files: Mapping[str, bytes], source: str) -> None:
    if MANIFEST not in files:
        raise not_ours(source, f"it has no {MANIFEST}")
    try:
        said = msgspec.json.decode(files[MANIFEST], type=_Versioned).schema
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise not_ours(source, f"its {MANIFEST} says no schema") from error
    if not said.startswith("lockage.survey-file/"):
        raise not_ours(source, f"it says of itself that it is {said[:60]}")
    if said != SCHEMA:
        raise UsageError(
            f"{source} is of {said[:60]}, and this Lockage reads {SCHEMA}",
            code="LK716",
            hint="write it with this version of Lockage, or read it with that one",
        )


def _json(record: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=1) + b"\n"


def _read(files: Mapping[str, bytes], path: str, kind: type[T], source: str) -> T:
    try:
        return msgspec.json.decode(files[path], type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise altered(source, f"{path}: {error}") from error


def in_words(survey: SavedSurvey) -> Sequence[str]:
    """What a forecast from the file stands on, one sentence each."""
    about = survey.about
    said = [f"the database is as it was at {about.taken_at:%Y-%m-%d %H:%M} UTC, when the survey of {about.taken_of} was saved"]
    if not about.with_values:
        said.append("no rows but the ledger's are in the file, so those of small tables are not on the shadow")
        said.append("most common values and histograms are not in the file, so conditions on values are estimated without them")
    if about.masked:
        said.append(f"{about.masked} texts that look like secrets are masked in the file: defaults, settings, options")
    return (*said, *about.problems)
