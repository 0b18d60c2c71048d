"""Fills a database of release 2.26.0 with a deployment that has been in use for years: most of its API keys expired long ago.

Must not be pointed at a database that anybody uses; it refuses one that has users. The surprising thing: who knows the number
of a live key knows its token (`identities.token`), which is how the traffic generator signs in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from lockage.demo.towpath import log
from lockage.demo.towpath.errors import SeedError
from lockage.demo.towpath.identities import SEEDED_USERS, SEEDED_WORKSPACES

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = "-- name: "


def seed(url: str, *, rows: int = 600_000, live_ratio: float = 0.1) -> int:
    """Create organisations, users, workspaces and `rows` API keys, in one transaction; the number of live keys among them.

    Keys 0 to that number less one are live for two days at least; the others expired nine days ago or earlier.
    Raises SeedError when the schema is not that of 2.26.0 or the database has users.
    """
    if rows < 0 or not 0 <= live_ratio <= 1:
        raise SeedError(f"cannot seed {rows} rows of which a share of {live_ratio} is live")
    live_rows = round(rows * live_ratio)
    try:
        with psycopg.connect(url, application_name="towpath/seed", cursor_factory=psycopg.RawCursor) as connection:
            _fill(connection, rows=rows, live_rows=live_rows)
            connection.commit()
        # From another session: one that has just inserted rows tells of them after its ANALYZE, and they would count twice.
        with psycopg.connect(url, application_name="towpath/seed", autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
    except psycopg.errors.UndefinedTable as failure:
        raise SeedError("the database is not migrated to 2.26.0: run towpath --release 2.26.0 migrate") from failure
    except psycopg.Error as failure:
        raise SeedError(f"cannot seed: {log.one_line(failure)}") from failure
    log.info("database seeded", api_keys=rows, live=live_rows)
    return live_rows


def _fill(connection: psycopg.Connection[tuple[object, ...]], *, rows: int, live_rows: int) -> None:
    ledger = connection.execute("SELECT version FROM schema_migrations").fetchone()
    if ledger is None or ledger[0] != 12:
        raise SeedError(f"the database is at migration {ledger and ledger[0]}; only 12, that of 2.26.0, can be seeded")
    if connection.execute("SELECT EXISTS (SELECT FROM users)").fetchone() == (True,):
        raise SeedError("the database has users already")
    # One row trigger fewer a key; nobody else is here. The foreign key stays, as only a superuser may switch it off.
    connection.execute("ALTER TABLE api_keys DISABLE TRIGGER trigger_insert_api_keys")
    steps = _steps()
    connection.execute(steps["create_organizations"])
    connection.execute(steps["create_users"], (SEEDED_USERS,))
    connection.execute(steps["create_members"])
    connection.execute(steps["create_templates"])
    connection.execute(steps["create_workspaces"], (SEEDED_WORKSPACES, SEEDED_USERS))
    connection.execute(steps["create_keys"], (rows, live_rows, SEEDED_USERS))
    connection.execute("ALTER TABLE api_keys ENABLE TRIGGER trigger_insert_api_keys")


def _steps() -> Mapping[str, bytes]:
    text = (Path(__file__).parent / "seed.sql").read_text(encoding="utf-8")
    parts = text.split(_MARK)[1:]
    return {name.strip(): sql.encode() for name, sql in (part.split("\n", 1) for part in parts)}
