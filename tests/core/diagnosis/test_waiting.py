"""What a migration waits for, and who waits for it: each cause, and a neighbour that looks alike and is harmless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lockage.core.diagnosis.evidence import PreparedTransaction, ReplicaDetail
from lockage.core.diagnosis.families.waiting import RULES
from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.facts import OwnedSession, RelationLock, Session, Work
from support.cases import (
    LOCK,
    NOW,
    OLD_SET,
    ago,
    being_migrated,
    blind,
    case,
    codes,
    container,
    crashing,
    ended,
    findings,
    log,
    log_line,
    looks,
    migrating_session,
    names,
    old_pod,
    owned,
    pod,
    running,
    session,
    sources,
)

NEW, OLD = names()[0], names(of=OLD_SET)[0]
TABLE = "public.api_keys"
WANTED = RelationLock(relation=TABLE, mode="AccessExclusiveLock", granted=False)
HELD = RelationLock(relation=TABLE, mode="AccessShareLock", granted=True)


def waiting_migration(*blocked_by: int, event: str = "relation", **changes: Any) -> Session:
    more = {"query": "ALTER TABLE api_keys ADD COLUMN scope text", "relation_locks": (WANTED,)} if event == "relation" else {}
    return migrating_session(4711, wait_event_type="Lock", wait_event=event, blocked_by=blocked_by, **{**more, **changes})


def busy(pid: int, **changes: Any) -> Session:
    plain = {
        "state": "active", "wait_event_type": "IO", "wait_event": "DataFileRead", "transaction_age_s": 340.0, "user": "bi",
        "application_name": "report", "client_address": "10.9.9.9", "query": "SELECT * FROM api_keys",
        "relation_locks": (HELD,), "backend_start": ago(9000),
    }  # fmt: skip
    return session(pid, **{**plain, **changes})


def idle_in_transaction(pid: int = 99, **changes: Any) -> Session:
    plain = {"state": "idle in transaction", "wait_event_type": "Client", "wait_event": "ClientRead", "state_age_s": 300.0}
    return busy(pid, **{**plain, **changes})


def starting_pod(name: str) -> ReplicaDetail:
    return pod(name, ready=False, containers=(container(ready=False, state=running(for_s=26)),))


def scene(*sessions: OwnedSession, earlier: tuple[Session, ...] | None = None, known: bool = True, **database: Any) -> Case:
    """The new release's first replica starts beside an old one; these sessions, in both looks unless told otherwise."""
    now = tuple(one.session for one in sessions)
    return case(
        platform={
            "details": (pod(NEW, ready=False, containers=(container(ready=False, state=running(for_s=26)),)), old_pod(OLD))
        },
        database={
            "ledger": being_migrated(),
            "looks": looks(*(earlier if earlier is not None else now), later=now),
            "owned": sessions,
            **database,
        },
        known=known,
    )


def only(seen: Case) -> Finding:
    (found,) = findings(seen, RULES)
    return found


# --- who is in the way ------------------------------------------------------------------------------------------------


def test_a_query_that_holds_the_lock_is_named_with_its_table() -> None:
    found = only(scene(owned(waiting_migration(99), NEW), owned(busy(99), None)))
    assert found.code == "F040"
    assert "AccessExclusiveLock on public.api_keys" in found.cause
    assert "pid 99, user bi, application report" in found.cause
    assert "lockage recover app" in found.next, "it shows the least force before any is used"
    assert "pg_" not in found.next
    assert {"backend 4711", "backend 99", f"pod {NEW}", f"relation {TABLE}", "migration lock"} == set(found.about)
    assert found.confidence > 0.9


def test_an_index_build_of_somebody_else_in_the_way_is_not_to_be_cancelled_lightly() -> None:
    build = "create unique index concurrently by_hand on api_keys (user_id)"
    found = only(scene(owned(waiting_migration(99), NEW), owned(busy(99, query=build), None)))
    assert found.code == "F040"
    assert "invalid index" in (found.avoid or "")


