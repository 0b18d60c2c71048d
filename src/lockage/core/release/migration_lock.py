"""The advisory lock of a migrator that nobody has described, as far as the sessions tell it.

Not for applications with a profile, which names it. The surprising thing: a migrator's usual key is believed only where
somebody holds it now, because many tables look like a migrator's whose application locks in its own way.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator, Sequence

from lockage.core.facts import Session
from lockage.core.release.sketch import LedgerSeen

GOLANG_MIGRATE_SALT = 1486364155
"""Source: golang-migrate v4.18, ``database/util.go``, GenerateAdvisoryLockId."""

RAILS_SALT = 2053462845
"""Source: Rails 8.0, ``active_record/migration.rb``, MIGRATOR_SALT."""

PRISMA = 72707369
"""Source: Prisma 6, migration engine, ``flavour/postgres``."""


def migration_lock(sessions: Sequence[Session], *, ledgers: Iterable[LedgerSeen], database: str) -> int | None:
    """Its key, where a session holds it now: a known migrator's own, else the only one that others wait for; None otherwise."""
    held = {key for session in sessions for key in session.advisory_locks}
    for key in _usual(ledgers, database):
        if key in held:
            return key
    awaited_of = {pid for session in sessions if session.wait_event == "advisory" for pid in session.blocked_by}
    awaited = {key for session in sessions if session.pid in awaited_of for key in session.advisory_locks}
    return awaited.pop() if len(awaited) == 1 else None


def _usual(ledgers: Iterable[LedgerSeen], database: str) -> Iterator[int]:
    for ledger in ledgers:
        schema, _, table = ledger.table.partition(".")
        columns = set(ledger.columns)
        if {"version", "dirty"} <= columns:
            names = "\0".join((schema, table, database)).encode()
            yield binascii.crc32(names) * GOLANG_MIGRATE_SALT % 2**32
        elif table == "schema_migrations" and columns == {"version"}:
            yield binascii.crc32(database.encode()) * RAILS_SALT
        elif {"migration_name", "applied_steps_count"} <= columns:
            yield PRISMA
