"""What a statement demands of rows, and how it changes them, as pieces of SQL that a query can be made of.

Not for queries (``core.forecast.checks``). The surprising thing: an expression comes with the columns and tables that it names,
because it can only be asked of production beforehand where the script has not changed any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lockage.core.migration.syntax import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A piece of SQL that gives a value, as the parser writes it."""

    sql: str
    columns: tuple[str, ...] = ()  # all names in it that may be a column
    reads: tuple[Name, ...] = ()  # tables of its subqueries
    calls: tuple[str, ...] = ()  # functions
    whole: bool = False  # it speaks of rows as a whole, or of * or of parameters
    cast_to: str = ""  # where it is a cast: the type
    cast_of: str = ""  # … and what is cast, as SQL


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNull:
    """A column of which no row may be NULL."""

    relation: Name
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """A condition that must not be false for any row."""

    relation: Name
    condition: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """Keys of which no two rows may have the same."""

    relation: Name
    keys: tuple[Expression, ...]
    where: Expression | None = None
    nulls_equal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refers:
    """Columns whose values must stand in another table."""

    relation: Name
    columns: tuple[str, ...]
    parent: Name
    parent_columns: tuple[str, ...]  # (): its primary key
    full: bool = False  # MATCH FULL
    deferred: bool = False  # INITIALLY DEFERRED
    acts: bool = False  # a change of the parent's rows changes its own (CASCADE, SET NULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excludes:
    """Expressions of which no two rows may answer all operators."""

    relation: Name
    keys: tuple[tuple[Expression, str], ...]
    where: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """A column whose values must all become another type."""

    relation: Name
    column: str
    type: str
    using: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A table whose rows must all fit into a partition's bounds."""

    relation: Name  # the partition
    parent: Name
    strategy: str  # "r", "l", "h"; "d": the default one
    lower: tuple[str, ...] = ()  # SQL, or MINVALUE and MAXVALUE
    upper: tuple[str, ...] = ()
    values: tuple[str, ...] = ()  # of a list
    modulus: int = 0
    remainder: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDomain:
    """A condition on every value of a domain; None: it must not be NULL. The value is the column ``value`` in it."""

    domain: str
    condition: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNullByIndex:
    """A primary key made of an index, whose columns must not be NULL."""

    relation: Name
    index: str


Demand: TypeAlias = NotNull | Holds | Unique | Refers | Excludes | Fits | Attached | OfDomain | NotNullByIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A constraint that is added: what it demands, at once or not before somebody validates it."""

    name: str
    demands: tuple[Demand, ...]
    later: bool = False  # NOT VALID


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """A constraint that is there already and is held against all rows now."""

    relation: Name
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainValidated:
    """A constraint of a domain that is held against all values now."""

    domain: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAdded:
    """A new column with what stands in it in every row that is there."""

    relation: Name
    column: str
    type: str
    value: Expression | None  # None: NULL
    filled: bool = False  # by a sequence: never NULL, never twice the same
    computed: bool = False  # GENERATED: the value may fail to be computed


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRenamed:
    """A column that bears another name from now on."""

    relation: Name
    column: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDropped:
    """A column that is no more."""

    relation: Name
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A constraint or an index by its name, or NOT NULL of a column, that demands nothing any more."""

    constraint: str = ""
    column: str = ""
    relation: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsUpdated:
    """Values assigned to rows; ``known`` False: by a join or otherwise so that it cannot be written as a query here."""

    relation: Name
    alias: str
    values: tuple[tuple[str, Expression], ...]
    where: Expression | None = None
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsDeleted:
    """Rows that are no more."""

    relation: Name
    alias: str
    where: Expression | None = None
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsInserted:
    """New rows: written out, or those of a query."""

    relation: Name
    columns: tuple[str, ...]  # (): all, in their order
    rows: tuple[tuple[Expression | None, ...], ...] = ()  # None: the column's default
    query: Expression | None = None
    lenient: bool = False  # ON CONFLICT
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """A table that is truncated."""

    relation: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionedMade:
    """A partitioned table that the script makes."""

    relation: Name
    key: str  # as PostgreSQL prints it: RANGE (created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumMade:
    """An enum that the script makes."""

    name: str
    labels: tuple[str, ...]


Effect: TypeAlias = (
    Added
    | Validated
    | DomainValidated
    | ColumnAdded
    | ColumnRenamed
    | ColumnDropped
    | Dropped
    | RowsUpdated
    | RowsDeleted
    | RowsInserted
    | Emptied
    | PartitionedMade
    | EnumMade
)
"""What one part of a statement does, in order."""
