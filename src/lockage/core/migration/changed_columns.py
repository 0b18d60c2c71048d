"""Which columns a statement's text adds, fills, drops or renames.

Not for columns that come or go with their table, or by a cascade: the catalog shows those. The surprising thing: to rename a
column is as bad for whoever runs already as to drop it.
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


def added_columns(kind: str, node: pg.Node) -> Iterator[tuple[Name, str]]:
    """Columns that a statement adds, each with its table."""
    if kind == "alter_table_stmt":
        for cmd in node.alter_table_stmt.cmds:
            if cmd.alter_table_cmd.subtype == pg.AT_AddColumn:
                yield name_of(node.alter_table_stmt.relation), getattr(cmd.alter_table_cmd, "def").column_def.colname


def filled_columns(kind: str, node: pg.Node) -> Iterator[tuple[Name, str]]:
    """Columns that a statement adds and fills in every row: by a default, an identity, a sequence, an expression."""
    if kind == "alter_table_stmt":
        for cmd in node.alter_table_stmt.cmds:
            if cmd.alter_table_cmd.subtype == pg.AT_AddColumn:
                column = getattr(cmd.alter_table_cmd, "def").column_def
                if _is_filled(column):
                    yield name_of(node.alter_table_stmt.relation), column.colname


_FILLING = {pg.CONSTR_IDENTITY, pg.CONSTR_GENERATED, pg.CONSTR_NOTNULL, pg.CONSTR_PRIMARY}
_SERIALS = {"smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"}


def _is_filled(column: pg.ColumnDef) -> bool:
    if column.type_name.names and column.type_name.names[-1].string.sval in _SERIALS:
        return True
    for item in column.constraints:
        constraint = item.constraint
        if constraint.contype in _FILLING:
            return True
        if constraint.contype == pg.CONSTR_DEFAULT:
            value = constraint.raw_expr.type_cast.arg if constraint.raw_expr.HasField("type_cast") else constraint.raw_expr
            if not (value.HasField("a_const") and value.a_const.isnull):
                return True
    return False
