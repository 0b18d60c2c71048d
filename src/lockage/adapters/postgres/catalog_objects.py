"""The catalog as data, read with one query from a live database or a shadow.

Not for judging (``core.catalog``). The surprising thing: the search path is emptied while it is read, because PostgreSQL leaves
out of a printed expression whatever schema it would find by itself.
"""

from __future__ import annotations

from typing import Any, cast

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.session import load_sql
from lockage.core.catalog.objects import CatalogObject, Key


def read_catalog(connection: psycopg.Connection[Any]) -> tuple[CatalogObject, ...]:
    """Every object that is no extension's. Waits for no lock longer than the session's ``lock_timeout``."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local search_path = pg_catalog")
        rows = cursor.execute(load_sql("select_catalog_objects")).fetchall()
    return tuple(_object(row) for row in rows)


def _object(row: dict[str, Any]) -> CatalogObject:
    traits = cast("dict[str, Any]", row["traits"])
    values = cast("list[str]", traits.pop("values", None) or [])
    return CatalogObject(
        key=Key(kind=row["kind"], name=row["name"], relation=row["relation"]),
        traits={name: str(value) for name, value in traits.items() if value is not None},
        values=tuple(values),
        definition=row["definition"],
    )
