"""What a migration format is: how its files are named and read, and what its migrator puts around them and writes of its own.

Not for reading files from anywhere: names and texts come in. The surprising thing: a format has a transaction model of its own,
but a file may choose another (``-- +goose NO TRANSACTION``), and an application's profile may know better (Coder uses
golang-migrate's files and ledger, and one transaction for all of them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from lockage.errors import UsageError

Transaction = Literal["whole", "file", "statement"]
"""``whole``: one transaction for the whole script. ``file``: each file as its migrator sends it, an embedded ``BEGIN`` or
``COMMIT`` taken as written. ``statement``: every statement commits by itself, unless the file says ``BEGIN``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How a migrator sends a file, or a part of one, to PostgreSQL."""

    enclosed: bool  # between a BEGIN and a COMMIT of the migrator's
    by_statement: bool  # each statement as a Query of its own; otherwise all as one, which is one transaction by itself


class MigratorLock(StrEnum):
    """The advisory lock with which a migrator keeps others of its kind out."""

    NONE = "none"  # or not known
    SAME_SESSION = "same-session"  # others wait for it with an open statement
    OTHER_SESSION = "other-session"  # in a transaction of its own beside the migrations, to their end


QUERY = Sending(enclosed=False, by_statement=False)
STATEMENTS = Sending(enclosed=False, by_statement=True)
ENCLOSED_QUERY = Sending(enclosed=True, by_statement=False)
ENCLOSED_STATEMENTS = Sending(enclosed=True, by_statement=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Lines of a file, both included, that are sent together and otherwise than the rest."""

    first_line: int
    last_line: int
    sending: Sending


@dataclass(frozen=True, slots=True, kw_only=True)
class Unset:
    """A variable in a file that nobody gave a value."""

    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """What the name of a migration's file says."""

    version: int  # 0 where the name has none that is a number
    name: str
    language: str = "sql"  # another one: it cannot be run on a shadow
    label: str = ""  # the version as its migrator writes it, where that is no number
    order: tuple[int, ...] | None = None  # where the migrator does not go by the number; all of a format, or none
    repeatable: bool = False  # run after all others, whenever it has changed
    baseline: bool = (
        False  # on a database that has nothing yet it stands for all versions up to its own; on others it is not run
    )
    rank: int = 0  # of two files with one version the one with the higher rank is run, and the other is not


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file as its format gets it to read."""

    name: str  # with the folders it is in, from the one that was given
    text: str
    beside: Mapping[str, bytes] = field(default_factory=dict[str, bytes])  # all files there are
    values: Mapping[str, str] = field(default_factory=dict[str, str])  # of variables, as the user said

    def refused(self, why: str, *, line: int, form: str) -> UsageError:
        """The error for a file that its own migrator would not take (LK653)."""
        return UsageError(
            f"{self.name}, line {line}: {why}", code="LK653", hint=f"correct the file, or say another --format than {form}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file says is to be executed. The text keeps the file's lines, so that a line of one is a line of the other."""

    text: str
    sending: Sending | None = None  # None: the format's
    parts: tuple[Part, ...] = ()
    unset: tuple[Unset, ...] = ()
    maybe_unset: tuple[Unset, ...] = ()  # they stay in the text, and matter only where it is no SQL with them
    remarks: tuple[str, ...] = ()  # sentences for people: what its migrator will make of it


def no_ledger(table: str, version: int) -> tuple[str, ...]:
    """The ledger statements of a format whose migrator is unknown: none."""
    del table, version
    return ()


def as_it_is(file: SourceFile) -> Content:
    """The content of a format whose files are SQL and nothing else."""
    return Content(text=file.text)


def any_named(files: Mapping[str, bytes]) -> str | None:
    """For formats that are known by their names alone: one name that fits is enough."""
    del files
    return None


def without_line(
    files: Mapping[str, bytes], line: str, *, mark: re.Pattern[bytes], read_name: Callable[[str], FileName | None]
) -> str | None:
    """An objection where none of the format's files has the line that tells it from plain files."""
    if any(mark.search(files[name]) for name in files if read_name(name)):
        return None
    return f"no file has a line “{line}”"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedQuery:
    """How a ledger with a row for each migration is read."""

    table: str  # as the migrator calls it: without a schema it is sought in the search path
    sql: str  # gives ``version`` (text), ``applied`` and ``failed`` (boolean: it stopped half-way)
    definition: str = ""  # columns of the table, as the migrator makes it; empty: not known
    checksums: str | None = None  # gives ``version`` and ``checksum`` (text) of what is applied; None: it keeps none
    checksum: Callable[[bytes], frozenset[str]] | None = None  # those that a file may have in it, by how its lines end


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
    lock: MigratorLock = MigratorLock.NONE
    applied: AppliedQuery | None = None
    sending: Sending = QUERY
    read_text: Callable[[SourceFile], Content] = as_it_is
    objection: Callable[[Mapping[str, bytes]], str | None] = any_named
    """Why files whose names fit are not in this format after all; None: they are."""
    takes_twins: bool = False  # two files may have one version: they are run in the order of their names
    nested: bool = False  # its files may be in folders within the folder; names then have them before a "/"
    variables: bool = False  # its files may have variables in them
    remarks: Callable[[Mapping[str, bytes]], tuple[str, ...]] = lambda _: ()
    """Sentences for people about files that are no migrations and yet matter."""

    def named(self, file: str) -> FileName | None:
        """What a file's name says; None: no migration, also for one in a folder where the format knows none."""
        return None if "/" in file and not self.nested else self.read_name(file)
