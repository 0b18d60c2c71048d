"""What an ALTER TABLE says of the rows that it may write anew: what it computes for each, and whether they are logged.

Not for whether it writes them anew at all (the catalog shows that). The surprising thing: a column that is ``bigserial`` asks a
sequence once for each row that is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.parsing import parse

_SERIAL = {"smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSyntax:
    """What is done to each row."""

    computed: int = 0  # expressions that name no function: casts, generated values, numbers of a sequence
    becomes_unlogged: bool = False
    only_moves: bool = False  # SET TABLESPACE: its file is copied as it is, and its indexes stay where they are


@lru_cache(maxsize=256)
def rewrite_in(text: str) -> RewriteSyntax:
    """What one ALTER TABLE says; nothing of any other text."""
    try:
        tree = parse(text)
    except postgast.PgQueryError:
        return RewriteSyntax()
    commands = [
        item.alter_table_cmd
        for raw in tree.stmts
        if raw.stmt.WhichOneof("node") == "alter_table_stmt"
        for item in raw.stmt.alter_table_stmt.cmds
    ]
    return RewriteSyntax(
        computed=sum(map(_is_computed, commands)),
        becomes_unlogged=any(cmd.subtype == pg.AT_SetUnLogged for cmd in commands),
        only_moves=bool(commands) and all(cmd.subtype == pg.AT_SetTableSpace for cmd in commands),
    )


def _is_computed(cmd: pg.AlterTableCmd) -> bool:
    column = getattr(cmd, "def").column_def
    match cmd.subtype:
        case pg.AT_AlterColumnType:
            return column.HasField("raw_default")  # USING
        case pg.AT_AddColumn:
            names = [name.string.sval for name in column.type_name.names]
            made = {pg.CONSTR_IDENTITY, pg.CONSTR_GENERATED}
            return bool(names and names[-1] in _SERIAL) or any(item.constraint.contype in made for item in column.constraints)
        case _:
            return False
