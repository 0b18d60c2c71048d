"""What keeps a plan from being made, each as a sentence, a hint, a code and an exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.facts import (
    DatabaseServer,
    Exit,
    LedgerReading,
    LedgerState,
    OwnedSession,
    ReplicaPhase,
    Survey,
    VersionReading,
    VersionSource,
)
from lockage.core.plan.planner import way
from lockage.core.plan.preconditions import survey_warnings
from lockage.core.plan.steps import OnBlocker
from lockage.errors import RefusedError
from lockage.settings import LongTransactions
from support.plan_material import NOW, owned, replica, server, session, survey, towpath, workload


def refusal(found: Survey, *, target: str = "2.27.8", on_blocker: OnBlocker = OnBlocker.WAIT) -> tuple[str, str, str | None]:
    with pytest.raises(RefusedError) as told:
        way(found, towpath(), target=target, on_blocker=on_blocker)
    assert told.value.exit_code == 3
    return told.value.code, told.value.message, told.value.hint


def with_ledger(release: str = "2.26.6", **changes: Any) -> Survey:
    found = survey(release)
    return replace(found, ledger=replace(found.ledger, **changes))


def warnings(found: Survey, on_blocker: OnBlocker = OnBlocker.WAIT) -> tuple[str, ...]:
    return survey_warnings(found, on_blocker=on_blocker, long=LongTransactions())


def test_a_healthy_deployment_is_not_refused_and_needs_no_warning() -> None:
    assert len(way(survey(), towpath(), target="2.27.8")) == 2
    assert warnings(survey()) == ()


# --- the release ---------------------------------------------------------------------------------------------------------


def test_disagreeing_versions_are_refused() -> None:
    versions = (
        VersionReading(source=VersionSource.IMAGE, where="towpath", version="2.26.6"),
        VersionReading(source=VersionSource.BUILDINFO, where="towpath-1", version="2.26.0"),
    )
    assert refusal(replace(survey(), release=None, versions=versions)) == (
        "LK224",
        "demo: the sources of the version disagree: towpath 2.26.6, towpath-1 2.26.0",
        "lockage survey demo; let a rollout that is under way end first",
    )


def test_no_version_at_all_is_refused() -> None:
    assert refusal(replace(survey(), release=None, versions=()))[:2] == (
        "LK224", "demo: no source tells the running release",
    )  # fmt: skip


# --- the ledger ----------------------------------------------------------------------------------------------------------


def test_a_dirty_ledger_is_refused() -> None:
    assert refusal(with_ledger(dirty=True)) == (
        "LK221",
        "the ledger public.schema_migrations is dirty at version 13: a migration stopped half-way",
        "find out which statements of it were applied, finish or undo them by hand, then clear the flag",
    )


def test_a_ledger_newer_than_the_targets_script_is_refused() -> None:
    assert refusal(with_ledger(version=19)) == (
        "LK222",
        "the ledger public.schema_migrations is at version 19, newer than 18, the last migration of 2.27.8",
        "upgrade to a release that knows this schema: an older one does not start on it",
    )


@pytest.mark.parametrize(
    ("version", "hint"),
    [(18, "the schema is that of 2.27.8: run that release first"), (15, "no known release has this schema")],
)
def test_a_ledger_that_is_not_the_running_releases_is_refused(version: int, hint: str) -> None:
    assert refusal(with_ledger(version=version)) == (
        "LK223",
        f"the ledger public.schema_migrations is at version {version}, and the running release 2.26.6 ends at 13",
        hint,
    )


@pytest.mark.parametrize(
    ("state", "problem", "why"),
    [
        (LedgerState.MISSING, None, "it is missing"),
        (LedgerState.EMPTY, None, "it is empty"),
        (LedgerState.UNREADABLE, "permission denied", "permission denied"),
    ],
)
def test_a_ledger_that_cannot_be_read_is_refused(state: LedgerState, problem: str | None, why: str) -> None:
    assert refusal(with_ledger(state=state, version=None, problem=problem)) == (
        "LK228",
        f"the ledger public.schema_migrations cannot be read: {why}",
        "check the database address and the profile's migrations.ledger",
    )


def migrated_by(holder: OwnedSession) -> Survey:
    ledger = LedgerReading(table="public.schema_migrations", state=LedgerState.MIGRATING, holder_pid=holder.session.pid)
    return replace(survey("2.26.6"), ledger=ledger, sessions=(holder,))


def test_a_migration_under_way_is_refused() -> None:
    holder = owned(session(77, application="towpath/towpath-9", age_s=3.0), replica="towpath-9")
    assert refusal(migrated_by(holder)) == (
        "LK225",
        "demo is being migrated now: backend 77 of replica towpath-9 (user towpath, application towpath/towpath-9) "
        "holds the migration lock",
        "lockage watch demo; plan again when it has ended",
    )


def test_a_migration_lock_whose_holder_cannot_be_seen_is_refused() -> None:
    found = migrated_by(owned(session(77)))
    assert refusal(replace(found, sessions=()))[1] == "demo is being migrated now: backend 77 holds the migration lock"


def test_a_dead_clients_migration_is_no_reason_to_refuse() -> None:
    found = migrated_by(owned(session(77, application="towpath/towpath-9", age_s=3.0), orphan=True))
    assert len(way(found, towpath(), target="2.27.8")) == 1
    assert warnings(found) == (
        "backend 77 (user towpath, application towpath/towpath-9) belongs to a dead client and holds locks: "
        "it is dealt with before the migration",
    )


# --- replicas, privileges, the server ------------------------------------------------------------------------------------


def test_a_deployment_that_does_not_serve_is_refused() -> None:
    exited = replace(
        replica("towpath-1", ready=False),
        phase=ReplicaPhase.BACK_OFF,
        restarts=4,
        last_exit=Exit(code=1, reason="Error", at=NOW),
    )
    assert refusal(replace(survey(), replicas=(exited, replica("towpath-2", ready=False)))) == (
        "LK227",
        "0 of 3 replicas of towpath are ready: towpath-1 (back-off, exit code 1, 4 restarts), towpath-2 (running)",
        "lockage survey demo; an upgrade begins with a release that serves",
    )


def test_a_paused_workload_is_refused() -> None:
    assert refusal(replace(survey(), workload=replace(workload(), paused=True))) == (
        "LK227",
        "workload towpath is paused: a rollout of it would not begin",
        "resume it, or find out who paused it and why",
    )


def test_a_standby_is_refused() -> None:
    found = replace(survey(), database=replace(server(), in_recovery=True))
    assert refusal(found) == (
        "LK229",
        "database towpath is a standby in recovery: nothing can be migrated there",
        "give the address of the primary",
    )


@pytest.mark.parametrize(
    ("backend", "on_blocker", "refused"),
    [
        (owned(session(5, user="app"), orphan=True), OnBlocker.WAIT, True),
        (owned(session(5, user="app"), replica="towpath-1"), OnBlocker.WAIT, True),
        (owned(session(5, user="bi")), OnBlocker.TERMINATE, True),
        (owned(session(5, user="bi")), OnBlocker.WAIT, False),
        (owned(session(5, user="towpath")), OnBlocker.TERMINATE, False),
    ],
)
def test_sessions_that_must_end_need_the_privilege_to_end_them(
    backend: OwnedSession, on_blocker: OnBlocker, *, refused: bool
) -> None:
    found = replace(survey(), sessions=(backend,))
    if not refused:
        assert way(found, towpath(), target="2.27.8", on_blocker=on_blocker)
        return
    code, message, hint = refusal(found, on_blocker=on_blocker)
    assert code == "LK226"
    assert message.startswith(f"role towpath may not end sessions of role {backend.session.user}, such as backend 5")
    assert hint == "GRANT pg_signal_backend TO towpath"
    granted = replace(found, database=replace(server(), can_signal=True))
    assert way(granted, towpath(), target="2.27.8", on_blocker=on_blocker)


# --- warnings ------------------------------------------------------------------------------------------------------------


def test_a_source_that_cannot_be_read_is_told() -> None:
    silent = VersionReading(source=VersionSource.BUILDINFO, where="towpath-2", version=None, problem="timed out after 2 s")
    found = replace(survey(), versions=(*survey().versions, silent))
    assert warnings(found) == ("buildinfo of towpath-2 could not be read: timed out after 2 s",)


def test_replicas_that_are_not_ready_are_told() -> None:
    found = replace(survey(), replicas=(replica("a"), replica("b", ready=False)))
    assert warnings(found) == ("1 of 2 replicas are not ready: b (running)",)


@pytest.mark.parametrize(("policy", "word"), [(OnBlocker.WAIT, "waited for"), (OnBlocker.TERMINATE, "ended")])
def test_long_transactions_of_others_are_told_with_what_is_done(policy: OnBlocker, word: str) -> None:
    found = replace(survey(), sessions=(owned(session(9, user="bi", application="report", age_s=75.0)),))
    assert warnings(found, policy) == (
        f"backend 9 (user bi, application report) has had a transaction open for 75 s: where it stands in the way it is {word}",
    )


def test_short_transactions_and_our_own_sessions_are_not_told() -> None:
    short = owned(session(9, age_s=1.0))
    ours = replace(owned(session(10, age_s=900.0)), ours=True)
    assert warnings(replace(survey(), sessions=(short, ours))) == ()


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"can_see_others": False}, "role towpath does not see queries of others: GRANT pg_read_all_stats TO towpath"),
        ({"can_see_others": False, "user": "App"}, 'role App does not see queries of others: GRANT pg_read_all_stats TO "App"'),
        ({"prepared_transactions": 2}, "2 prepared transactions may hold locks no session shows (pg_prepared_xacts)"),
        ({"prepared_transactions": 1}, "1 prepared transaction may hold locks no session shows (pg_prepared_xacts)"),
        ({"connections": 99}, "only 1 of 100 connections is free"),
        ({"connections": 95}, "only 5 of 100 connections are free"),
    ],
)
def test_what_the_server_lacks_is_told(changes: dict[str, Any], warning: str) -> None:
    database: DatabaseServer = replace(server(), **changes)
    assert warnings(replace(survey(), database=database)) == (warning,)


def test_others_who_write_to_the_workload_are_told() -> None:
    found = replace(
        survey(), workload=replace(workload(), owners=("HorizontalPodAutoscaler/towpath",)), problems=("no events",)
    )
    assert warnings(found) == (
        "HorizontalPodAutoscaler/towpath also writes to towpath, and may undo what a run changes",
        "no events",
    )
