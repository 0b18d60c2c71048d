"""A ledger that is not there, or has no row, over tables that are: told from a new installation.

A part of the family ``ledger``. The surprising thing: a full database is no sign of it. Another application's tables may lie
beside a new installation, in the same schema even; whose they are, tells by their owner, and by what the migrations make.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.diagnosis.families.ledger_drift import made_by
from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.migrator import owners
from lockage.core.diagnosis.ticket import ledger_in_words
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import voices
from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.wording import counted, listed

TABLE_IS_THERE = "42P07"
"""``duplicate_table``. Source: PostgreSQL 18, appendix A."""

FULL_DATABASE_BYTES = 12 * 2**20
"""From this size on a database holds somebody's tables: a new one of PostgreSQL 13 to 18 has 7 to 8 MB."""


def lost(case: Case, ledger: LedgerReading | None) -> Iterator[Finding]:
    """F069: no ledger, or an empty one, over tables that exist; ``ledger`` where nobody migrates."""
    server = case.evidence.database.server
    if ledger is None or not case.known or ledger.state not in (LedgerState.MISSING, LedgerState.EMPTY):
        return
    tables = _tables_in(case, besides=ledger.table)
    said = next((v.exhibit for v in voices(case) if v.complaint.sqlstate == TABLE_IS_THERE and v.migrates), None)
    size = server.size_bytes if server is not None else 0
    owned = case.evidence.database.privileges.owned_tables if case.evidence.database.privileges is not None else None
    own = (owned or 0) - (ledger.state is LedgerState.EMPTY)
    full = size >= FULL_DATABASE_BYTES if owned is None else own > 0
    if not tables and said is None and not full:
        return  # a new installation
    what = (
        f"there is no ledger {ledger.table}" if ledger.state is LedgerState.MISSING else f"the ledger {ledger.table} is empty"
    )
    much = f"the database holds {size / 2**20:.0f} MiB"
    held = f"its role has {counted(own, 'table')} there" if owned is not None else much
    holds = f"tables are there ({listed(tables)})" if tables else held
    met = (said,) if said is not None else ()
    yield Finding(
        code="F069",
        cause=f"{what}, though {holds}",
        confidence=0.95 if said is not None else 0.9 if tables or owned is not None else 0.7,
        why=_why_not_new(tables, met, counted_own=owned is not None),
        evidence=(Exhibit(source=ledger.table, text=ledger_in_words(ledger)), Exhibit(source="the database", text=holds), *met),
        next=lockage(case, "verify"),
        avoid="do not start a release over it: it would run every migration from the first, over tables that exist",
    )


def _why_not_new(tables: tuple[str, ...], met: tuple[Exhibit, ...], *, counted_own: bool) -> str:
    if met:
        return "the migrator began with the first migration, and met tables that are there"
    if tables:
        return "they are tables that its migrations make, or that its replicas use"
    return "a new installation has none" if counted_own else "a new database is smaller than that"


def _tables_in(case: Case, *, besides: str) -> tuple[str, ...]:
    """Tables of the ledger's schema that are the application's, as far as was seen: its replicas lock them, or they are
    another role's and have names that its migrations make. Somebody else's may be in the same schema.
    """
    schema = besides.rpartition(".")[0]
    database = case.evidence.database
    theirs = (o.session for o in owners(case) if o.replica is not None)
    locked = {lock.relation for session in theirs for lock in session.relation_locks}
    others = database.privileges.not_owned if database.privileges is not None else ()
    foreign = {name.partition(" ")[0] for name in others}
    made = {name for file in case.script for name in made_by(file.text)}
    known = {name for name in foreign if name.rpartition(".")[2].lower() in made}
    return tuple(sorted(name for name in locked | known if name.startswith(f"{schema}.") and name != besides))
