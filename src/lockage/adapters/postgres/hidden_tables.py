"""Describes tables that the asking role may not read, and makes them anew on a shadow.

Not for their rows, which nobody has seen. The surprising thing: ``pg_dump`` leaves such a table out, because it could not lock
it, but the catalog describes it to everybody: with its keys, so that what a script does to its partners reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.beside_schema import UnreadTable


def read_hidden(connection: psycopg.Connection[Any], tables: Sequence[tuple[str, str]]) -> tuple[UnreadTable, ...]:
    """Gives what the catalog says of the tables, as (schema, name)."""
    if not tables:
        return ()
    names = {"tables": [f"{schema}.{name}" for schema, name in tables]}
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")  # so that every name comes out qualified
        found = connection.execute(load_sql("select_hidden_orders"), names).fetchall()
        partners = connection.execute(load_sql("select_hidden_partners"), names).fetchall()
    orders: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for schema, name, place, order in found:
        orders.setdefault((schema, name), []).append((place, order))
    beside: dict[tuple[str, str], tuple[str, ...]] = {(row[0], row[1]): tuple(row[2]) for row in partners}
    return tuple(
        UnreadTable(
            schema=schema, name=name, partners=beside.get((schema, name), ()), orders=tuple(orders.get((schema, name), ()))
        )
        for schema, name in tables
    )


def make_hidden(connection: psycopg.Connection[TupleRow], tables: Sequence[UnreadTable]) -> tuple[str, ...]:
    """Makes them, as far as that goes; gives a message for each order that the shadow refused."""
    refused: list[str] = []
    for _, order in sorted((place_and_order for table in tables for place_and_order in table.orders), key=lambda o: o[0]):
        try:
            connection.execute(order.encode())
        except psycopg.Error as error:
            refused.append(error.diag.message_primary or "it was refused")
    return tuple(refused)
