"""What a database demands of the rows that are written into it, at one moment.

Not for what a script changes of it (``new_demands``). The surprising thing: the text of a trigger's function is part of it,
since a name in it that is gone fails only when it fires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockage.core.migration.syntax import ChangeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    type: str  # as format_type prints it
    type_oid: int
    not_null: bool
    has_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A check, a foreign key, a unique key or an exclusion."""

    oid: int
    kind: str  # c check, f foreign key, u unique, x exclusion
    name: str
    definition: str
    columns: tuple[str, ...]
    other_oid: int = 0  # the table that a foreign key refers to
    on_delete: str = ""  # as pg_constraint.confdeltype
    on_update: str = ""
    other_columns: tuple[str, ...] = ()
    computed: bool = False  # a key over expressions: ``columns`` are those that they look at
    watched: tuple[str, ...] = ()  # columns of a partial key's condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One trigger."""

    oid: int
    name: str
    events: frozenset[ChangeKind]
    source: str  # of its function
    columns: tuple[str, ...] = ()  # UPDATE OF these; empty: any
    before: bool = False  # it may change the row


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanding:
    """One table or view with what it demands."""

    name: str  # schema.name
    kind: str  # pg_class.relkind
    columns: Mapping[int, Column]  # by attnum
    constraints: tuple[Constraint, ...] = ()
    triggers: tuple[Watch, ...] = ()
    partitions: frozenset[str] = frozenset()  # their bounds
    secured: bool = False  # row security
    key_never_null: bool = False  # of its partition key every part is NOT NULL
    checked: tuple[str, ...] = ()  # of a view WITH CHECK OPTION: the columns on which it hangs whether a row is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """All of a database at one moment."""

    tables: Mapping[int, Demanding] = field(default_factory=dict[int, Demanding])
    labels: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])  # enum's oid to its labels
    domains: Mapping[int, frozenset[tuple[str, str]]] = field(
        default_factory=dict[int, frozenset[tuple[str, str]]]
    )  # domain's oid to name and definition of its checks
    views: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    names: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])  # see ``named``


def newly_secured(before: Strictness, after: Strictness) -> tuple[str, ...]:
    """Tables whose rows are subject to policies now and were not before."""
    return tuple(
        table.name
        for oid, table in after.tables.items()
        if table.secured and oid in before.tables and not before.tables[oid].secured
    )


def lost_labels(before: Strictness, after: Strictness) -> dict[int, frozenset[str]]:
    """Each enum, by oid, with the labels that it has lost."""
    lost = {oid: labels - after.labels.get(oid, frozenset()) for oid, labels in before.labels.items() if oid in after.labels}
    return {oid: labels for oid, labels in lost.items() if labels}
