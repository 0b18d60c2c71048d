"""Probes: the same kill told apart by what the replica was doing, and the starts that need no word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.facts import Probe
from support import cases as c
from support.rules import found

NAME = c.names()[0]
TIMEOUT = (
    'Liveness probe failed: Get "http://10.1.0.7:8080/healthz": context deadline exceeded '
    "(Client.Timeout exceeded while awaiting headers)"
)
KILLING = "Container app failed liveness probe, will be restarted"
STARTING = c.log_line("starting database migration  version=13  name=slow  position=1  total=1", at=58)


def killed(*, platform: dict[str, Any] | None = None, **changes: Any) -> Case:
    """The first new replica is in a crash loop: its liveness probe has killed it, 27 s after its start."""
    last = c.ended(137, at=30, after_s=30)  # the kill came 27 s after the start, the process ended 3 s later
    crashing = c.pod(NAME, ready=False, containers=(c.crashing(last, restarts=3),))
    old = tuple(c.old_pod(name) for name in c.names(of=c.OLD_SET))
    given = {
        "details": (crashing, *old),
        "revisions": (c.old_revision(wanted=3, present=3, ready=3), c.revision(present=1, ready=0, created_at=c.ago(300))),
        "conditions": c.progressing(reason="ReplicaSetUpdated", message="progressing"),
        "events": (c.event("Unhealthy", TIMEOUT, at=33), c.event("Killing", KILLING, at=33, kind="Normal")),
        "logs": (c.log("listening on :8080", STARTING, previous=True),),
        **(platform or {}),
    }
    return c.case(platform=given, **changes)


def one(seen: Case, code: str) -> Finding:
    (finding,) = (f for f in found(seen) if f.code == code)
    return finding


def test_a_liveness_probe_that_kills_the_migrating_replica_is_named_with_time_and_budget() -> None:
    finding = one(killed(), "F001")
    assert finding.cause == (
        f"pod {NAME} was killed by its liveness probe after 27 s; its kill budget is 26 s, and it was migrating (restart 3)"
    )
    assert finding.confidence > 0.9
    assert [e.source for e in finding.evidence][:2] == [f"events of Pod/{NAME}", f"events of Pod/{NAME}"]
    assert any("starting database migration" in e.text for e in finding.evidence)
    assert "do not edit the Deployment" in (finding.avoid or "")
    assert {f.code for f in found(killed())} == {"F001", "F011"}


def test_a_replica_with_nothing_to_migrate_is_killed_for_another_reason() -> None:
    seen = killed(platform={"logs": (c.log("listening on :8080", previous=True),)}, profile=_profile(last=c.LEDGER))
    assert {f.code for f in found(seen)} == {"F003", "F011"}
    assert "not migrating" in one(seen, "F003").cause


def test_a_replica_that_answers_its_probe_with_an_error_does_not_migrate() -> None:
    failing = c.event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", at=33)
    seen = killed(
        platform={
            "events": (failing, c.event("Killing", KILLING, at=33, kind="Normal")),
            "logs": (),
        },
        profile=_profile(last=13),
    )
    assert "HTTP 500" in one(seen, "F003").cause


def test_pending_migrations_make_it_likely_that_a_silent_replica_migrated() -> None:
    seen = killed(platform={"logs": ()}, profile=_profile(last=13))
    assert 0.7 <= one(seen, "F001").confidence < 0.9


def test_an_orphan_proves_what_the_killed_replica_did_though_its_log_is_gone() -> None:
    left = c.migrating_session(4999, application_name=f"app/{NAME}", backend_start=c.ago(200))
    seen = killed(
        platform={"logs": None},
        database={"owned": (c.owned(left, orphan=True),), "looks": c.looks(left), "ledger": c.being_migrated(4999)},
    )
    finding = one(seen, "F001")
    assert "backend 4999" in finding.about
    assert finding.confidence > 0.9


def test_a_kill_is_seen_with_the_database_out_of_sight_and_said_to_be_unsure() -> None:
    seen = c.blind(killed(platform={"logs": None}), *(s for s in c.sources() if s.startswith("database")))
    assert one(seen, "F001").confidence == 0.5


UNSEEN = tuple(source for source in c.sources() if source.startswith("database"))


@pytest.mark.parametrize(
    ("last", "doing"),
    [
        (STARTING, "it was migrating"),
        ("INFO  [alembic.runtime.migration] Running upgrade 1a2b -> 3c4d, Add a column", "it was migrating"),
        ("  Applying ferries.0012_harbour...", "it was migrating"),
        ("  Applying ferries.0012_harbour... OK", "it was migrating"),
        (c.log_line("waiting for migration lock", at=58), "it was waiting for its turn to migrate"),
    ],
    ids=["begun", "Alembic", "Django", "between two", "a turn"],
)
def test_a_deaf_database_leaves_the_replicas_own_log_to_say_that_it_migrated(last: str, doing: str) -> None:
    serving = c.revision(present=3, ready=1)  # one of its kind had its turn already
    seen = c.blind(killed(platform={"logs": (c.log(last, previous=True),), "revisions": (serving,)}), *UNSEEN)
    finding = one(seen, "F001")
    assert finding.cause.endswith(f"and {doing} (restart 3)")
    assert "F003" in finding.rules_out


def test_a_deaf_database_leaves_the_log_of_the_process_before_to_say_what_this_one_was_about_to() -> None:
    stopping = c.container(state=c.running(for_s=30), last=c.ended(137, at=35, after_s=30), restarts=1, ready=False)
    pod = c.pod(NAME, ready=False, containers=(stopping,))
    logs = (c.log(STARTING, previous=True), c.log(c.log_line("connecting", at=29)))
    kill = c.event("Killing", KILLING, at=3, kind="Normal")
    seen = c.blind(killed(platform={"details": (pod,), "logs": logs, "events": (kill,)}), *UNSEEN)
    finding = one(seen, "F001")
    assert "the process before it migrated" in finding.why
    assert finding.confidence == 0.75


@pytest.mark.parametrize("lines", [(STARTING, c.log_line("listening on :8080", at=50)), (c.log_line("hello", at=50),)])
def test_a_deaf_database_and_a_log_without_a_migration_leave_it_open_what_the_replica_did(lines: tuple[str, ...]) -> None:
    serving = c.revision(present=3, ready=1)
    seen = c.blind(killed(platform={"logs": (c.log(*lines, previous=True),), "revisions": (serving,)}), *UNSEEN)
    finding = one(seen, "F003")
    assert "not migrating" not in finding.cause
    assert finding.why.endswith("the database was not seen, which would tell: it may have")
    assert finding.confidence <= 0.5


def test_a_replica_that_served_before_its_kill_did_not_migrate_though_the_database_is_deaf() -> None:
    lines = (STARTING, c.log_line("listening on :8080", at=50))
    seen = c.blind(killed(platform={"logs": (c.log(*lines, previous=True),)}), *UNSEEN)
    assert one(seen, "F003").confidence <= 0.5


def test_a_kill_is_seen_without_events_by_its_time() -> None:
    seen = killed(platform={"events": None})
    assert one(seen, "F001").confidence <= 0.7


def test_a_startup_probe_is_another_probe() -> None:
    startup = Probe(period_s=10.0, failure_threshold=3)
    last = c.ended(137, at=30, after_s=30)
    crashing = c.pod(NAME, ready=False, containers=(c.crashing(last, startup=startup),))
    text = "Container app failed startup probe, will be restarted"
    seen = killed(platform={"details": (crashing,), "events": (c.event("Killing", text, at=39, kind="Normal"),)})
    finding = one(seen, "F002")
    assert "its kill budget is 21 s, and it was migrating" in finding.cause
    assert {f.code for f in found(seen)} == {"F002", "F011"}


def test_a_migrating_replica_whose_budget_runs_out_is_warned_of() -> None:
    young = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=20), ready=False),), created_at=c.ago(25))
    session = c.migrating_session(backend_start=c.ago(18))
    seen = killed(
        platform={
            "details": (young,), "logs": (), "events": (c.event("Unhealthy", TIMEOUT, at=4),),
        },
        database={"owned": (c.owned(session, NAME),), "looks": c.looks(session), "ledger": c.being_migrated()},
    )  # fmt: skip
    assert "will kill it in about 6.0 s" in one(seen, "F001").cause


def test_a_killed_replica_that_is_gone_is_known_by_what_it_left_behind() -> None:
    gone = f"{c.SET}-zzzzz"
    left = c.migrating_session(4999, application_name=f"app/{gone}", backend_start=c.ago(200))
    waits = c.session(
        5000, state="active", wait_event_type="Lock", wait_event="advisory", blocked_by=(4999,), backend_start=c.ago(20)
    )
    next_one = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=20), ready=False),), created_at=c.ago(25))
    seen = killed(
        platform={
            "details": (next_one,), "logs": (),
            "events": (c.event("Killing", KILLING, at=60, kind="Normal", subject=f"Pod/{gone}"),),
        },
        database={"owned": (c.owned(left, orphan=True), c.owned(waits, NAME)), "looks": c.looks(left, waits),
                  "ledger": c.being_migrated(4999)},
    )  # fmt: skip
    assert one(seen, "F001").about == (f"pod {gone}", "backend 4999")


def test_a_migrating_replica_that_was_replaced_is_cut_off_at_its_grace() -> None:
    gone = f"{c.SET}-zzzzz"
    left = c.migrating_session(4999, application_name=f"app/{gone}", backend_start=c.ago(200))
    seen = killed(
        platform={
            "details": (c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=20), ready=False),)),),
            "logs": (),
            "events": (c.event("Killing", "Stopping container app", at=60, kind="Normal", subject=f"Pod/{gone}"),),
        },
        database={"owned": (c.owned(left, orphan=True),), "looks": c.looks(left), "ledger": c.being_migrated(4999)},
    )
    assert "at the end of its grace period of 30 s" in one(seen, "F005").cause


def unready(*, for_s: float, text: str = "", event_at: float = 4, **more: Any) -> Case:
    text = (
        text
        or 'Readiness probe failed: Get "http://10.1.0.7:8080/healthz": dial tcp 10.1.0.7:8080: connect: connection refused'
    )
    one_pod = c.pod(
        NAME, ready=False, containers=(c.container(state=c.running(for_s=for_s), ready=False),), created_at=c.ago(for_s + 3),
        conditions=tuple(replace(x, since=c.ago(for_s)) for x in c.conditions(ready=False)),
    )  # fmt: skip
    return c.case(
        platform={"details": (one_pod, *(c.pod(n) for n in c.names()[1:])),
                  "events": (c.event("Unhealthy", text, at=event_at),),
                  "revisions": (c.old_revision(), c.revision(ready=2)), **more.pop("platform", {})},
        **more,
    )  # fmt: skip


def test_a_replica_that_stays_unready_is_found_with_what_its_probe_said() -> None:
    finding = one(unready(for_s=300), "F004")
    assert "is not ready for 300 s" in finding.cause
    assert "connection refused" in finding.cause


def test_a_replica_that_answers_that_it_has_no_such_path_is_not_called_hung() -> None:
    text = "Readiness probe failed: HTTP probe failed with statuscode: {}"
    assert "F056" in one(unready(for_s=300, text=text.format(404)), "F004").rules_out
    assert not one(unready(for_s=300, text=text.format(503)), "F004").rules_out


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_a_healthy_deployment_has_no_findings() -> None:
    assert found(c.case()) == ()


def test_one_failing_readiness_probe_while_it_starts_is_nothing() -> None:
    assert found(unready(for_s=8)) == ()


def test_a_replica_that_migrates_is_not_called_unready() -> None:
    session = c.migrating_session()
    database = {"owned": (c.owned(session, NAME),), "looks": c.looks(session), "ledger": c.being_migrated()}
    assert found(unready(for_s=300, database=database)) == ()


def test_a_replica_that_waits_for_its_turn_is_not_called_unready() -> None:
    session = c.session(5000, state="active", wait_event_type="Lock", wait_event="advisory", blocked_by=(4711,))
    other = c.migrating_session(4711, application_name=f"app/{c.names()[1]}")
    database = {"owned": (c.owned(session, NAME), c.owned(other, c.names()[1])), "looks": c.looks(session, other),
                "ledger": c.being_migrated()}  # fmt: skip
    assert found(unready(for_s=300, database=database)) == ()


def test_a_kill_of_yesterday_is_over() -> None:
    once = c.pod(NAME, containers=(c.container(last=c.ended(137, at=80_000), restarts=1),), created_at=c.ago(90_000))
    events = (c.event("Killing", KILLING, at=3000, kind="Normal"),)
    assert found(c.case(platform={"details": (once, *(c.pod(n) for n in c.names()[1:])), "events": events})) == ()


def test_events_of_an_earlier_rollout_are_over() -> None:
    gone = f"Pod/{c.OLD_SET}-zzzzz"
    events = (
        c.event("Unhealthy", TIMEOUT, at=1900, subject=gone),
        c.event("Killing", KILLING, at=1900, kind="Normal", subject=gone),
        c.event("Killing", "Stopping container app", at=1800, kind="Normal", subject=gone),
    )
    assert found(c.case(platform={"events": events})) == ()


def test_a_replica_that_ends_within_its_grace_is_nothing() -> None:
    going = replace(c.old_pod(), deleted_at=c.ago(-20))
    events = (c.event("Killing", "Stopping container app", at=10, kind="Normal", subject=f"Pod/{going.name}"),)
    assert found(c.case(platform={"details": (*(c.pod(n) for n in c.names()), going), "events": events})) == ()


def _profile(*, last: int) -> Any:
    migrations = msgspec.structs.replace(c.PROFILE.migrations, releases={c.RELEASE: last})
    return c.with_profile(migrations=migrations)


@pytest.mark.parametrize("source", c.sources())
def test_a_kill_is_named_whatever_else_is_out_of_sight(source: str) -> None:
    codes = {f.code for f in found(c.blind(killed(), source))}
    if source == "platform.details":
        assert codes <= {"F001", "F003", "F011"}
        return
    assert "F001" in codes
    assert "F003" not in codes


def test_a_kill_that_the_kubelet_no_longer_tells_of_is_known_by_one_before_and_its_time() -> None:
    # Events of one object are told 25 times, and then once in five minutes. Texts and times are of a real cluster.
    events = (
        c.event("Unhealthy", TIMEOUT, at=333),
        c.event("Killing", KILLING, at=228, kind="Normal"),
        c.event("BackOff", "Back-off restarting failed container app in pod app-74d8c6f9b-aaaaa_prod(0c9f)", at=328),
    )
    finding = one(killed(platform={"events": events}), "F001")
    assert "after 30 s; its kill budget is 26 s" in finding.cause
    assert "only of one before" in finding.why
    long = c.pod(NAME, ready=False, containers=(c.crashing(c.ended(1, at=30, after_s=900), restarts=3),))
    seen = killed(platform={"events": events, "details": (long,), "logs": (c.log("panic: boom", previous=True),)})
    assert {f.code for f in found(seen)} == {"F010", "F011"}


def test_a_process_that_is_no_container_began_when_its_event_says() -> None:
    text = "Container app:2.27.8 failed liveness probe, will be restarted"
    last = replace(c.ended(137, at=30), started_at=None)
    crashing = c.pod(NAME, ready=False, containers=(c.crashing(last, restarts=3, image="app:2.27.8"),))
    events = (c.event("Started", "Started container app:2.27.8", at=60), c.event("Killing", text, at=33, kind="Normal"))
    seen = killed(platform={"details": (crashing,), "events": events}, platform_kind="local", namespace=None)
    assert one(seen, "F001").cause.startswith(f"replica {NAME} was killed by its liveness probe after 27 s")
