"""What a diagnosis shows of the values in statements: none; and everything else as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.findings import Case, Diagnosis
from lockage.core.diagnosis.rules import RULES
from lockage.core.diagnosis.values import without_values
from lockage.core.facts import RelationLock
from lockage.interfaces.causes import causes
from support import cases as c

NEW = c.names()[0]
TABLE = "public.users"
ADDRESS = "ann@customers.example"


def blocked(query: str) -> Case:
    """A migration waits for a table that somebody's statement has read, whose transaction is open."""
    waits = c.migrating_session(
        4711,
        wait_event_type="Lock",
        wait_event="relation",
        blocked_by=(99,),
        query="ALTER TABLE users ADD COLUMN scope text",
        relation_locks=(RelationLock(relation=TABLE, mode="AccessExclusiveLock", granted=False),),
    )
    holds = c.session(
        99,
        state="idle in transaction",
        user="bi",
        application_name="report",
        client_address="10.9.9.9",
        transaction_age_s=300.0,
        query=query,
        relation_locks=(RelationLock(relation=TABLE, mode="AccessShareLock", granted=True),),
        backend_start=c.ago(9000),
    )
    new = c.pod(NEW, ready=False, containers=(c.container(ready=False, state=c.running(for_s=26)),))
    return c.case(
        platform={"details": (new, c.old_pod())},
        database={
            "ledger": c.being_migrated(),
            "looks": c.looks(waits, holds),
            "owned": (c.owned(waits, NEW), c.owned(holds, None)),
        },
    )


def told(seen: Case) -> Diagnosis:
    return diagnose(seen, causes=causes(), rules=RULES)


def shown(diagnosis: Diagnosis) -> str:
    texts = [finding.cause for finding in diagnosis.findings]
    return "\n".join((*texts, *(one.text for finding in diagnosis.findings for one in finding.evidence)))


def test_a_live_statement_is_shown_without_its_values() -> None:
    seen = blocked(f"select * from users where email = '{ADDRESS}' and phone = '0170 5550199'")
    plain, without = told(seen), without_values(told(seen), seen)
    assert ADDRESS in shown(plain)
    assert "select * from users where email = '***' and phone = '***'" in shown(without)
    assert [one.code for one in without.findings] == [one.code for one in plain.findings]
    assert [one.next for one in without.findings] == [one.next for one in plain.findings]


def test_what_a_complaint_says_of_a_row_is_not_shown() -> None:
    crashed = c.pod(NEW, ready=False, containers=(c.crashing(c.ended(1)),))
    words = (
        c.log_line("Running database migrations", at=50),
        c.log_line('ERROR: could not create unique index "users_email" (SQLSTATE 23505)', at=40, level="error"),
        f"DETAIL:  Key (email)=({ADDRESS}) is duplicated.",
    )
    seen = c.case(platform={"details": (crashed, c.old_pod()), "logs": (c.log(*words, previous=True),)})
    assert ADDRESS in shown(told(seen))
    assert ADDRESS not in shown(without_values(told(seen), seen))
    assert "Key (email)=(***) is duplicated" in shown(without_values(told(seen), seen))


@given(st.integers(min_value=1, max_value=120))
def test_no_part_of_a_value_is_left_wherever_the_statement_is_cut(room: int) -> None:
    seen = blocked(f"select {'n' * room} from users where note = 'canary canary' and id > 0")
    assert "canary" not in shown(without_values(told(seen), seen))


def test_a_diagnosis_without_statements_stays_as_it_is() -> None:
    seen = blocked("select count(*) from users")
    plain = told(seen)
    assert without_values(plain, seen) == structs.replace(plain)
