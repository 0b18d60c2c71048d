"""Puts production's invalid indexes on a shadow, where a script drops them, or passes over them.

Not for finding out why they are invalid. The surprising thing: ``pg_dump`` leaves them out, so that on what it restores the
very cure fails, ``DROP INDEX``, for want of the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, dict_row

from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.production import InvalidIndex


def read_invalid_indexes(connection: psycopg.Connection[Any]) -> tuple[InvalidIndex, ...]:
    """Gives those that nobody builds at this moment, with what makes each."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(InvalidIndex(**row) for row in cursor.execute(load_sql("select_invalid_definitions")).fetchall())


def make_invalid(session: psycopg.Connection[TupleRow], indexes: Sequence[InvalidIndex]) -> tuple[str, ...]:
    """Makes them on a shadow whose tables are empty yet, and invalid there too; gives messages about those that it refuses.

    They take no part in writes either, so that rows which are alike can be put into the tables afterwards.
    """
    refused: list[str] = []
    for index in indexes:
        schema, _, name = index.index.partition(".")
        try:
            with session.transaction():
                session.execute(index.definition.encode())
                session.execute(
                    "update pg_catalog.pg_index set indisvalid = false, indisready = false where indexrelid = %s::regclass",
                    (sql.Identifier(schema, name).as_string(session),),
                )
        except psycopg.Error as error:
            refused.append(f"invalid index {index.index}: {error.diag.message_primary or error}")
    return tuple(refused)
