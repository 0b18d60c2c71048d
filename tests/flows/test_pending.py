"""Where a database stands, for a forecast of what is still to come: a number, or why nobody can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.migration.formats.registry import FORMATS
from lockage.errors import LockageError, RefusedError
from lockage.flows.pending import applied_by_rows, applied_version
from lockage.ports import Database
from support.plans import app_profile


class Ledger:
    """A database that has a ledger, and answers or refuses whatever else is asked."""

    def __init__(self, *, refuses: LockageError | None = None, **reading: Any) -> None:
        self._reading, self._refuses = reading, refuses

    def ledger(self, _: object) -> LedgerReading:
        return LedgerReading(table="public.schema_migrations", **self._reading)

    def ask(self, sql: str) -> tuple[Mapping[str, object], ...]:
        if sql.startswith("SELECT to_regclass"):
            return ({"there": True},)
        assert self._refuses is not None
        raise self._refuses


def version(**reading: Any) -> int:
    return applied_version(cast("Database", Ledger(**reading)), app_profile(), newest=20)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [({"state": LedgerState.MISSING}, 0), ({"state": LedgerState.EMPTY}, 0), ({"state": LedgerState.READ, "version": 20}, 20)],
)
def test_the_newest_applied_migration_is_the_ledgers(reading: Mapping[str, Any], expected: int) -> None:
    assert version(**reading) == expected


@pytest.mark.parametrize(
    ("reading", "code", "said"),
    [
        ({"state": LedgerState.READ, "version": 12, "dirty": True}, "LK430", "is dirty at version 12"),
        ({"state": LedgerState.READ, "version": 21}, "LK431", "is at version 21, newer than 20"),
        ({"state": LedgerState.MIGRATING, "holder_pid": 7}, "LK432", "backend 7 holds the migration lock"),
        ({"state": LedgerState.UNREADABLE, "problem": "no right"}, "LK433", "cannot be read: no right"),
        ({"state": LedgerState.READ}, "LK433", "cannot be read: it holds no version"),
    ],
)
def test_a_ledger_that_does_not_say_it_is_refused(reading: Mapping[str, Any], code: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        version(**reading)
    assert (refused.value.code, said in refused.value.message) == (code, True)


def test_a_ledger_of_rows_that_may_not_be_read_is_refused_with_the_reason() -> None:
    database = cast("Database", Ledger(refuses=RefusedError("the role lacks a privilege", code="LK130")))
    query = FORMATS["flyway"].applied
    assert query is not None
    with pytest.raises(RefusedError) as refused:
        applied_by_rows(database, query, ())
    assert (refused.value.code, refused.value.message) == (
        "LK433",
        f"the ledger {query.table} cannot be read: the role lacks a privilege",
    )
