"""A migrator's lock that is a row of a table: left behind, or rightly held by somebody who migrates."""

from __future__ import annotations

from typing import Any

import pytest

from lockage.core.diagnosis.families.waiting import RULES
from lockage.core.diagnosis.findings import Case, Finding
from support import cases as c

NEW, SECOND = c.names(2)
WAITING = c.log_line("Waiting for changelog lock....", at=8)


def refused(*lines: str, ends: bool = False, **changes: Any) -> Case:
    """A new replica that said this last and waits, or ended by it."""
    own = c.crashing(c.ended(1, at=5, after_s=2)) if ends else c.container(state=c.running(for_s=21), ready=False)
    platform = {
        "details": (
            c.pod(NEW, ready=False, containers=(own,), created_at=c.ago(24)),
            *(c.old_pod(n) for n in c.names(of=c.OLD_SET)),
        ),
        "logs": (c.log(*lines, previous=ends),),
        **changes.pop("platform", {}),
    }
    return c.case(known=False, platform=platform, **changes)


def only(seen: Case) -> Finding:
    (finding,) = c.findings(seen, RULES)
    assert finding.code == "F088"
    return finding


def test_liquibases_row_that_nobody_holds_is_named_with_what_gives_it_back() -> None:
    finding = only(refused(WAITING, WAITING))
    assert "public.databasechangeloglock" in finding.cause
    assert "UPDATE public.databasechangeloglock SET locked = false" in finding.next
    assert finding.next.index("SELECT") < finding.next.index("UPDATE")


def test_whoever_took_it_is_said_where_the_migrator_says_it() -> None:
    said = "LockException: Could not acquire change log lock.  Currently locked by app-7d9f (10.0.0.7) since 11/22/26, 1:58 AM"
    finding = only(refused(c.log_line(said, at=7, level="error"), ends=True))
    assert "taken by app-7d9f since 11/22/26, 1:58 AM" in finding.cause
    assert finding.confidence > only(refused(WAITING)).confidence


def test_knexs_row_is_known_too() -> None:
    line = '{"level":40,"msg":"Can\'t take lock to run migrations: Migration table is already locked"}'
    assert "knex_migrations_lock SET is_locked = 0" in only(refused(line, ends=True)).next


@pytest.mark.parametrize(
    "later",
    ["Successfully acquired change log lock", "Running Changeset: db/changelog.xml::7::ops", "Update command completed"],
)
def test_a_lock_that_was_had_in_the_end_is_none_that_was_left(later: str) -> None:
    assert c.codes(refused(WAITING, c.log_line(later, at=3)), RULES) == set()


def test_another_replica_that_starts_may_hold_it() -> None:
    other = c.pod(SECOND, ready=False, containers=(c.container(state=c.running(for_s=21), ready=False),), created_at=c.ago(24))
    first = refused(WAITING).evidence.platform.details or ()
    assert c.codes(refused(WAITING, platform={"details": (*first, other)}), RULES) == set()


def test_a_job_in_its_transaction_may_hold_it() -> None:
    job = c.session(99, state="idle in transaction", transaction_age_s=3.0, application_name="migrate")
    seen = refused(WAITING, database={"looks": c.looks(job), "owned": (c.owned(job, None),)})
    assert c.codes(seen, RULES) == set()


def test_where_the_sessions_are_out_of_sight_it_is_a_guess() -> None:
    assert only(c.blind(refused(WAITING), "database.looks")).confidence <= 0.4
