"""Puts the optimizer's statistics of a dump into the catalog of a server before 18, which cannot restore them itself.

Never for production: it writes into system catalogs. The surprising thing: what ``pg_dump`` writes as calls of functions that
only 18 has is read back out of its text, so one dump serves shadows of every major, and production is asked once.

Source: PostgreSQL 18, src/bin/pg_dump/pg_dump.c, dumpRelationStats; src/include/catalog/pg_statistic.h, the kinds of slots.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql

RESTORES_ITSELF = 18
"""First major with ``pg_restore_relation_stats`` and ``pg_restore_attribute_stats``."""

_LITERAL = rb"'(?:[^']|'')*'"
_CALL = re.compile(
    rb"^SELECT \* FROM pg_catalog\.pg_restore_(?P<kind>relation|attribute)_stats\(\n"
    rb"(?P<arguments>(?:\t" + _LITERAL + rb", " + _LITERAL + rb"(?:::[a-z]+(?:\[\])?)?,?\n)+)\);\n",
    re.MULTILINE,
)
_ARGUMENT = re.compile(rb"\t(" + _LITERAL + rb"), (" + _LITERAL + rb")(?:::[a-z]+(?:\[\])?)?,?\n")
_ENCODING = re.compile(rb"^SET client_encoding = '(\w+)';$", re.MULTILINE)
_PYTHON_NAMES = {"LATIN1": "latin-1", "LATIN9": "iso8859-15", "WIN1252": "cp1252", "WIN1251": "cp1251", "SQL_ASCII": "latin-1"}

_Row = dict[str, str]


class DumpedStatistics(NamedTuple):
    """Statistics of a dump, each row as the named arguments of the function that would restore it."""

    relations: tuple[_Row, ...]
    columns: tuple[_Row, ...]


def split_statistics(dump: bytes) -> tuple[bytes, DumpedStatistics]:
    """Gives a dump without its statistics, and these."""
    encoding = _encoding(dump)
    found: dict[bytes, list[_Row]] = {b"relation": [], b"attribute": []}

    def take(call: re.Match[bytes]) -> bytes:
        pairs = _ARGUMENT.findall(call["arguments"])
        found[call["kind"]].append({_text(name, encoding): _text(value, encoding) for name, value in pairs})
        return b""

    rest = _CALL.sub(take, dump)
    return rest, DumpedStatistics(tuple(found[b"relation"]), tuple(found[b"attribute"]))


def put_statistics(connection: psycopg.Connection[TupleRow], statistics: DumpedStatistics) -> int:
    """Writes them; gives how many columns' could not be written, whose values the server does not understand."""
    connection.execute(load_sql("update_relation_statistics"), {"rows": json.dumps(statistics.relations)})
    try:
        _put_columns(connection, statistics.columns)
    except psycopg.Error:
        return sum(not _put_one(connection, row) for row in statistics.columns)
    return 0


def _put_one(connection: psycopg.Connection[TupleRow], row: _Row) -> bool:
    try:
        _put_columns(connection, (row,))
    except psycopg.Error:
        return False
    return True


def _put_columns(connection: psycopg.Connection[TupleRow], rows: tuple[_Row, ...]) -> None:
    with connection.transaction():
        connection.execute(load_sql("insert_column_statistics"), {"rows": json.dumps(rows)})


def _encoding(dump: bytes) -> str:
    said = _ENCODING.search(dump)
    name = said[1].decode() if said else "UTF8"
    try:
        return codecs.lookup(_PYTHON_NAMES.get(name, name)).name
    except LookupError:
        return "latin-1"


def _text(literal: bytes, encoding: str) -> str:
    return literal[1:-1].replace(b"''", b"'").decode(encoding, errors="replace")
