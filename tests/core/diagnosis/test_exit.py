"""Processes that end by themselves: with their last words, and never where somebody else ended them."""

from __future__ import annotations

from typing import Any

import pytest

from lockage.core.diagnosis.evidence import ContainerState
from lockage.core.diagnosis.findings import Case, Finding
from support import cases as c
from support.rules import found

NAME = c.names()[0]
BACK_OFF = "Back-off restarting failed container app in pod app-74d8c6f9b-aaaaa_prod(0c9f6f5e)"


def crashed(*lines: str, code: int = 1, last: ContainerState | None = None, **platform: Any) -> Case:
    """The first new replica ends again and again, and said this last; the old ones serve."""
    state = last or c.ended(code, at=40, after_s=2)
    pods = (
        c.pod(NAME, ready=False, containers=(c.crashing(state),), created_at=c.ago(300)),
        *(c.old_pod(n) for n in c.names(of=c.OLD_SET)),
    )
    given = {
        "details": pods,
        "revisions": (c.old_revision(wanted=3, present=3, ready=3), c.revision(present=1, ready=0, created_at=c.ago(300))),
        "conditions": c.progressing(reason="ReplicaSetUpdated"),
        "events": (c.event("BackOff", BACK_OFF, at=5),),
        "logs": (c.log(*lines, previous=True),) if lines else (),
        **platform,
    }
    return c.case(platform=given)


def one(seen: Case, code: str) -> Finding:
    (finding,) = (f for f in found(seen) if f.code == code)
    return finding


def test_a_process_that_ends_by_itself_is_quoted() -> None:
    seen = crashed(c.log_line("starting", at=42), "panic: unexpected node in tree", "", "goroutine 1 [running]:")
    assert {f.code for f in found(seen)} == {"F010", "F011"}
    finding = one(seen, "F010")
    assert finding.cause == (
        f"pod {NAME} ended by itself after 2.0 s with exit code 1, and said last: panic: unexpected node in tree"
    )
    assert finding.next == f"kubectl -n prod logs {NAME} -c app --previous"


def test_a_replica_that_ends_well_has_ended_all_the_same() -> None:
    assert "exit code 0, and a replica must not end" in one(crashed("done", code=0), "F010").cause


def test_a_crash_of_the_program_is_called_one() -> None:
    assert "SIGSEGV" in one(crashed(code=139), "F010").cause


def test_an_init_container_that_fails_keeps_the_replica_from_starting() -> None:
    init = c.container(
        name="prepare",
        init=True,
        main=False,
        state=c.waiting("CrashLoopBackOff"),
        last=c.ended(1, at=30),
        restarts=3,
        ready=False,
    )
    app = c.container(state=c.waiting("PodInitializing"), ready=False)
    seen = c.case(
        platform={
            "details": (c.pod(NAME, ready=False, containers=(init, app), phase="Pending"),),
            "logs": (c.log("no such folder", container="prepare", previous=True),),
        }
    )
    assert one(seen, "F010").cause.startswith(f"init container prepare of pod {NAME} ended by itself")


def test_a_crash_loop_names_every_replica_that_waits() -> None:
    state = c.ended(1, at=40, after_s=2)
    pods = tuple(c.pod(n, ready=False, containers=(c.crashing(state, restarts=i),)) for i, n in enumerate(c.names(), start=1))
    finding = one(crashed(details=pods), "F011")
    assert finding.about == tuple(f"pod {n}" for n in c.names())
    assert "after 3 restarts" in finding.cause


FAILED = c.log_line('migrate up: up: migration 13 (names): migration failed: column "x" does not exist (sqlstate=42703)', at=41)


def test_a_migration_that_fails_is_quoted_with_its_sqlstate() -> None:
    seen = crashed(FAILED)
    assert {f.code for f in found(seen)} == {"F012", "F011"}
    finding = one(seen, "F012")
    assert finding.cause.endswith('column "x" does not exist (SQLSTATE 42703)')
    assert finding.confidence == 0.95


def test_an_unknown_clients_words_are_enough() -> None:
    lines = (
        "INFO  [alembic.runtime.migration] Running upgrade a1 -> b2, add names",
        "Traceback (most recent call last):",
        'sqlalchemy.exc.ProgrammingError: (psycopg2.errors.DuplicateTable) relation "names" already exists',
    )
    assert "(SQLSTATE 42P07)" in one(crashed(*lines), "F012").cause


