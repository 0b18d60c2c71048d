"""What each statement of a script did on the shadow: locks held behind it, plan, changed files, changed catalog.

Not for what that means for users (``timeline``) nor for how long it takes (``duration``). The surprising thing: relations
are followed by oid, because a script renames, moves, drops and remakes them; they are named as they were before it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

from lockage.core.forecast.held import HeldLock, HeldLocks
from lockage.core.forecast.layers import Layered
from lockage.core.migration.procedure import body_reaches_outside, confined
from lockage.core.migration.syntax import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRelation:
    """One relation at one moment."""

    oid: int
    relation: str  # schema.name
    kind: str  # pg_class.relkind
    relfilenode: int
    table_oid: int  # of the table users name: itself, or the owner of an index, a TOAST table, or the root of a partition
    owner_oid: int = 0  # of an index or TOAST table: the very table it belongs to, which may be a partition; 0: itself
    parent_oids: tuple[int, ...] = ()  # direct parents of a partition or an inheriting table (pg_inherits)
    columns: int = 0  # ever made, dropped ones included (pg_class.relnatts); 0: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogMark:
    """All relations at one moment, by oid; one moment's mark shares with the next what has not changed."""

    relations: Mapping[int, CatalogRelation]

    @property
    def layered(self) -> Layered[int, CatalogRelation]:
        """The relations with what is derived of them; a plain mapping's is made anew each time."""
        return self.relations if isinstance(self.relations, Layered) else Layered(self.relations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a statement failed on the shadow."""

    sqlstate: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """One foreign key: whose rows are locked or changed when rows of the other side change."""

    name: str
    child_oid: int
    parent_oid: int
    child_columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    on_delete: str  # pg_constraint.confdeltype: a no action, r restrict, c cascade, n set null, d set default
    on_update: str  # pg_constraint.confupdtype, the same letters
    optional: bool = False  # some of its columns takes NULL, so that a row may refer to nobody
    deferred: bool = False  # unless the transaction says otherwise, it is looked at only by its COMMIT


CASCADES = "c"
"""``pg_constraint.confdeltype`` and ``confupdtype``: what is done to rows that refer is what was done to their parent."""

ACTS = (CASCADES, "n", "d")
"""What changes rows that refer: it cascades, sets NULL or the default."""

LOOKS_ONLY = ("a", "r")
"""What only looks whether any refer, and refuses: no action, restrict."""


class KeyList(tuple[ForeignKey, ...]):
    """Foreign keys with their tables looked up; as good as any tuple of them, and quicker where there are many."""

    @cached_property
    def by_child(self) -> Mapping[int, list[ForeignKey]]:
        """Those of each table that refers to others."""
        return _grouped(self, attrgetter("child_oid"))

    @cached_property
    def by_parent(self) -> Mapping[int, list[ForeignKey]]:
        """Those of each table that is referred to."""
        return _grouped(self, attrgetter("parent_oid"))


def _grouped(keys: Iterable[ForeignKey], oid: Callable[[ForeignKey], int]) -> Mapping[int, list[ForeignKey]]:
    found: defaultdict[int, list[ForeignKey]] = defaultdict(list)
    for key in keys:
        found[oid(key)].append(key)
    return dict(found)  # where looking for what is not there leaves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One enabled trigger of a user's (foreign keys' own triggers are not listed)."""

    name: str
    table_oid: int
    routine: str  # schema.name of its function
    row_level: bool
    events: tuple[str, ...]  # of "INSERT", "UPDATE", "DELETE", "TRUNCATE"
    columns: tuple[str, ...] = ()  # UPDATE OF these; empty: any
    conditional: bool = False  # it has a WHEN
    before: bool = True  # or in the place of what fires it, so that it can change the row


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One enabled rule of a user's (a view's own is not listed)."""

    name: str
    table_oid: int
    event: str  # "INSERT", "UPDATE", "DELETE"
    definition: str  # pg_get_ruledef


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """One function or procedure of a user's (those of extensions are not listed)."""

    routine: str  # schema.name
    language: str  # "plpgsql", "sql", "c", …
    definition: str  # pg_get_functiondef


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Something of a relation that executes a user's function, or reads a table, whenever somebody uses the relation."""

    relation_oid: int
    by: str  # "check positive", "default of its column code", "policy mine"
    routine: str | None  # schema.name
    reads_oid: int | None  # the table that it reads itself
    event: str  # whose use: "READ", "WRITE", "INSERT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewBelow:
    """What PostgreSQL makes of a change of a view's rows: one of another table's, or of another view's."""

    table_oid: int
    columns: tuple[str | None, ...]  # of that table, in the order of the view's; None: an expression
    filtered: bool  # the view does not show all of its rows, as far as is known


_WORD = re.compile(r"[^\W\d][\w$]*")


def words_of(text: str) -> frozenset[str]:
    """Every word of a text, in small letters."""
    return frozenset(_WORD.findall(text.lower()))


