"""Which work over all rows of a table a statement's text implies.

Not for rewrites that ``ALTER TABLE`` may or may not do: the catalog shows those. The surprising thing: to validate a
constraint reads every row, and on an empty shadow nothing shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pg

from lockage.core.migration.names import name_of
from lockage.core.migration.nodes import of_kind
from lockage.core.migration.syntax import Name, Work, WorkKind


def works(kind: str, node: pg.Node, nodes: Sequence[Message]) -> Iterator[Work]:
    """The work that a statement of this kind (the parser's name) implies; ``nodes`` are the node and all below it."""
    match kind:
        case "alter_table_stmt":
            relation = name_of(node.alter_table_stmt.relation)
            for cmd in node.alter_table_stmt.cmds:
                yield from _altering(relation, cmd.alter_table_cmd)
        case "index_stmt":
            stmt = node.index_stmt
            columns = tuple(p.index_elem.name for p in stmt.index_params)
            yield Work(kind=WorkKind.INDEX_BUILD, relation=name_of(stmt.relation), columns=columns)
        case "truncate_stmt":
            for item in node.truncate_stmt.relations:
                yield Work(kind=WorkKind.TRUNCATE, relation=name_of(item.range_var))
        case "refresh_mat_view_stmt":
            yield Work(kind=WorkKind.REFRESH, relation=name_of(node.refresh_mat_view_stmt.relation))
        case "vacuum_stmt":
            yield from _vacuuming(node.vacuum_stmt)
        case "select_stmt" | "create_table_as_stmt":
            for var in of_kind(nodes, pg.RangeVar):
                yield Work(kind=WorkKind.SCAN, relation=name_of(var))
        case _:
            pass


def _vacuuming(stmt: pg.VacuumStmt) -> Iterator[Work]:
    full = any(option.def_elem.defname == "full" for option in stmt.options)
    for item in stmt.rels:
        relation = name_of(item.vacuum_relation.relation)
        yield Work(kind=WorkKind.REWRITE if full else WorkKind.SCAN, relation=relation)


def _altering(relation: Name, cmd: pg.AlterTableCmd) -> Iterator[Work]:
    match cmd.subtype:
        case pg.AT_SetNotNull:
            yield Work(kind=WorkKind.SCAN, relation=relation, columns=(cmd.name,))
        case pg.AT_ValidateConstraint:
            yield Work(kind=WorkKind.FOREIGN_KEY, relation=relation)  # as a rule; to validate a CHECK is quicker
        case pg.AT_AttachPartition:
            yield Work(kind=WorkKind.SCAN, relation=name_of(getattr(cmd, "def").partition_cmd.name))
        case pg.AT_AddConstraint:
            yield from _constraint(relation, getattr(cmd, "def").constraint)
        case pg.AT_AddColumn:
            for item in getattr(cmd, "def").column_def.constraints:
                yield from _constraint(relation, item.constraint)
        case _:
            pass


def _constraint(relation: Name, constraint: pg.Constraint) -> Iterator[Work]:
    columns = tuple(key.string.sval for key in constraint.keys)
    match constraint.contype:
        case pg.CONSTR_CHECK if not constraint.skip_validation:
            yield Work(kind=WorkKind.SCAN, relation=relation)
        case pg.CONSTR_FOREIGN if not constraint.skip_validation:
            yield Work(kind=WorkKind.FOREIGN_KEY, relation=relation, other=name_of(constraint.pktable))
        case pg.CONSTR_PRIMARY | pg.CONSTR_UNIQUE | pg.CONSTR_EXCLUSION if not constraint.indexname:
            yield Work(kind=WorkKind.INDEX_BUILD, relation=relation, columns=columns)
        case _:
            pass