def test_what_other_families_explain_is_no_error_of_a_migration() -> None:
    seen = crashed("migrate: pq: permission denied for table users")
    assert {f.code for f in found(seen)} == {"F010", "F011"}
    assert one(seen, "F010").confidence == 0.5


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_a_replica_that_restarted_long_ago_is_well() -> None:
    again = c.pod(NAME, containers=(c.container(last=c.ended(1, at=7200), restarts=2),), created_at=c.ago(90_000))
    assert found(c.case(platform={"details": (again, *(c.pod(n) for n in c.names()[1:]))})) == ()


def test_an_error_of_a_user_in_the_log_of_a_replica_that_serves_is_none_of_ours() -> None:
    line = c.log_line('pq: duplicate key value violates unique constraint "users_email"', at=3, level="error")
    assert found(c.case(platform={"logs": (c.log(line),)})) == ()


def test_a_completed_init_container_is_no_end() -> None:
    init = c.container(name="prepare", init=True, main=False, state=c.ended(0, at=3600), ready=True)
    done = c.pod(NAME, containers=(init, c.container()))
    assert found(c.case(platform={"details": (done, *(c.pod(n) for n in c.names()[1:]))})) == ()


def test_a_completed_init_container_of_a_replica_that_only_starts_is_no_end() -> None:
    init = c.container(name="prepare", init=True, main=False, state=c.ended(0, at=12), ready=True)
    young = c.pod(
        NAME, ready=False, containers=(init, c.container(state=c.running(for_s=5), ready=False)), created_at=c.ago(20)
    )
    assert found(c.case(platform={"details": (young, *(c.pod(n) for n in c.names()[1:]))})) == ()


@pytest.mark.parametrize("code", [137, 143])
def test_a_signal_is_nobodys_fault_as_long_as_the_events_are_out_of_sight(code: int) -> None:
    seen = crashed(code=code, last=c.ended(code, at=40, after_s=500), events=None)
    assert {f.code for f in found(seen)} == {"F011"}


def test_a_replica_that_got_in_at_the_tenth_try_has_no_complaint() -> None:
    lines = [c.log_line("ping postgres: dial tcp 10.0.0.1:5432: connect: connection refused", at=20 - i) for i in range(5)]
    lines.append(c.log_line("acquired database migration lock  waited=0.1s", at=3))
    young = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=21), ready=False),), created_at=c.ago(24))
    assert found(c.case(platform={"details": (young, *(c.pod(n) for n in c.names()[1:])), "logs": (c.log(*lines),)})) == ()


@pytest.mark.parametrize("source", [s for s in c.sources() if s not in {"platform.details", "platform.replicas"}])
def test_the_end_is_seen_whatever_else_is_out_of_sight(source: str) -> None:
    assert "F010" in {f.code for f in found(c.blind(crashed("boom"), source))}


def test_the_end_is_seen_in_the_list_of_replicas() -> None:
    assert {f.code for f in found(c.blind(crashed("boom"), "platform.details"))} == {"F010", "F011"}


def test_a_logger_that_writes_local_time_without_its_zone_is_heard_while_its_process_tries_again() -> None:
    """West of Greenwich its lines seem hours older than the process that wrote them."""
    line = c.log_line('goose run: failed to run SQL migration: column "x" does not exist (SQLSTATE 42703)', at=5 * 3600)
    young = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=21), ready=False),), created_at=c.ago(24))
    seen = c.case(platform={"details": (young, *(c.pod(n) for n in c.names()[1:])), "logs": (c.log(line),)})
    assert {f.code for f in found(seen)} == {"F012"}
    old = c.pod(
        NAME, ready=False, containers=(c.container(state=c.running(for_s=6 * 3600), ready=False),), created_at=c.ago(7 * 3600)
    )
    assert found(c.case(platform={"details": (old, *(c.pod(n) for n in c.names()[1:])), "logs": (c.log(line),)})) == ()


GAVE_UP = "Context: Timed out trying to acquire a postgres advisory lock (SELECT pg_advisory_lock(72707369)). Elapsed: 10000ms."


def test_a_follower_that_gives_up_waiting_is_no_trouble_while_another_replica_migrates() -> None:
    second = c.names()[1]
    works = c.migrating_session(4711)
    seen = crashed("Error: P1002", "", GAVE_UP)
    starting = c.pod(
        second, ready=False, containers=(c.container(state=c.running(for_s=41), ready=False),), created_at=c.ago(44)
    )
    details = (*(seen.evidence.platform.details or ()), starting)
    platform = {"details": details, "logs": seen.evidence.platform.logs, "events": seen.evidence.platform.events}
    database = {"looks": c.looks(works), "owned": (c.owned(works, second),), "ledger": c.being_migrated()}
    found_ones = found(c.case(platform=platform, database=database))
    assert {(f.code, f.harmless) for f in found_ones} == {("F010", True), ("F011", True)}
    assert all(not f.harmless for f in found(seen))  # nobody migrates