class RoutineList(tuple[Routine, ...]):
    """Routines with their names looked up; as good as any tuple of them, and quicker where there are many."""

    @cached_property
    def by_name(self) -> Mapping[str, list[Routine]]:
        """Those of each name, whatever their schema."""
        found: dict[str, list[Routine]] = {}
        for routine in self:
            found.setdefault(routine.routine.partition(".")[2], []).append(routine)
        return found

    @cached_property
    def words(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Each name, without its schema and in small letters, with every word of its code."""
        return tuple((routine.routine.partition(".")[2].lower(), words_of(routine.definition)) for routine in self)

    @cached_property
    def outside(self) -> frozenset[str]:
        """Names, without their schemas and in small letters, of those whose own code reaches out of the database."""
        return frozenset(
            routine.routine.partition(".")[2].lower()
            for routine in self
            if not confined(routine.language) or body_reaches_outside(routine.definition) is not None
        )

    @cached_property
    def leading_out(self) -> frozenset[str]:
        """The same, and of those whose code names one of them, or names one that does."""
        found = set(self.outside)
        while found and (more := {name for name, words in self.words if name not in found and words & found}):
            found |= more
        return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRules:
    """What PostgreSQL does by itself when rows change or a relation is read, as far as an empty shadow cannot show it."""

    foreign_keys: tuple[ForeignKey, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    routines: tuple[Routine, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    uses: tuple[Use, ...] = ()
    views: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])  # view to what it reads
    views_of_only: Mapping[int, tuple[int, ...]] = field(
        default_factory=dict[int, tuple[int, ...]]
    )  # view to what it reads without its heirs
    writable_views: tuple[int, ...] = ()  # those that PostgreSQL passes changes of rows through (pg_relation_is_updatable)
    views_below: Mapping[int, tuple[ViewBelow, ...]] = field(
        default_factory=dict[int, tuple[ViewBelow, ...]]
    )  # of views through which rows can be changed, one each
    sequences: Mapping[int, tuple[int, ...]] = field(
        default_factory=dict[int, tuple[int, ...]]
    )  # to tables whose defaults use it
    composites: Mapping[int, tuple[tuple[str, int], ...]] = field(
        default_factory=dict[int, tuple[tuple[str, int], ...]]
    )  # pg_class oid of a row type to its name and each table with a column of it
    unique_keys: Mapping[int, tuple[tuple[str, ...], ...]] = field(default_factory=dict[int, tuple[tuple[str, ...], ...]])
    columns: Mapping[int, tuple[str, ...]] = field(
        default_factory=dict[int, tuple[str, ...]]
    )  # of tables and views, in their order
    defaults: Mapping[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])  # columns that have one
    required: Mapping[int, tuple[str, ...]] = field(
        default_factory=dict[int, tuple[str, ...]]
    )  # columns of tables that take no NULL and have no default
    not_null: Mapping[int, tuple[str, ...]] = field(
        default_factory=dict[int, tuple[str, ...]]
    )  # columns of tables in which no row has NULL
    partition_keys: Mapping[int, tuple[str | None, ...]] = field(
        default_factory=dict[int, tuple[str | None, ...]]
    )  # columns of each partitioned table's; None: an expression
    leading_out: tuple[tuple[str, str], ...] = ()
    """Kind and name, in small letters, of what runs code that reaches out of the database when it is used: "relation", "type",
    "routine", "operator", "event trigger"."""

    @property
    def routine_list(self) -> RoutineList:
        """The routines with their names looked up."""
        return self.routines if isinstance(self.routines, RoutineList) else RoutineList(self.routines)

    @property
    def keys(self) -> KeyList:
        """The foreign keys with their tables looked up."""
        return self.foreign_keys if isinstance(self.foreign_keys, KeyList) else KeyList(self.foreign_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one statement did."""

    locks: Sequence[HeldLock]  # all that the session holds behind it, earlier statements' of the transaction included
    plans: tuple[Mapping[str, object], ...] = ()  # of the statement and of what it called, as EXPLAIN (FORMAT JSON)
    mark: CatalogMark | None = None  # the catalog behind it, as the session itself sees it; None when unchanged
    in_transaction: bool = False  # an explicit transaction is open behind it
    failure: Failure | None = None
    ran_outside: bool = False  # it refused a transaction block; its locks were read as a waiting request shows them
    scanned: tuple[int, ...] | None = None  # oids whose rows an ALTER TABLE, or code, went through; None: not asked
    inner: tuple[str, ...] | None = (
        None  # texts of statements that ran to their end inside it (pg_stat_statements); None: not asked
    )
    wait_limit_ms: int | None = None  # that it began under, for its locks; 0: none, None: not known

    @property
    def held(self) -> HeldLocks:
        """The locks with their relations looked up; made anew each time of a plain sequence."""
        return self.locks if isinstance(self.locks, HeldLocks) else HeldLocks(self.locks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One statement of a script with what was seen of it."""

    file: str
    statement: Statement
    transaction: int  # from 1, in script order
    observation: Observation
    before: CatalogMark  # the catalog in front of it
    after: CatalogMark  # the catalog behind it
    rules: CatalogRules
    skipped: str | None = None  # why it was not executed at all
    of_migrator: bool = False  # the migrator's own statement about its ledger, not the file's
    sizes_told: bool = False  # the planner knew what the script had made of rows and columns until then

    @property
    def succeeded(self) -> bool:
        """Whether it was executed and did not fail."""
        return self.skipped is None and self.observation.failure is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A script's statements in order, each transaction's together."""

    start: CatalogMark  # the catalog before the script
    statements: tuple[Traced, ...]
    transactions: int
