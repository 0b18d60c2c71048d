"""Cursors of PL/pgSQL of which a body fetches single rows: those alone are locked by its ``FOR UPDATE``.

Not for what a cursor reads. The surprising thing: a cursor outlives the block that opened it, until its transaction ends, and
whoever has its name can go on; so only one that the same body closes counts, and that no loop and nobody else ever sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.decisions import Tree, items, mapping, query_of
from lockage.core.migration.parsing import parse

_FORWARD = 0
"""Source: PostgreSQL 18, nodes/parsenodes.h, FetchDirection."""


def fetched_in_part(function: Tree) -> frozenset[str]:
    """The queries of such cursors in a parsed body, as they are written."""
    block = mapping(mapping(function.get("action")).get("PLpgSQL_stmt_block"))
    straight = list(_uses_right_in(block.get("body")))
    everywhere = list(_uses(function.get("action")))
    texts = list(_queries(function))
    found: set[str] = set()
    for place, datum in enumerate(items(function.get("datums"))):
        cursor = mapping(datum.get("PLpgSQL_var"))
        uses = [(kind, tree) for kind, tree in straight if tree.get("curvar") == place]
        same = len(uses) == sum(tree.get("curvar") == place for _, tree in everywhere)
        if not same or not _opens_fetches_closes(uses) or _is_named_elsewhere(str(cursor.get("refname", "")), texts):
            continue
        query = query_of(cursor.get("cursor_explicit_expr")) or query_of(uses[0][1].get("query"))
        if query and texts.count(query) == 1 and _is_plain(query):
            found.add(query)
    return frozenset(found)


def _is_plain(query: str) -> bool:
    """Whether it is one SELECT: what a subquery locks may all be asked for before the first row is given."""
    try:
        tree = parse(query)
    except postgast.PgQueryError:
        return False
    return len(list(postgast.find_nodes(tree, pg.SelectStmt))) == 1


def _opens_fetches_closes(uses: list[tuple[str, Tree]]) -> bool:
    kinds = [kind for kind, _ in uses]
    return (
        len(kinds) > 1
        and (kinds[0], kinds[-1]) == ("open", "close")
        and all(kind == "fetch" and _is_of_one_row(tree) for kind, tree in uses[1:-1])
    )


def _is_of_one_row(fetch: Tree) -> bool:
    return (fetch.get("direction"), fetch.get("how_many")) == (_FORWARD, 1) and "expr" not in fetch


def _is_named_elsewhere(name: str, texts: list[str]) -> bool:
    word = re.compile(rf"(?<!\bcurrent of )\b{re.escape(name)}\b", re.IGNORECASE)
    return not name or any(word.search(" ".join(text.split())) for text in texts)


def _uses_right_in(body: object) -> Iterator[tuple[str, Tree]]:
    """Statements of a block that name a cursor."""
    for node in items(body):
        for name, value in node.items():
            if "curvar" in mapping(value):
                yield name.removeprefix("PLpgSQL_stmt_"), mapping(value)


def _uses(node: object) -> Iterator[tuple[str, Tree]]:
    """The same, however deep."""
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _uses(item)
        return
    for name, value in mapping(node).items():
        if "curvar" in mapping(value):
            yield name.removeprefix("PLpgSQL_stmt_"), mapping(value)
        yield from _uses(cast("object", value))


def _queries(node: object) -> Iterator[str]:
    """The text of every query and expression."""
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _queries(item)
        return
    for name, value in mapping(node).items():
        if name == "query" and isinstance(value, str):
            yield value
        else:
            yield from _queries(cast("object", value))
