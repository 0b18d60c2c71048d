"""Reads what endangers a script on a server beside schema and sizes: room on disk and in the lock table, replicas, sequences.

Not for what decides a plan (``examination``). The surprising thing: nothing here fails. What may not be seen, or is locked, is
None, and whoever judges says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.free_disk import free_disk_bytes
from lockage.adapters.postgres.invalid_indexes import read_invalid_indexes
from lockage.adapters.postgres.session import load_sql, reading_session
from lockage.core.forecast.production import IndexUse, InvalidIndex, Production, SequenceUse
from lockage.errors import RefusedError
from lockage.settings import Watching


def production_of(url: str, *, watching: Watching, password: Callable[[], str] | None = None) -> Production:
    """Gives what the asking role may see of the server at ``url``; takes no lock that a reader or writer waits for.

    ``password`` is asked for the connection's, and wins over the URL's. Raises what a failed login raises.
    """
    session = reading_session(url, what="production", watching=watching, password=password)
    with closing(session) as connection:
        return read_production(connection)


def read_production(connection: psycopg.Connection[Any]) -> Production:
    """Gives the same on a session in autocommit, since what fails would spoil a transaction."""
    [capacity] = _rows(connection, "select_capacity") or [{}]
    standbys = _rows(connection, "select_standbys")
    slots = _rows(connection, "select_slots")
    sequences = _rows(connection, "select_sequence_use")
    [counting] = _rows(connection, "select_counting") or [{}]
    uses = _rows(connection, "select_index_use") if counting.get("counts") else None
    return Production(
        free_disk_bytes=_free_disk(connection),
        **capacity,
        standbys=None if standbys is None else tuple(str(row["name"]) for row in standbys),
        slots=None if slots is None else tuple(str(row["name"]) for row in slots),
        sequences=None if sequences is None else tuple(SequenceUse(**row) for row in sequences),
        invalid_indexes=_invalid_indexes(connection),
        index_uses=None if uses is None else tuple(_index_use(row) for row in uses),
        uses_since=counting.get("since"),
        seen_at=counting.get("now"),
    )


def _rows(connection: psycopg.Connection[Any], query: LiteralString) -> Sequence[Mapping[str, Any]] | None:
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(load_sql(query)).fetchall()
    except psycopg.Error:
        return None


def _index_use(row: Mapping[str, Any]) -> IndexUse:
    values = dict(row)
    return IndexUse(covered_by=tuple(values.pop("covered_by")), **values)


def _invalid_indexes(connection: psycopg.Connection[Any]) -> tuple[InvalidIndex, ...] | None:
    try:
        return read_invalid_indexes(connection)
    except psycopg.Error:
        return None


def _free_disk(connection: psycopg.Connection[Any]) -> int | None:
    found = _rows(connection, "select_data_place")
    if not found:
        return None
    try:
        return free_disk_bytes(found[0])
    except RefusedError:
        return None
