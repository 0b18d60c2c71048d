"""Tables of a database that look like ledgers of migrations, by their names.

Not for reading one (``ledger``). The surprising thing: a table called ``schema_migrations`` may be of five migrators, or the
application's own, so that columns are given too.
"""

from __future__ import annotations

from collections.abc import Callable

from lockage.adapters.postgres.original import LEDGER_NAMES
from lockage.adapters.postgres.session import foreign_errors, load_sql, reading_session
from lockage.core.release.sketch import LedgerSeen
from lockage.settings import Watching


def find_ledgers(url: str, *, watching: Watching, password: Callable[[], str] | None = None) -> tuple[LedgerSeen, ...]:
    """The tables with their columns. Raises as ``session.connect`` and ``session.foreign_errors`` do."""
    with (
        reading_session(url, what="profile", watching=watching, password=password) as connection,
        foreign_errors("looking for a ledger of migrations"),
    ):
        rows = connection.execute(load_sql("select_ledger_candidates"), {"names": list(LEDGER_NAMES)}).fetchall()
    return tuple(LedgerSeen(table=str(table), columns=tuple(columns)) for table, columns in rows)
