"""What a statement says of the indexes that it makes: method, columns, whether they are unique, which rows they take in.

Not for indexes that are there (the catalog knows those), nor for whether one is built at all. The surprising thing: an
``ALTER TABLE`` makes indexes too, one for each PRIMARY KEY, UNIQUE and EXCLUDE, and only the last has a method to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.parsing import parse

DEFAULT_METHOD = "btree"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSyntax:
    """One index as it is written."""

    name: str = ""  # "": PostgreSQL chooses one
    method: str = DEFAULT_METHOD
    columns: tuple[str, ...] = ()  # of the key; "" for an expression
    unique: bool = False
    excludes: bool = False  # EXCLUDE: every row is looked up once the index is there
    partial: bool = False
    wants: tuple[tuple[str, bool], ...] | None = None  # columns that its condition wants NULL (True) or not, if nothing else


@lru_cache(maxsize=256)
def indexes_in(text: str) -> tuple[IndexSyntax, ...]:
    """The indexes that one CREATE INDEX or ALTER TABLE says that it makes, in its order; () for any other text."""
    try:
        tree = parse(text)
    except postgast.PgQueryError:
        return ()
    found: list[IndexSyntax] = []
    for raw in tree.stmts:
        match raw.stmt.WhichOneof("node"):
            case "index_stmt":
                found.append(_of_statement(raw.stmt.index_stmt))
            case "alter_table_stmt":
                for cmd in raw.stmt.alter_table_stmt.cmds:
                    found.extend(_of_command(cmd.alter_table_cmd))
            case _:
                pass
    return tuple(found)


def _of_statement(stmt: pg.IndexStmt) -> IndexSyntax:
    params = [param.index_elem for param in stmt.index_params]
    partial = stmt.HasField("where_clause")
    return IndexSyntax(
        name=stmt.idxname,
        method=stmt.access_method.lower() or DEFAULT_METHOD,
        columns=tuple(param.name for param in params),
        unique=stmt.unique,
        partial=partial,
        wants=_wanted(stmt.where_clause) if partial else None,
    )


def _of_command(cmd: pg.AlterTableCmd) -> Iterator[IndexSyntax]:
    match cmd.subtype:
        case pg.AT_AddConstraint:
            yield from _of_constraints([getattr(cmd, "def").constraint], column="")
        case pg.AT_AddColumn:
            column = getattr(cmd, "def").column_def
            yield from _of_constraints([item.constraint for item in column.constraints], column=column.colname)
        case _:
            pass


def _of_constraints(constraints: Sequence[pg.Constraint], *, column: str) -> Iterator[IndexSyntax]:
    for constraint in constraints:
        if constraint.indexname:
            continue  # it takes one that is there
        match constraint.contype:
            case pg.CONSTR_PRIMARY | pg.CONSTR_UNIQUE:
                columns = tuple(key.string.sval for key in constraint.keys) or (column,)
                yield IndexSyntax(name=constraint.conname, columns=columns, unique=True)
            case pg.CONSTR_EXCLUSION:
                elements = [pair.list.items[0].index_elem for pair in constraint.exclusions]
                partial = constraint.HasField("where_clause")
                yield IndexSyntax(
                    name=constraint.conname,
                    method=constraint.access_method.lower() or DEFAULT_METHOD,
                    columns=tuple(element.name for element in elements),
                    excludes=True,
                    partial=partial,
                    wants=_wanted(constraint.where_clause) if partial else None,
                )
            case _:
                pass


def _wanted(node: pg.Node) -> tuple[tuple[str, bool], ...] | None:
    """Columns that the condition wants NULL or not NULL; None where it asks for anything else, too."""
    match node.WhichOneof("node"):
        case "null_test":
            column = node.null_test.arg
            if column.WhichOneof("node") != "column_ref" or not column.column_ref.fields:
                return None
            name = column.column_ref.fields[-1].string.sval
            return ((name, node.null_test.nulltesttype == pg.IS_NULL),)
        case "bool_expr" if node.bool_expr.boolop == pg.AND_EXPR:
            parts = [_wanted(part) for part in node.bool_expr.args]
            return None if None in parts else tuple(one for part in parts for one in part or ())
        case _:
            return None