def test_a_blocker_that_is_blocked_itself_is_no_root() -> None:
    victim = busy(98, wait_event_type="Lock", wait_event="relation", blocked_by=(99,))
    found = only(scene(owned(waiting_migration(98, 99), NEW), owned(victim, OLD), owned(idle_in_transaction(99), None)))
    assert (found.code, "backend 99" in found.about, "backend 98" in found.about) == ("F044", True, False)


@pytest.mark.parametrize("event", ["transactionid", "tuple"])
def test_rows_that_another_transaction_changed_are_told_from_a_table_lock(event: str) -> None:
    found = only(
        scene(owned(waiting_migration(99, event=event), NEW), owned(busy(99, query="UPDATE api_keys SET x = 2"), None))
    )
    assert found.code == "F041"
    assert "rows" in found.cause


@pytest.mark.parametrize(
    ("owner", "words"),
    [(OLD, f"the old release's replica {OLD}"), (None, "a third party")],
)
def test_idle_in_transaction_says_whose_it_is(owner: str | None, words: str) -> None:
    found = only(scene(owned(waiting_migration(99), NEW), owned(idle_in_transaction(99), owner)))
    assert found.code == "F044"
    assert found.cause.startswith(words)
    assert "lockage recover app" in found.next
    assert ("ask bi (report)" in found.next) is (owner is None)


def test_a_replica_that_waits_for_its_own_other_session_is_its_vendors_to_mend() -> None:
    found = only(scene(owned(waiting_migration(99), NEW), owned(idle_in_transaction(99), NEW)))
    assert found.code == "F044"
    assert found.cause.startswith(f"the new release's replica {NEW}")
    assert "waits for itself" in found.cause
    assert "lockage bundle app" in found.next


def test_idle_in_transaction_of_a_dead_client_is_an_orphan() -> None:
    found = only(scene(owned(waiting_migration(99), NEW), owned(idle_in_transaction(99), orphan=True)))
    assert found.code == "F043"
    assert found.next.startswith("lockage recover app")


def test_a_prepared_transaction_is_named_among_several() -> None:
    prepared = tuple(
        PreparedTransaction(gid=gid, owner="app", database="app", age_s=age, relation_locks=locks)
        for gid, age, locks in (("elsewhere", 900.0, ()), ("left over", 600.0, (HELD,)))
    )
    found = only(scene(owned(waiting_migration(0), NEW), prepared=prepared))
    assert found.code == "F045"
    assert "transaction left over" in found.about
    assert "ROLLBACK PREPARED 'left over'" in found.next
    assert "COMMIT PREPARED 'left over'" in found.next
    unnamed = only(scene(owned(waiting_migration(0), NEW), prepared=None))
    assert unnamed.confidence < found.confidence


def test_an_autovacuum_that_prevents_wraparound_is_waited_for() -> None:
    vacuum = busy(99, query="autovacuum: VACUUM public.api_keys (to prevent wraparound)", application_name="autovacuum worker")
    found = only(scene(owned(waiting_migration(99), NEW), owned(vacuum, None)))
    assert found.code == "F046"
    assert "cancel" not in found.next


def test_an_index_build_waits_for_an_old_snapshot() -> None:
    build = waiting_migration(99, event="virtualxid", query="CREATE INDEX CONCURRENTLY i ON api_keys (x)")
    work = Work(pid=4711, command="CREATE INDEX CONCURRENTLY", phase="waiting for old snapshots", done_ratio=None,
                wal_lsn_bytes=1, blocks=1)  # fmt: skip
    seen = scene(owned(build, NEW), owned(idle_in_transaction(99), None))
    first, last = seen.evidence.database.looks or ()
    seen = replace(
        seen,
        evidence=replace(seen.evidence, database=replace(seen.evidence.database, looks=(first, replace(last, work=(work,))))),
    )
    found = only(seen)
    assert found.code == "F047"
    assert any("waiting for old snapshots" in line.text for line in found.evidence)


# --- orphans and the migration lock -----------------------------------------------------------------------------------


def turn(pid: int, *blocked_by: int) -> Session:
    return session(
        pid, state="active", wait_event_type="Lock", wait_event="advisory", blocked_by=blocked_by, transaction_age_s=20.0,
        query="SELECT pg_advisory_lock($1)",
    )  # fmt: skip


