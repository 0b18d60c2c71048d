"""Reads what the smallest database role for Lockage depends on: schemas, their owners, row-level security, who is connected.

Not for writing the role (``core.plan.database_role``). The surprising thing: nothing of it needs a privilege, so that the role
itself can be asked what it lacks.
"""

from __future__ import annotations

from psycopg.rows import dict_row

from lockage.adapters.postgres.session import foreign_errors, load_sql, reading_session
from lockage.core.plan.database_role import DatabaseShape, SchemaShape
from lockage.settings import Watching


def read_shape(url: str, *, watching: Watching) -> DatabaseShape:
    """Gives what the role depends on. Raises as ``session.connect`` and ``session.foreign_errors`` do."""
    with (
        reading_session(url, what="rights", watching=watching) as connection,
        foreign_errors("reading what a role needs"),
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        schemas = cursor.execute(load_sql("select_role_needs")).fetchall()
        clients = cursor.execute(load_sql("select_clients")).fetchall()
        database = connection.info.dbname
    return DatabaseShape(
        database=database,
        schemas=tuple(
            SchemaShape(
                name=row["schema"],
                owners=tuple(row["owners"]),
                tables=row["tables"],
                sequences=row["sequences"],
                row_security=tuple(row["row_security"]),
            )
            for row in schemas
        ),
        superusers=tuple(row["name"] for row in clients if row["superuser"]),
    )
