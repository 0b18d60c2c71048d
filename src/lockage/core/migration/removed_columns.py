"""Which columns a statement's text drops or renames.

Not for columns that go with their table or by a cascade: the catalog shows those. The surprising thing: to rename a column is
as bad for whoever runs already as to drop it.
"""

from __future__ import annotations

from collections.abc import Iterator

from postgast import pg_query_pb2 as pg

from lockage.core.migration.names import name_of
from lockage.core.migration.syntax import Name


def removed_columns(kind: str, node: pg.Node) -> Iterator[tuple[Name, str, str | None]]:
    """(table, column, new name) of each; None: it is dropped. ``kind`` is the parser's name of the statement."""
    if kind == "alter_table_stmt":
        for cmd in node.alter_table_stmt.cmds:
            if cmd.alter_table_cmd.subtype == pg.AT_DropColumn:
                yield name_of(node.alter_table_stmt.relation), cmd.alter_table_cmd.name, None
    elif kind == "rename_stmt" and node.rename_stmt.rename_type == pg.OBJECT_COLUMN:
        stmt = node.rename_stmt
        yield name_of(stmt.relation), stmt.subname, stmt.newname
