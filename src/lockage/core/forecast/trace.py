"""What each statement of a script did on the shadow: locks held behind it, plan, changed files, changed catalog.

Not for what that means for users (``timeline``) nor for how long it takes (``duration``). The surprising thing: relations
are followed by oid, because a script renames, moves, drops and remakes them; they are named as they were before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRelation:
    """One relation at one moment."""

    oid: int
    relation: str  # schema.name
    kind: str  # pg_class.relkind
    relfilenode: int
    table_oid: int  # of the table users name: itself, or the owner of an index, a TOAST table, or the root of a partition


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogMark:
    """All relations at one moment, by oid."""

    relations: Mapping[int, CatalogRelation]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLock:
    """One lock that the traced session holds on a relation."""

    oid: int
    mode: str  # as PostgreSQL prints it


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a statement failed on the shadow."""

    sqlstate: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one statement did."""

    locks: tuple[HeldLock, ...]  # all that the session holds behind it, earlier statements' of the transaction included
    plans: tuple[Mapping[str, object], ...] = ()  # of the statement and of what it called, as EXPLAIN (FORMAT JSON)
    mark: CatalogMark | None = None  # the catalog behind it, as the session itself sees it; None when unchanged
    in_transaction: bool = False  # an explicit transaction is open behind it
    failure: Failure | None = None
    ran_outside: bool = False  # it refused a transaction block; its locks were read as a waiting request shows them
