"""Expressions and queries out of a parse tree, as SQL again, with what they name.

Part of the door to PostgreSQL's parser. Not for statements (``demands``). The surprising thing: the parser writes only whole
statements, so an expression is written as the one column of a SELECT that is taken off again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.demand_syntax import Expression
from lockage.core.migration.names import name_of
from lockage.core.migration.nodes import nodes_of, of_kind


def expression(node: pg.Node) -> Expression:
    """An expression with what it names."""
    found = nodes_of(node)
    columns, whole = _columns(found)
    cast = node.type_cast if node.HasField("type_cast") else None
    try:
        text = _expression_sql(node)
    except postgast.PgQueryError:  # WHERE CURRENT OF, which is no value
        return Expression(sql="", columns=columns, whole=True)
    return Expression(
        sql=text,
        columns=columns,
        reads=tuple(dict.fromkeys(name_of(var) for var in of_kind(found, pg.RangeVar))),
        calls=_calls(found),
        whole=whole,
        cast_to=type_sql(cast.type_name) if cast is not None else "",
        cast_of=_expression_sql(cast.arg) if cast is not None else "",
    )


def type_sql(type_name: pg.TypeName) -> str:
    """A type as SQL."""
    node = pg.Node()
    node.type_cast.arg.a_const.isnull = True
    node.type_cast.type_name.CopyFrom(type_name)
    return _expression_sql(node).removeprefix("NULL::").strip()


def query(node: pg.Node) -> Expression:
    found = nodes_of(node)
    columns, _ = _columns(found)
    changes = any(
        isinstance(one, pg.InsertStmt | pg.UpdateStmt | pg.DeleteStmt | pg.MergeStmt | pg.LockingClause) for one in found
    )
    return Expression(
        sql=_deparsed(node),
        columns=columns,
        reads=tuple(dict.fromkeys(name_of(var) for var in of_kind(found, pg.RangeVar))),
        calls=_calls(found),
        whole=changes or any(isinstance(one, pg.ParamRef) for one in found),
    )


def _columns(found: Iterable[Any]) -> tuple[tuple[str, ...], bool]:
    names: list[str] = []
    whole = False
    for one in found:
        if isinstance(one, pg.ColumnRef):
            last = one.fields[-1]
            whole |= not last.HasField("string")
            names += [field.string.sval for field in one.fields if field.HasField("string")]
        whole |= isinstance(one, pg.ParamRef)
    return tuple(dict.fromkeys(names)), whole


def _calls(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.funcname[-1].string.sval for call in of_kind(found, pg.FuncCall)))


def of_column(name: str) -> Expression:
    node = pg.Node()
    node.column_ref.fields.add().string.sval = name
    return Expression(sql=_expression_sql(node), columns=(name,))


def _expression_sql(node: pg.Node) -> str:
    select = pg.Node()
    select.select_stmt.target_list.add().res_target.val.CopyFrom(node)
    select.select_stmt.limit_option = pg.LIMIT_OPTION_DEFAULT
    select.select_stmt.op = pg.SETOP_NONE
    return _deparsed(select).removeprefix("SELECT ")


def _deparsed(node: pg.Node) -> str:
    tree = pg.ParseResult()
    tree.stmts.add().stmt.CopyFrom(node)
    return postgast.deparse(tree)
