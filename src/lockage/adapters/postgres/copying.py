"""COPY of a whole table: what its stream must look like, which no query shows.

Not for COPY of named columns or of a query (``core.migration.within``), which needs no more than those. The surprising thing: a
new column that may be NULL breaks it, since every line lacks a field, while an INSERT of the old columns goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.trace import Failure
from lockage.core.migration.within import WholeCopy

_FROM = frozenset({"r", "p", "f", "instead"})
_TO = frozenset({"r"})
_TO_SINCE_18 = frozenset({"r", "m"})
"""Kinds of relations (``pg_class.relkind``; instead: a view with such a trigger). Source: PostgreSQL 18 manual, COPY, Notes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One relation as COPY sees it."""

    kind: str
    columns: tuple[str, ...]  # quoted where they must be


def shape_of(session: psycopg.Connection[TupleRow], table: str) -> Shape | None:
    """The shape of what a name means in the session; None where it means nothing."""
    row = session.execute(load_sql("select_copied_shape"), {"table": table}).fetchone()
    return None if row is None else Shape(kind=str(row[0]), columns=tuple(row[1]))


def query_of(copy: WholeCopy, shape: Shape) -> str:
    """The query that needs of the schema what the COPY needs, but for the shape."""
    listed = ", ".join(shape.columns)
    if not copy.incoming:
        return f"SELECT {listed or 1} FROM {copy.table}"  # noqa: S608 - the statement's own words
    values = ", ".join(f"${number}" for number in range(1, len(shape.columns) + 1))
    return f"INSERT INTO {copy.table} ({listed}) VALUES ({values})"  # noqa: S608 - the same


def misshapen(copy: WholeCopy, before: Shape, after: Shape | None, *, major: int) -> Failure | None:
    """Why the COPY fails on the shape, where it did not before."""
    kinds = _FROM if copy.incoming else _TO if major < 18 else _TO_SINCE_18
    if after is None or before.kind not in kinds:
        return None  # the query fails, or it failed before
    if after.kind not in kinds:
        way = "to" if copy.incoming else "from"
        return Failure(sqlstate="42809", message=f"cannot copy {way} {copy.table}, which is no plain table now")
    if not copy.incoming or after.columns == before.columns:
        return None
    if len(after.columns) > len(before.columns):
        new = next(name for name in after.columns if name not in before.columns)
        return Failure(sqlstate="22P04", message=f"missing data for column {new}: COPY {copy.table} names no columns")
    if len(after.columns) < len(before.columns):
        return Failure(sqlstate="22P04", message=f"extra data after last expected column: COPY {copy.table} names no columns")
    return Failure(
        sqlstate="22P04", message=f"COPY {copy.table} names no columns, and they are others now, or in another order"
    )
