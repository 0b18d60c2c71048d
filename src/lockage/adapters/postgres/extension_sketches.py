"""Sketches extensions that a shadow's server cannot have, from what production's catalog says of their members.

Not for results: a sketched function gives NULL, and a sketched type keeps what was written as text. The surprising thing: an
extension is nothing but rows of the catalog, so its types, functions, operators, casts, operator classes and wrappers can be
made one by one and then be called members, and neither a dump nor a script sees a difference until it looks at a result.

What cannot be sketched is left out, and what needs it fails: access methods, and index support that only C code can give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.beside_schema import ExtensionSketch

COMES_ALONG = frozenset(
    {
        "adminpack",
        "amcheck",
        "autoinc",
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dblink",
        "dict_int",
        "dict_xsyn",
        "earthdistance",
        "file_fdw",
        "fuzzystrmatch",
        "hstore",
        "insert_username",
        "intagg",
        "intarray",
        "isn",
        "lo",
        "ltree",
        "moddatetime",
        "old_snapshot",
        "pageinspect",
        "pg_buffercache",
        "pg_freespacemap",
        "pg_logicalinspect",
        "pg_overexplain",
        "pg_prewarm",
        "pg_stat_statements",
        "pg_surgery",
        "pg_trgm",
        "pg_visibility",
        "pg_walinspect",
        "pgcrypto",
        "pgrowlocks",
        "pgstattuple",
        "plpgsql",
        "postgres_fdw",
        "refint",
        "seg",
        "sslinfo",
        "tablefunc",
        "tcn",
        "timetravel",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "xml2",
    }
)
"""What PostgreSQL itself brings, so that a shadow's server has it or ``standins`` stands in. Source: manual 18, Appendix F."""


def read_sketches(connection: psycopg.Connection[Any], extensions: Sequence[str]) -> tuple[ExtensionSketch, ...]:
    """Gives those of the extensions that PostgreSQL does not bring itself."""
    strange = [name for name in extensions if name not in COMES_ALONG]
    if not strange:
        return ()
    try:
        with connection.transaction():
            connection.execute("set local search_path = pg_catalog")  # so that every name comes out qualified
            rows = connection.execute(load_sql("select_extension_orders"), {"names": strange}).fetchall()
            known = connection.execute(load_sql("select_extension_traits"), {"names": strange}).fetchall()
    except psycopg.ProgrammingError:
        return ()  # something so strange that it cannot even be written down: then the dump's own words fail, and are told
    orders: dict[str, list[str]] = {}
    for name, order in rows:
        if order is not None:
            orders.setdefault(name, []).append(order)
    return tuple(
        ExtensionSketch(name=name, schema=schema, version=version, orders=tuple(orders.get(name, ())))
        for name, schema, version in known
    )


def make_sketches(connection: psycopg.Connection[TupleRow], sketches: Sequence[ExtensionSketch]) -> None:
    """Makes those of the extensions that the server does not have; what it refuses of one is left out."""
    present = {row[0] for row in connection.execute("select name from pg_catalog.pg_available_extensions")}
    for sketch in sketches:
        if sketch.name not in present:
            _make(connection, sketch)


def _make(connection: psycopg.Connection[TupleRow], sketch: ExtensionSketch) -> None:
    row = connection.execute(load_sql("select_newest_oid")).fetchone()
    assert row is not None, "there is always one row"
    connection.execute("set check_function_bodies = off")
    for order in sketch.orders:
        try:
            connection.execute(order.encode())
        except psycopg.Error:
            continue
    parameters = {"name": sketch.name, "schema": sketch.schema, "version": sketch.version, "after": row[0]}
    with connection.transaction():
        connection.execute(load_sql("insert_extension"), parameters)
        connection.execute(load_sql("insert_extension_members"), parameters)
