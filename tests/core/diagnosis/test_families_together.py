"""A fault of each family, and the harmless state that looks like it: what all families together say of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.evidence import ContainerState, Privileges, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Diagnosis
from lockage.core.diagnosis.rules import RULES
from lockage.core.facts import RelationLock, Session
from lockage.core.release.advisories import Detour
from lockage.core.release.profile import Profile
from lockage.interfaces.causes import causes
from support.app_profile import PROFILE
from support.cases import (
    OLD_RELEASE,
    OLD_SET,
    RELEASE,
    ago,
    being_migrated,
    case,
    container,
    crashing,
    ended,
    image,
    ledger,
    log,
    log_line,
    looks,
    migrating_session,
    names,
    old_pod,
    old_revision,
    owned,
    pod,
    progressing,
    revision,
    running,
    server,
    session,
    waiting,
    workload,
)

NEW = names()[0]
WHOLE = tuple(pod(name) for name in names())
RELEASES = {OLD_RELEASE: 12, RELEASE: 18}


def known(**changes: Any) -> Profile:
    """The profile with the ends of both releases."""
    migrations = msgspec.structs.replace(PROFILE.migrations, releases=RELEASES)
    return msgspec.structs.replace(PROFILE, migrations=migrations, **changes)


def rollout(new: ReplicaDetail, *, since_s: float = 300.0, **more: Any) -> Case:
    """The first replica of the new release, beside three old ones that serve; nobody has migrated yet."""
    platform = {
        "details": (replace(new, created_at=ago(since_s - 5)), *(old_pod(name) for name in names(of=OLD_SET))),
        "revisions": (
            old_revision(wanted=3, present=3, ready=3),
            revision(wanted=1, present=1, ready=0, created_at=ago(since_s)),
        ),
        "conditions": progressing(reason="ReplicaSetUpdated"),
        "logs": (),
        **more.pop("platform", {}),
    }
    database = {"looks": looks(), "owned": (), "ledger_rows": (), **more.pop("database", {})}
    return case(platform=platform, database=database, profile=more.pop("profile", known()), **more)


def not_ready(**changes: Any) -> ReplicaDetail:
    return pod(NEW, ready=False, containers=(container(ready=False, **changes),))


def gives_up(*lines: str, code: int = 1, reason: str = "") -> Case:
    """The new replica ends soon after each start, and said this."""
    last = ended(code, reason, at=40, after_s=4)
    logs = (log(*(log_line(line, at=41) for line in lines), previous=True),) if lines else ()
    return rollout(pod(NEW, ready=False, containers=(crashing(last),)), platform={"logs": logs})


def migrates(worker: Session, *others: Session, since_s: float = 60.0, profile: Profile | None = None) -> Case:
    """The new replica's session migrates, beside sessions that are no replica's."""
    database = {
        "ledger": being_migrated(worker.pid),
        "looks": looks(worker, *others),
        "owned": (owned(worker, NEW), *(owned(other, None) for other in others)),
    }
    new = not_ready(state=running(for_s=since_s))
    return rollout(new, since_s=since_s + 5, database=database, profile=profile or known())


WANTS = RelationLock(relation="public.api_keys", mode="AccessExclusiveLock", granted=False)
READS = RelationLock(relation="public.api_keys", mode="AccessShareLock", granted=True)
WAITS = migrating_session(
    wait_event_type="Lock",
    wait_event="relation",
    blocked_by=(99,),
    relation_locks=(WANTS,),
    query="ALTER TABLE api_keys ADD c int",
)
REPORT = session(
    99,
    user="bi",
    application_name="report",
    client_address="10.9.9.9",
    state="active",
    wait_event_type="IO",
    wait_event="DataFileRead",
    transaction_age_s=300.0,
    statement_age_s=300.0,
    relation_locks=(READS,),
)


def aged(s: float) -> Session:
    return migrating_session(transaction_age_s=s, statement_age_s=s, state_age_s=s, backend_start=ago(s + 1))


def a_turn_that_is_waited_for() -> Case:
    """Two new replicas: one migrates, the other waits at the migration lock."""
    follower = session(4800, state="active", wait_event_type="Lock", wait_event="advisory", blocked_by=(4711,),
                       transaction_age_s=30.0, statement_age_s=30.0, query="SELECT pg_advisory_lock(1)")  # fmt: skip
    first = not_ready(state=running(for_s=50))
    return rollout(
        first,
        since_s=60.0,
        platform={"details": (first, replace(first, name=names()[1]))},
        database={
            "ledger": being_migrated(),
            "looks": looks(aged(40.0), follower),
            "owned": (owned(aged(40.0), NEW), owned(follower, names()[1])),
        },
    )


def restarted(how: ContainerState, times: int = 1) -> Case:
    """Three replicas that are ready, and were restarted once upon a time."""
    return case(platform={"details": tuple(pod(n, containers=(container(restarts=times, last=how),)) for n in names())})


def back_to_the_old_image() -> Case:
    """Somebody rolled back over a schema that had moved: the old release does not start."""
    old = names(of=OLD_SET)
    crash = crashing(ended(1, at=30, after_s=1), image=image(OLD_RELEASE))
    words = log_line("error: no migration found for version 18", at=31)
    again = revision(name=OLD_SET, number=5, image=image(OLD_RELEASE), release=OLD_RELEASE, ready=0, created_at=ago(300))
    return case(
        profile=known(),
        platform={
            "workload": workload(release=OLD_RELEASE, image=image(OLD_RELEASE), revision=5),
            "revisions": (revision(wanted=0, present=0, ready=0), again),
            "details": tuple(pod(n, ready=False, revision=OLD_SET, created_at=ago(295), containers=(crash,)) for n in old),
            "logs": (log(words, replica=old[0], previous=True),),
        },
        database={"ledger": ledger(18), "looks": looks(), "owned": (), "ledger_rows": ()},
    )


DETOUR = Detour(
    code="A-1", via="2.26.6", from_below="2.27.0", to_at_least="2.27.0", reason="long", source="x", date="2026-01-02"
)

FAULTS: dict[str, Case] = {
    "memory": gives_up(code=137, reason="OOMKilled"),
    "exit": gives_up("panic: runtime error: index out of range"),
    "image": rollout(not_ready(state=waiting("ImagePullBackOff", f'Back-off pulling image "{image()}": {image()}: not found'))),
    "configuration": gives_up('FATAL: password authentication failed for user "app" (SQLSTATE 28P01)'),
    "privileges": gives_up("migrate up: ERROR: must be owner of table api_keys (SQLSTATE 42501)"),
    "limits": gives_up("FATAL: sorry, too many clients already (SQLSTATE 53300)"),
    "deadlocks": gives_up("migrate up: ERROR: deadlock detected (SQLSTATE 40P01)"),
    "waiting": migrates(WAITS, REPORT),
    "slow": migrates(aged(500.0), since_s=505.0),
    "hung": rollout(not_ready(state=running(for_s=290))),
    "ledger": back_to_the_old_image(),
    "path": migrates(aged(500.0), since_s=505.0, profile=known(advisories=(DETOUR,))),
    "cluster": case(platform={"workload": workload(replicas=0), "details": (), "logs": ()}),
}  # fmt: skip

HARMLESS: dict[str, Case] = {
    "probes": restarted(ended(137, at=7200.0)),
    "memory": restarted(ended(137, "OOMKilled", at=86400.0), times=2),
    "exit": restarted(ended(0, at=3600.0)),
    "image": rollout(not_ready(state=waiting("ContainerCreating")), since_s=15.0),
    "configuration": case(platform={"logs": (log(log_line("password authentication failed (SQLSTATE 28P01)", at=3590)),)}),
    "privileges": case(database={"privileges": Privileges(role="app", not_owned=("public.audit",), not_owned_count=1)}),
    "limits": case(database={"server": server(connections=90)}),
    "deadlocks": case(platform={"logs": (log(log_line("ERROR: deadlock detected (SQLSTATE 40P01)", at=3500)),)}),
    "waiting": a_turn_that_is_waited_for(),
    "slow": migrates(aged(300.0), since_s=305.0),
    "hung": rollout(not_ready(state=running(for_s=9)), since_s=12.0),
    "failover": case(database={"server": server(started_at=ago(200_000))}),
    "ledger": case(profile=known(), database={"ledger": ledger(18)}),
    "path": case(profile=known(advisories=(DETOUR,)), database={"ledger": ledger(18)}),
    "cluster": case(platform={"details": (*WHOLE, old_pod(deleted_at=ago(-20)))}),
}  # fmt: skip
EXPECTED = {
    "memory": [("F006", None), ("F011", "F006")],
    "exit": [("F010", None), ("F011", "F010")],
    "image": [("F013", None)],
    "configuration": [("F019", None), ("F011", "F019")],
    "privileges": [("F026", None), ("F011", "F026")],
    "limits": [("F031", None), ("F011", "F031")],
    "deadlocks": [("F038", None), ("F011", "F038")],
    "waiting": [("F040", None)],
    "slow": [("F050", None), ("F054", "F050")],
    "hung": [("F056", None)],
    "ledger": [("F061", None), ("F011", "F061"), ("F010", "F061")],
    "path": [("F071", None), ("F050", "F071"), ("F054", "F050")],
    "cluster": [("F082", None)],
}
"""Each fault's findings with what they follow from, in order."""

