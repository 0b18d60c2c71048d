"""The lock that a statement's text says it will ask for: of LOCK TABLE, and of the gentler forms of ALTER TABLE.

Not for statements that ran: their locks were seen. The surprising thing: only what is sure is said; of every other form the
strongest is to be expected.

Source: PostgreSQL 18, src/backend/commands/tablecmds.c, AlterTableGetLockLevel; src/include/storage/lockdefs.h.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pg

from lockage.core.migration.names import name_of
from lockage.core.migration.nodes import of_kind
from lockage.core.migration.syntax import Name

_MODES = {
    1: "AccessShareLock",
    2: "RowShareLock",
    3: "RowExclusiveLock",
    4: "ShareUpdateExclusiveLock",
    5: "ShareLock",
    6: "ShareRowExclusiveLock",
    7: "ExclusiveLock",
    8: "AccessExclusiveLock",
}

_GENTLE = {
    pg.AT_SetStatistics: 4,
    pg.AT_SetOptions: 4,
    pg.AT_ResetOptions: 4,
    pg.AT_ClusterOn: 4,
    pg.AT_DropCluster: 4,
    pg.AT_ValidateConstraint: 4,
    pg.AT_EnableTrig: 6,
    pg.AT_EnableAlwaysTrig: 6,
    pg.AT_EnableReplicaTrig: 6,
    pg.AT_EnableTrigUser: 6,
    pg.AT_EnableTrigAll: 6,
    pg.AT_DisableTrig: 6,
    pg.AT_DisableTrigUser: 6,
    pg.AT_DisableTrigAll: 6,
}


def asked_mode(kind: str, node: pg.Node) -> str | None:
    """The mode as PostgreSQL prints it; None where the text does not say."""
    if kind == "lock_stmt":
        return _MODES.get(node.lock_stmt.mode)
    if kind == "alter_table_stmt" and node.alter_table_stmt.objtype == pg.OBJECT_TABLE:
        return _MODES[max((_level(item.alter_table_cmd) for item in node.alter_table_stmt.cmds), default=8)]
    return None


def _level(cmd: pg.AlterTableCmd) -> int:
    if cmd.subtype == pg.AT_AddConstraint and getattr(cmd, "def").constraint.contype == pg.CONSTR_FOREIGN:
        return 6
    return _GENTLE.get(cmd.subtype, 8)


def referred_tables(nodes: Iterable[Message]) -> tuple[Name, ...]:
    """Tables that foreign keys in the statement refer to: they are held against writers alone."""
    keys = (constraint for constraint in of_kind(nodes, pg.Constraint) if constraint.contype == pg.CONSTR_FOREIGN)
    return tuple(dict.fromkeys(name_of(key.pktable) for key in keys))
