"""Conditions that no row meets, whatever the tables hold, as their text alone tells.

Not for what a planner finds out by itself: it folds constants and reads constraints. The surprising thing: it leaves
``id = ANY ('{}')`` as it is, the form in which many libraries write an empty list; and before PostgreSQL 17 it looks for NULL
where none can be.
"""

from __future__ import annotations

import re
from collections.abc import Container

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.parsing import parse


def unmet(where: pg.Node, *, not_null: Container[tuple[str, ...]] = ()) -> bool:
    """Whether a condition is FALSE, NULL or an equality with one of no values, or demands one of these beside others.

    ``not_null``: names of columns, as the condition writes them, that are never NULL.
    """
    if where.HasField("bool_expr"):
        found = (unmet(arg, not_null=not_null) for arg in where.bool_expr.args)
        match where.bool_expr.boolop:
            case pg.AND_EXPR:
                return any(found)
            case pg.OR_EXPR:
                return all(found)
            case _:
                return False
    if where.HasField("a_const"):
        return where.a_const.isnull or (where.a_const.HasField("boolval") and not where.a_const.boolval.boolval)
    if where.HasField("null_test"):
        fields = where.null_test.arg.column_ref.fields
        return where.null_test.nulltesttype == pg.IS_NULL and tuple(part.string.sval for part in fields) in not_null
    # Source: PostgreSQL 18 manual, 9.25.3: ANY of an array without elements is false, whatever the operator.
    return where.HasField("a_expr") and where.a_expr.kind == pg.AEXPR_OP_ANY and _is_empty_array(where.a_expr.rexpr)


def unmet_text(condition: str, *, not_null: Container[tuple[str, ...]] = ()) -> bool:
    """The same of a condition as a plan prints it; False where that is no SQL: it names a subplan."""
    if not (_EMPTY_ARRAY.search(condition) or (not_null and " IS NULL" in condition)):
        return False
    try:
        tree = parse(f"SELECT WHERE {condition}")
    except postgast.PgQueryError:
        return False
    return len(tree.stmts) == 1 and unmet(tree.stmts[0].stmt.select_stmt.where_clause, not_null=not_null)


_EMPTY = re.compile(r"\s*\{\s*\}\s*")
_EMPTY_ARRAY = re.compile(rf"'{_EMPTY.pattern}'")


def _is_empty_array(value: pg.Node) -> bool:
    """Whether it is a literal without elements, or the cast of one: of two casts the first may make anything of it."""
    if value.HasField("type_cast"):
        value = value.type_cast.arg
    if value.HasField("a_array_expr"):
        return not value.a_array_expr.elements
    return value.HasField("a_const") and _EMPTY.fullmatch(value.a_const.sval.sval) is not None
