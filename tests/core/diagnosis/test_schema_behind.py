"""Replicas that ask for what the schema lacks, and those that only look so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.families.ledger import RULES
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import LedgerState
from lockage.core.progress import MigrationText
from support import cases as c

NEW = c.names()[0]


def crashed(*lines: str, known: bool = False, **changes: Any) -> Case:
    """A replica of an application that nobody has described ends with these words; the old ones serve."""
    new = c.pod(NEW, ready=False, containers=(c.crashing(c.ended(1, at=5, after_s=2)),), created_at=c.ago(24))
    platform = {
        "details": (new, *(c.old_pod(n) for n in c.names(of=c.OLD_SET))),
        "logs": (c.log(*lines, previous=True),),
        **changes.pop("platform", {}),
    }
    database = {"ledger": c.ledger(None, state=LedgerState.UNREADABLE), **changes.pop("database", {})}
    return c.case(known=known, platform=platform, database=database)


@pytest.mark.parametrize(
    "line",
    [
        'psycopg2.errors.UndefinedTable: relation "invoices" does not exist',
        "ERROR: column orders.vat does not exist (SQLSTATE 42703)",
    ],
)
def test_a_job_that_has_not_run_shows_in_what_the_replica_asks_for(line: str) -> None:
    (finding,) = c.findings(crashed(line), RULES)
    assert finding.code == "F062"
    assert c.RELEASE in finding.cause
    assert 0.4 < finding.confidence < 0.8


def test_a_process_that_was_killed_did_not_end_by_it() -> None:
    line = 'pq: relation "invoices" does not exist'
    killed = c.pod(NEW, ready=False, containers=(c.crashing(c.ended(137, "OOMKilled", at=5, after_s=2)),), created_at=c.ago(24))
    assert c.codes(crashed(line, platform={"details": (killed,)}), RULES) == set()


def test_a_view_of_the_server_that_is_tried_and_not_there_is_no_schema_that_lacks_something() -> None:
    assert c.codes(crashed('ERROR:  relation "pg_stat_statements" does not exist'), RULES) == set()


def test_a_migrator_that_fails_on_it_is_no_such_case() -> None:
    lines = ("INFO  [alembic.runtime.migration] Running upgrade a1 -> b2, add", 'relation "invoices" does not exist')
    assert c.codes(crashed(*lines), RULES) == set()


def test_a_schema_that_is_where_the_image_ends_does_not_lack_it() -> None:
    line = 'pq: relation "invoices" does not exist'
    last = (MigrationText(version=c.LEDGER, name="last", text="SELECT 1"),)
    assert "F062" not in c.codes(replace(crashed(line, known=True, database={"ledger": c.ledger()}), script=last), RULES)


def test_while_somebody_migrates_it_may_yet_come() -> None:
    line = 'pq: relation "invoices" does not exist'
    assert c.codes(crashed(line, database={"ledger": c.being_migrated()}), RULES) == set()
