"""The query that tells whether a statement which changes rows has been executed, as far as one query can.

Not for schemas, whose catalog tells. The surprising thing: no such query is a proof. "No row is left that it would change" is
also so where there never was one; so each comes with what its answer means, and a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.parsing import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A read-only query that counts, and what its answer means."""

    sql: str
    means: str


def telling(statement: str) -> Telling | None:
    """The query for an ``UPDATE``, ``DELETE`` or ``INSERT``; None for anything else, and for what cannot be turned into one."""
    try:
        node = parse(statement).stmts[0].stmt
        match node.WhichOneof("node"):
            case "update_stmt":
                return _of_update(node.update_stmt)
            case "delete_stmt":
                return _of_delete(node.delete_stmt)
            case "insert_stmt":
                return _of_insert(node.insert_stmt)
            case _:
                return None
    except (postgast.PgQueryError, IndexError):
        return None


def _of_update(stmt: pg.UpdateStmt) -> Telling | None:
    if stmt.HasField("with_clause"):
        return None
    relation = _relation(stmt.relation)
    alias = stmt.relation.alias.aliasname or stmt.relation.relname
    changed: list[str] = []
    for target in stmt.target_list:
        one = target.res_target
        if one.val.WhichOneof("node") in ("multi_assign_ref", "set_to_default") or one.indirection:
            return None
        changed.append(f"{_quoted(alias)}.{_quoted(one.name)} IS DISTINCT FROM ({_expression(one.val)})")
    others = "".join(f", {_from_item(item)}" for item in stmt.from_clause)
    where = f"({_expression(stmt.where_clause)}) AND " if stmt.HasField("where_clause") else ""
    return Telling(
        sql=f"SELECT count(*) FROM {relation}{others} WHERE {where}({' OR '.join(changed)})",  # noqa: S608 - printed from a parsed tree
        means="0: it was executed, or there was nothing to change; more: so many rows are not as it would make them",
    )


def _of_delete(stmt: pg.DeleteStmt) -> Telling | None:
    if stmt.HasField("with_clause"):
        return None
    others = "".join(f", {_from_item(item)}" for item in stmt.using_clause)
    where = f" WHERE {_expression(stmt.where_clause)}" if stmt.HasField("where_clause") else ""
    return Telling(
        sql=f"SELECT count(*) FROM {_relation(stmt.relation)}{others}{where}",  # noqa: S608 - printed from a parsed tree
        means="0: it was executed, or there was nothing to delete; more: so many rows are still there",
    )


def _of_insert(stmt: pg.InsertStmt) -> Telling | None:
    columns = [item.res_target.name for item in stmt.cols]
    lists = stmt.select_stmt.select_stmt.values_lists
    relation = _relation(stmt.relation)
    if columns and lists and not stmt.HasField("with_clause"):
        rows = [list(values.list.items) for values in lists]
        if all(len(row) == len(columns) for row in rows) and not any(
            item.WhichOneof("node") == "set_to_default" for row in rows for item in row
        ):
            each = [" AND ".join(_same(column, item) for column, item in zip(columns, row, strict=True)) for row in rows]
            return Telling(
                sql=f"SELECT count(*) FROM {relation} WHERE {' OR '.join(f'({one})' for one in each)}",  # noqa: S608 - printed from a parsed tree
                means=f"{len(rows)} or more: its rows are there; 0: they are not",
            )
    every = f"SELECT count(*) FROM {relation}"  # noqa: S608 - printed from a parsed tree
    return Telling(sql=every, means="whether rows of its making are there; look at some of them")


def _same(column: str, value: pg.Node) -> str:
    return f"{_quoted(column)} IS NOT DISTINCT FROM ({_expression(value)})"


def _relation(relation: pg.RangeVar) -> str:
    node = pg.Node()
    node.range_var.CopyFrom(relation)
    return _from_item(node)


def _from_item(item: pg.Node) -> str:
    return _deparsed("SELECT FROM x", select_from=(item,)).partition(" FROM ")[2]


def _expression(value: pg.Node) -> str:
    return _deparsed("SELECT 1", select=value).removeprefix("SELECT ")


def _deparsed(shape: str, *, select: pg.Node | None = None, select_from: Iterable[pg.Node] = ()) -> str:
    tree = parse(shape)
    stmt = tree.stmts[0].stmt.select_stmt
    if select is not None:
        stmt.target_list[0].res_target.val.CopyFrom(select)
    for item in select_from:
        stmt.from_clause[0].CopyFrom(item)
    return postgast.deparse(tree)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
