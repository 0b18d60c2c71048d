"""What one SQL statement says, as far as its text alone can tell: names, changes of rows, work over rows, inner code.

Not for what it does: that only PostgreSQL knows, and the trace shows it. The surprising thing: names are as written, so a
name without a schema stays without one until somebody who has a catalog resolves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lockage.core.migration.shortened import shortened


class Control(StrEnum):
    """Statements that begin, end or divide a transaction."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    ROLLBACK_TO = "rollback-to"
    RELEASE = "release"
    TWO_PHASE = "two-phase"


class ChangeKind(StrEnum):
    """What a statement does to rows."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    LOCK = "lock"  # SELECT … FOR UPDATE and its weaker kin


class WorkKind(StrEnum):
    """Work over all rows of a relation that its text implies."""

    SCAN = "scan"  # reads every row to validate or to answer
    FOREIGN_KEY = "foreign-key"  # reads every row and looks each up in another table
    INDEX_BUILD = "index-build"
    TRUNCATE = "truncate"
    REFRESH = "refresh"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A relation's name as written."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Rows of one relation inserted, changed, deleted or locked."""

    kind: ChangeKind
    relation: Name
    columns: tuple[str, ...] = ()  # assigned; of an INSERT () means all
    nulls: tuple[str, ...] = ()  # assigned the literal NULL, in every row
    kept: tuple[str, ...] = ()  # of an UPDATE: assigned what they are
    null_places: tuple[int, ...] = ()  # of an INSERT: the same by position, for one that names no columns
    equated: tuple[str, ...] = ()  # columns compared with "=" to something that is no column of the relation
    compared: tuple[str, ...] = ()  # all columns that the condition names
    wanted_null: tuple[str, ...] = ()  # columns that the condition wants to be NULL, in every case
    only_nulls: bool = False  # … and it says nothing else
    has_condition: bool = False
    rows: int | None = None  # written out in VALUES or LIMIT
    sources: tuple[Name, ...] = ()  # relations read by an INSERT's SELECT
    upserts: bool = False  # ON CONFLICT DO UPDATE
    updates: tuple[str, ...] = ()  # … of these columns
    constants: tuple[tuple[str, int | str], ...] = ()  # columns that every touched row has at this value, before and after
    wanted: tuple[tuple[str, int | str], ...] = ()  # the same before: columns that it assigns anew included
    assigned: tuple[tuple[str, int | str], ...] = ()  # of an UPDATE: literals that all touched rows get
    asked: tuple[tuple[str, str], ...] = ()  # columns that the condition compares with one bare name: a variable of code
    own_key: tuple[tuple[str, Name, str], ...] = ()  # … that holds this column of a row just inserted there
    gone: bool = False  # of an INSERT: its transaction may delete the row again
    order: int = 0  # of one in a block: its place there, from 1
    undone: bool = False  # … and an exception that was caught has given back the lock of its table
    named_by: tuple[str, ...] = ()  # columns that the condition gives a value written out, those assigned anew included
    joins: bool = False  # other tables say which rows are meant: FROM, USING, a join, a subquery
    literals: tuple[
        tuple[int, tuple[int | str, ...]], ...
    ] = ()  # of an INSERT: places that are literals in all rows, and which
    own: tuple[tuple[int, Name, str], ...] = ()  # of an INSERT: places filled from that column of rows just inserted there
    returns: tuple[str | None, ...] = ()  # of an INSERT: columns that it gives back; None: an expression
    words: tuple[tuple[int, str], ...] = ()  # of an INSERT: places that are one bare name in all rows: a variable of code
    of_merge: bool = False  # one of the branches of a MERGE
    merges: tuple[Change, ...] = ()  # of a MERGE: what it may do to rows, one by one
    ignores: bool = False  # of an INSERT: ON CONFLICT, so that a row may be there already
    spares_keys: bool = False  # of a LOCK: weaker than FOR UPDATE, so that whoever only refers to the rows goes on
    refers: bool = False  # of a LOCK: FOR KEY SHARE, so that whoever changes them beside their key goes on

    @property
    def may_insert(self) -> bool:
        """Whether the statement may as well insert a row as meet one that is there: an upsert, a branch of a MERGE."""
        return self.upserts or self.of_merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work over all rows of one relation."""

    kind: WorkKind
    relation: Name
    other: Name | None = None  # the table that a foreign key refers to
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Code inside a statement: the body of a DO."""

    language: str
    line: int  # in the file, of the body's first line


_LONGEST_LOOK = 10_000
"""Characters of a statement that its headline looks at: one may have many megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a script."""

    text: str  # from its first word, line breaks kept, without the semicolon
    line: int  # in its file, of its first word
    node: str  # the parser's name of its kind: "alter_table_stmt"
    control: Control | None = None
    savepoint: str = ""
    chained: bool = False  # COMMIT AND CHAIN
    names: tuple[Name, ...] = ()  # every relation it names, in order
    created: tuple[Name, ...] = ()  # among them: what it makes
    changes: tuple[Change, ...] = ()
    works: tuple[Work, ...] = ()
    added_columns: tuple[tuple[Name, str], ...] = ()
    removed_columns: tuple[tuple[Name, str, str | None], ...] = ()  # dropped or renamed; the new name, None: dropped
    filled_columns: tuple[tuple[Name, str], ...] = ()  # among them: those that get a value in every row at once
    calls: tuple[Name, ...] = ()  # functions and procedures it names
    kept_calls: tuple[Name, ...] = ()  # among them: those that it writes down for later, and does not run
    types: tuple[Name, ...] = ()  # it names: of columns, casts, parameters; those of an array are their elements'
    procedure: Procedure | None = None
    outside: str | None = None  # how it reaches out of the database, so that it is never executed on a shadow
    lock_mode: str | None = None  # that it asks for, as PostgreSQL prints it; None: its text does not say
    referred: tuple[Name, ...] = ()  # among the names: those that its foreign keys refer to
    handle: str = ""  # of PREPARE and EXECUTE: the prepared statement's name
    concurrently: bool = False
    unique: bool = False  # CREATE UNIQUE INDEX
    reads_only: bool = False  # a SELECT without locking and without changes in WITH
    alike: tuple[Statement, ...] = ()  # of one that stands for a run: every statement of it; ``changes`` are those of all
    shapes: tuple[Statement, ...] = ()  # among them the first of each that is not the same but for its constants

    @property
    def headline(self) -> str:
        """The statement on one line, shortened for people."""
        looked = self.text[:_LONGEST_LOOK]
        if not self.alike:
            return shortened(looked, most=120)
        line = shortened(looked, most=70)
        return f"{line} and {len(self.alike) - 1:,} more like it, until line {self.alike[-1].line}"

    def of(self, relation: str) -> Statement:
        """The first of a run that names a relation (``schema.name``, or the name alone); of any other, itself."""
        name = relation.rpartition(".")[2]
        first = next((each for each in self.shapes if any(named.name == name for named in each.names)), None)
        return self if first is None or first is self.shapes[0] else first
