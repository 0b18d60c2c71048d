"""How long a session waits for a lock before the server ends its wait: the smaller of lock_timeout and statement_timeout.

Not for the limits of our own sessions (``session``). The surprising thing: a shadow has none of production's limits, which
would end the tracing, so the traced session begins with limits so large that nobody else sets them; where they still stand,
what holds is what the migrator's sessions begin with in production.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import exchange
from lockage.adapters.postgres.session import load_sql

SETTINGS = ("lock_timeout", "statement_timeout")

UNTOUCHED_MS = 2_147_483_647
"""The largest that both can have, 24.8 days. Source: PostgreSQL 18, src/backend/utils/misc/guc_tables.c."""

BEGINS_WITH: Mapping[str, str] = dict.fromkeys(SETTINGS, str(UNTOUCHED_MS))
"""For the traced session."""

_SHOW_LIMIT_S = 5.0
_MAY_SET = re.compile(r"_timeout|\breset\b|\bdiscard\b", re.IGNORECASE)
_VALUE = re.compile(r"\s*'?(?P<number>[0-9.]+)\s*(?P<unit>us|ms|s|min|h|d|)'?\s*", re.IGNORECASE)
_MS: Mapping[str, float] = {"us": 0.001, "": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(value: str) -> int | None:
    """Gives what a time limit's value means, as a script, the catalog or the server writes it; None: it is none."""
    found = _VALUE.fullmatch(value)
    try:
        return None if found is None else round(float(found["number"]) * _MS[found["unit"].lower()])
    except ValueError:
        return None


def read_wait_limits(
    connection: psycopg.Connection[TupleRow], *, role: str, role_settings: Iterable[tuple[str | None, bool, Iterable[str]]]
) -> Mapping[str, int]:
    """Gives the limits, in milliseconds, that sessions of ``role`` begin with; 0: none.

    ``role_settings`` are (role, everywhere, "name=value" …) of the catalog. Where ``connection`` is another role's, the options
    of its own login count all the same, since nobody knows those of the other.
    """
    found = {str(name): int(value) for name, value in connection.execute(load_sql("select_wait_limits"))}
    asker = connection.info.user
    if asker == role:
        return found
    # What is said for a role here wins over what is said for it everywhere, and that over what all roles get.
    in_order = sorted(role_settings, key=lambda one: (one[0] is not None, not one[1]))
    said = [(of_role, *text.partition("=")) for of_role, _, settings in in_order for text in settings]
    found |= {name: 0 for of_role, name, _, _ in said if of_role == asker and name in found}
    for of_role, name, _, value in said:
        known = milliseconds(value) if of_role in (None, role) and name in found else None
        if known is not None:
            found[name] = known
    return found


class WaitLimit:
    """The limit in force in a traced session, asked of it only behind what may have changed it.

    ``usual``: what the migrator's sessions begin with; None: not known.
    """

    def __init__(self, session: psycopg.Connection[TupleRow], usual: Mapping[str, int] | None) -> None:
        self._session = session
        self._usual = usual
        self._settings = dict.fromkeys(SETTINGS, UNTOUCHED_MS)
        self._may_end = False  # what was set may end with its transaction, or its savepoint

    @property
    def now_ms(self) -> int | None:
        """How long a lock would be waited for; 0: for ever, None: not known."""
        usual = self._usual or {}
        known = [usual.get(name) if value == UNTOUCHED_MS else value for name, value in self._settings.items()]
        limits = [value for value in known if value]
        return min(limits) if limits else (None if None in known else 0)

    def behind(self, sql: str, *, tag: str, calls: bool) -> None:
        """Looks again where the statement that has just ended may have set it; ``calls``: it calls functions, or is code."""
        status = self._session.info.transaction_status
        asked = calls or _MAY_SET.search(sql) is not None
        if status is TransactionStatus.INERROR:
            self._may_end = True
        elif asked or (self._may_end and (status is TransactionStatus.IDLE or tag == "ROLLBACK")):
            self._look()
            self._may_end = status is TransactionStatus.INTRANS

    def _look(self) -> None:
        for name in SETTINGS:
            # SHOW takes no snapshot, so that SET TRANSACTION may still follow.
            rows = exchange(self._session, f"SHOW {name}", limit_s=_SHOW_LIMIT_S).rows
            value = milliseconds(rows[0][0] or "") if rows else None
            if value is not None:
                self._settings[name] = value