def test_an_orphan_that_can_only_roll_back_is_to_be_recovered_from() -> None:
    orphan = waiting_migration(99, transaction_age_s=300.0)
    found = findings(
        scene(owned(orphan, orphan=True), owned(turn(4712, 4711), NEW), owned(idle_in_transaction(99), None)), RULES
    )
    assert [f.code for f in found] == ["F044", "F043"]
    assert "backend 4711" in found[1].about, "and what it waits for is said too"
    assert "can only roll back" in found[1].cause
    assert "1 session of replicas waits" in found[1].cause
    assert found[1].next.startswith("lockage recover")
    assert f"pod {NEW}" in found[1].about


def test_an_orphan_whose_statement_commits_by_itself_is_waited_for() -> None:
    orphan = migrating_session(4711, transaction_age_s=20.0, statement_age_s=20.0)
    found = only(scene(owned(orphan, orphan=True), owned(turn(4712, 4711), NEW)))
    assert found.code == "F043"
    assert found.next.startswith("wait until")
    assert "do not terminate it" in (found.avoid or "")


def test_a_follower_at_the_migration_lock_is_harmless() -> None:
    found = only(scene(owned(migrating_session(), names()[1]), owned(turn(4712, 4711), NEW)))
    assert (found.code, found.harmless) == ("F042", True)
    assert NEW in found.cause


@pytest.mark.parametrize("age_s", [900, 2])
def test_the_lock_in_the_hands_of_a_console_is_no_replicas(age_s: int) -> None:
    console = session(
        99, application_name="psql", user="dba", advisory_locks=(LOCK,), state_age_s=900.0, client_address="10.9.9.9",
        backend_start=ago(age_s),
    )  # fmt: skip
    found = only(scene(owned(session(1), OLD), owned(console, None), owned(turn(4712, 99), NEW)))
    assert found.code == "F049"
    assert "user dba, application psql" in found.cause


def test_a_lock_of_two_keys_in_the_hands_of_a_console_is_known_by_who_waits_for_it() -> None:
    """Of two keys no single one is read."""
    console = session(
        99, application_name="psql", user="dba", state_age_s=900.0, client_address="10.9.9.9", backend_start=ago(900)
    )
    found = only(scene(owned(session(1), OLD), owned(console, None), owned(turn(4712, 99), NEW)))
    assert found.code == "F049"
    beside = scene(owned(session(1), OLD), owned(console, None))
    assert "F049" not in codes(beside, RULES)


def test_the_lock_in_the_hands_of_a_pooler_is_told_by_its_name() -> None:
    pooled = session(99, application_name="pgbouncer", advisory_locks=(LOCK,), state_age_s=900.0)
    found = only(scene(owned(session(1), OLD), owned(pooled, None), owned(turn(4712, 99), NEW)))
    assert found.code == "F048"


@pytest.mark.parametrize(
    "text",
    [
        'pq: prepared statement "lrupsc_1_0" does not exist (SQLSTATE 26000)',
        'ERROR: prepared statement "stmtcache_1" already exists (SQLSTATE 42P05)',
        "FATAL: unsupported startup parameter: search_path (SQLSTATE 08P01)",
    ],
)
def test_what_only_poolers_say_tells_of_one(text: str) -> None:
    crashed = pod(NEW, ready=False, containers=(crashing(ended(1, at=30, after_s=5)),))
    seen = case(
        platform={"details": (crashed, old_pod(OLD)), "logs": (log(log_line(text, at=30, level="error"), previous=True),)}
    )
    assert codes(seen, RULES) == {"F048"}


# --- without a profile ------------------------------------------------------------------------------------------------


def sketched(seen: Case) -> Case:
    migrations = msgspec.structs.replace(seen.profile.migrations, advisory_lock=None)
    return replace(seen, profile=msgspec.structs.replace(seen.profile, migrations=migrations), known=False)