SAID = {"image": {"F087"}, "waiting": {"F042", "F055"}, "slow": {"F055"}, "hung": {"F087"}}
"""What is worth saying of a harmless state; nothing of the others."""


def told(seen: Case) -> Diagnosis:
    diagnosis = diagnose(seen, causes=causes(), rules=RULES)
    assert not [one for one in diagnosis.missing if one.source.startswith("rule ")]
    return diagnosis


@pytest.mark.parametrize("family", sorted(FAULTS))
def test_a_fault_is_named_first_with_its_effects_and_nothing_else(family: str) -> None:
    diagnosis = told(FAULTS[family])
    assert list(dict.fromkeys((one.code, one.because) for one in diagnosis.findings)) == EXPECTED[family]
    assert not diagnosis.healthy
    assert not any(one.harmless for one in diagnosis.findings)


@pytest.mark.parametrize("family", sorted(HARMLESS))
def test_what_looks_like_a_fault_and_is_none_raises_no_alarm(family: str) -> None:
    diagnosis = told(HARMLESS[family])
    assert {one.code for one in diagnosis.findings if not one.harmless} == set()
    assert {one.code for one in diagnosis.findings} == SAID.get(family, set())
    assert diagnosis.healthy is (family not in SAID)
    assert not diagnosis.call_vendor


@pytest.mark.parametrize("family", sorted(FAULTS))
def test_a_cause_that_is_found_is_not_ruled_out_and_has_its_evidence_and_a_next_command(family: str) -> None:
    diagnosis = told(FAULTS[family])
    found = {one.code for one in diagnosis.findings}
    assert found.isdisjoint(out.code for out in diagnosis.ruled_out)
    assert len(diagnosis.ruled_out) > 20
    for finding in diagnosis.findings:
        assert finding.evidence
        assert finding.next
        assert finding.cause[-1] != "."


@pytest.mark.parametrize("family", sorted({*FAULTS} - {"waiting", "slow", "hung", "path", "ledger"}))
def test_what_the_platform_alone_shows_is_named_without_the_database(family: str) -> None:
    seen = FAULTS[family]
    alone = replace(seen, evidence=replace(seen.evidence, database=type(seen.evidence.database)()))
    assert told(alone).findings[0].code == EXPECTED[family][0][0]
