"""Writes a query anew so that it meets made-up rows: without its condition, with one row, with parameters for its literals.

Not for what a query writes (``writes``). The surprising thing: a row that was made up has the values that parameters get, so it
is literals that miss it; and None is the answer wherever the query as it stands shows as much.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.nodes import nodes_of
from lockage.core.migration.parsing import parse
from lockage.core.migration.writes import Given, how_given

_VALUES = re.compile(r"\bvalues\b.*\)\s*,\s*\(", re.IGNORECASE | re.DOTALL)
_SETS_PARAMETERS = re.compile(r"\bupdate\b.*\$\d", re.IGNORECASE | re.DOTALL)
_CONDITION = "where_clause"


def on_every_row(text: str) -> str | None:
    """The query without its condition, where that may keep it from made-up rows; None where it does not, or nothing would show.

    ``=`` with a parameter meets such a row. Of a SELECT only functions in its list show more.
    """

    def widen(root: pg.Node) -> bool:
        kind = root.WhichOneof("node")
        if kind not in {"select_stmt", "update_stmt", "delete_stmt", "insert_stmt"}:
            return False
        query = root.insert_stmt.select_stmt.select_stmt if kind == "insert_stmt" else getattr(root, kind)
        if not query.HasField(_CONDITION) or _meets_made_up(query.where_clause):
            return False
        if kind == "select_stmt" and not any(isinstance(n, pg.FuncCall) for t in query.target_list for n in nodes_of(t)):
            return False
        query.ClearField(_CONDITION)
        return True

    return _rewritten(text, widen)


def changing_every_row(text: str) -> str | None:
    """An UPDATE of parameters' values without its condition; None where it is none, or where no value is a parameter's."""

    def widen(root: pg.Node) -> bool:
        query = root.update_stmt
        if not any(how_given(target.res_target.val) is Given.PARAMETER for target in query.target_list):
            return False
        query.ClearField(_CONDITION)
        return True

    return _rewritten(text, widen) if _SETS_PARAMETERS.search(text) else None


def of_every_row(query: str) -> str | None:
    """A view's query without the condition on which it hangs what is shown; None where it has none, or does not parse."""

    def widen(root: pg.Node) -> bool:
        has = root.select_stmt.HasField(_CONDITION)
        root.select_stmt.ClearField(_CONDITION)
        return has

    return _rewritten(query, widen)


def with_one_row(text: str) -> str | None:
    """The query with the first row only of each list of VALUES; None where none has more.

    Rows whose values are made up are all the same, and a key that comes twice hides what else they meet.
    """

    def shorten(root: pg.Node) -> bool:
        long = [node for node in nodes_of(root) if isinstance(node, pg.SelectStmt) and len(node.values_lists) > 1]
        for node in long:
            del node.values_lists[1:]
        return bool(long)

    return _rewritten(text, shorten) if _VALUES.search(text) else None


def with_parameters(text: str) -> str | None:
    """The query with a parameter for each literal, behind those that it has; None where it has no literal."""
    try:
        loose = postgast.normalize(text)
    except postgast.PgQueryError:
        return None
    return loose if loose != text else None


def _rewritten(text: str, change: Callable[[pg.Node], bool]) -> str | None:
    """The only statement of a text as ``change`` has left it; None where it has left it as it was, or nothing parses."""
    try:
        tree = parse(text)
        if len(tree.stmts) != 1 or not change(tree.stmts[0].stmt):
            return None
        return postgast.deparse(tree)
    except postgast.PgQueryError:
        return None


def _meets_made_up(where: pg.Node) -> bool:
    if where.HasField("bool_expr") and where.bool_expr.boolop == pg.AND_EXPR:
        return all(_meets_made_up(arg) for arg in where.bool_expr.args)
    if not where.HasField("a_expr") or where.a_expr.kind != pg.AEXPR_OP or where.a_expr.name[-1].string.sval != "=":
        return False
    sides = (where.a_expr.lexpr, where.a_expr.rexpr)
    return all(side.HasField("column_ref") or side.HasField("param_ref") for side in sides)