def test_without_a_profile_the_one_who_wants_a_strong_lock_migrates_and_that_is_less_sure() -> None:
    blocker = owned(busy(99), None)
    known = only(scene(owned(waiting_migration(99), NEW), blocker))
    unknown = only(sketched(scene(owned(waiting_migration(99, advisory_locks=()), NEW), blocker)))
    assert unknown.code == known.code == "F040"
    assert unknown.confidence < known.confidence
    assert "no migration lock tells" in unknown.why


def test_without_a_profile_an_orphan_with_a_strong_lock_is_found() -> None:
    orphan = migrating_session(
        4711, advisory_locks=(77,), transaction_age_s=300.0, state="idle in transaction", state_age_s=200.0,
        relation_locks=(replace(WANTED, granted=True),),
    )  # fmt: skip
    found = only(sketched(scene(owned(orphan, orphan=True), owned(turn(4712, 4711), NEW))))
    assert found.code == "F043"


def test_without_a_profile_a_follower_is_harmless_too() -> None:
    migrating = migrating_session(advisory_locks=(77,), query="ALTER TABLE t ADD COLUMN c int")
    found = only(sketched(scene(owned(migrating, names()[1]), owned(turn(4712, 4711), NEW))))
    assert (found.code, found.harmless) == ("F042", True)


def test_without_a_profile_a_strangers_alter_is_no_migration_of_ours() -> None:
    stranger = busy(98, wait_event_type="Lock", wait_event="relation", blocked_by=(99,), query="ALTER TABLE x ADD y int")
    assert not codes(sketched(scene(owned(session(1), OLD), owned(stranger, None), owned(busy(99), None))), RULES)


# --- harmless neighbours ----------------------------------------------------------------------------------------------


def test_healthy_is_silent() -> None:
    assert not findings(case(), RULES)


@pytest.mark.parametrize(
    "sessions",
    [
        (owned(migrating_session(), NEW), owned(idle_in_transaction(99), None)),
        (owned(migrating_session(), NEW), owned(idle_in_transaction(99), orphan=True)),
        (owned(waiting_migration(99), NEW), owned(busy(99, query="autovacuum: VACUUM public.api_keys"), None)),
        (owned(waiting_migration(99), NEW),),
        (
            owned(migrating_session(), NEW),
            owned(busy(98, blocked_by=(99,), wait_event_type="Lock"), None),
            owned(busy(99), None),
        ),
    ],
    ids=["blocks nobody", "an orphan that holds nothing", "an autovacuum that yields", "the blocker has gone", "others wait"],
)
def test_what_blocks_no_migration_is_no_cause(sessions: tuple[OwnedSession, ...]) -> None:
    assert not codes(scene(*sessions), RULES)


def test_a_wait_of_a_moment_is_no_cause() -> None:
    before = migrating_session()
    seen = scene(owned(waiting_migration(99), NEW), owned(busy(99), None), earlier=(before, busy(99)))
    assert not codes(seen, RULES)


def test_a_prepared_transaction_that_nobody_waits_for_is_no_cause() -> None:
    prepared = (PreparedTransaction(gid="x", owner="app", database="app", age_s=9e5, relation_locks=(HELD,)),)
    assert not codes(scene(owned(migrating_session(), NEW), prepared=prepared), RULES)


def test_a_session_that_may_be_a_replicas_yet_is_not_blamed() -> None:
    fresh = session(99, advisory_locks=(LOCK,), backend_start=ago(1), state="active")
    assert not codes(scene(owned(session(1), OLD), owned(fresh, None)), RULES)


# --- half of the evidence ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", sources())
def test_rules_take_any_source_away(source: str) -> None:
    seen = scene(owned(waiting_migration(99), NEW), owned(idle_in_transaction(99), None), owned(turn(4712, 4711), names()[1]))
    found = codes(blind(seen, source), RULES)
    assert source == "database.looks" or "F044" in found or source == "platform.replicas"


def test_one_look_is_less_sure() -> None:
    seen = scene(owned(waiting_migration(99), NEW), owned(busy(99), None))
    last = (seen.evidence.database.looks or ())[-1]
    database = replace(seen.evidence.database, looks=(last,))
    once = replace(seen, evidence=replace(seen.evidence, database=database))
    assert only(once).confidence < only(seen).confidence
    assert last.at == NOW
