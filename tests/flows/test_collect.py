"""Evidence from whoever answers: nothing that is deaf, slow or unwilling stops the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from lockage.core.diagnosis.evidence import DatabaseEvidence, PlatformEvidence, Trouble
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import Activity
from lockage.errors import UnreachableError
from lockage.flows.collect import collect
from support.cases import NOW, case, conditions, container, ended, pod, session, waiting
from support.witnesses import QUICK, Stage, witnesses

NEVER_ASKED = {"drift"}


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A healthy deployment."""
    made = Stage(case=case())
    yield made
    made.silent.set()


def collected(stage: Stage, **changes: Any) -> Case:
    with witnesses(stage, **changes) as asked:
        return collect(asked)


def missing(found: Case) -> dict[str, str]:
    return {each.source: each.why for each in found.evidence.missing}


def unseen(record: PlatformEvidence | DatabaseEvidence) -> set[str]:
    return {each.name for each in fields(record) if getattr(record, each.name) is None} - NEVER_ASKED


def test_what_everybody_says_is_in_the_evidence(stage: Stage) -> None:
    found = collected(stage)
    given = stage.case.evidence
    assert unseen(found.evidence.platform) == set()
    assert unseen(found.evidence.database) <= {"trouble", *unseen(given.database)}
    assert found.evidence.platform.details == given.platform.details
    assert found.evidence.database.server == given.database.server
    assert found.evidence.missing == ()
    assert (found.profile, found.known, found.script) == (stage.case.profile, stage.case.known, stage.case.script)


SOURCES = ("conditions", "details", "revisions", "events", "nodes", "quotas", "contenders", "releases", "neighbours")


@pytest.mark.parametrize("name", SOURCES)
def test_a_deaf_source_is_named_and_everything_else_is_there(stage: Stage, name: str) -> None:
    stage.deaf(name)
    found = collected(stage)
    without = {name, "logs"} if name == "details" else {name}
    assert unseen(found.evidence.platform) == without
    assert [why for why in missing(found).values() if why == "no answer within 0.3 s"]


def test_everything_deaf_costs_no_more_than_the_limit(stage: Stage) -> None:
    stage.deaf(*SOURCES, "workload", "replicas", "usage", "log", "activity", "server", "ledger", "trouble", "reach")
    begun_s = time.monotonic()
    found = collected(stage)
    assert time.monotonic() - begun_s < QUICK.collecting.limit_s + 0.5
    assert found.evidence.database.trouble == Trouble(text="no answer within 0.6 s")
    assert len(missing(found)) >= len(SOURCES)


def test_what_is_refused_is_named_with_the_verb_and_the_resource(stage: Stage) -> None:
    stage.refused("events")
    found = collected(stage)
    assert missing(found) == {"the events": "ops may not list events in namespace prod"}
    assert found.evidence.platform.events is None


def test_a_database_that_lets_nobody_in_is_one_sentence(stage: Stage) -> None:
    trouble = Trouble(text='password authentication failed for user "app"', sqlstate="28P01")
    stage.acts["trouble"] = lambda: trouble
    found = collected(stage)
    assert found.evidence.database == DatabaseEvidence(trouble=trouble)
    assert missing(found) == {"the database": trouble.text}
    assert stage.closed == ["way"]


def test_a_way_that_leads_nowhere_is_trouble_and_no_error(stage: Stage) -> None:
    def no_way() -> None:
        raise UnreachableError("no way leads to the database at db:5432, postgres://u:geheim@db", code="LK537")

    stage.acts["reach"] = no_way
    found = collected(stage)
    assert found.evidence.database.trouble is not None
    assert "no way leads" in found.evidence.database.trouble.text
    assert "geheim" not in found.evidence.database.trouble.text


def test_the_sessions_are_looked_at_twice_with_the_replicas_in_between(stage: Stage) -> None:
    collected(stage)
    order = [name for name in stage.asked if name in {"activity", "trouble"}]
    assert order == ["trouble", "activity", "activity"]
    first = stage.asked.index("activity")
    last = len(stage.asked) - 1 - stage.asked[::-1].index("activity")
    assert "replicas" in stage.asked[first:last]


def test_an_orphan_is_one_only_where_both_looks_agree(stage: Stage) -> None:
    at = NOW - timedelta(hours=1)
    orphan = replace(session(4711), application_name="app/app-gone", backend_start=at, client_address="10.9.9.9")
    new = replace(orphan, pid=4712)
    looks = (Activity(at=NOW, sessions=(orphan,)), Activity(at=NOW, sessions=(orphan, new)))
    stage.case = case(database={"looks": looks})
    owned = {one.session.pid: one.orphan for one in collected(stage).evidence.database.owned or ()}
    assert owned == {4711: True, 4712: False}


def test_replicas_that_do_not_answer_leave_the_sessions_without_owners(stage: Stage) -> None:
    stage.deaf("replicas")
    found = collected(stage)
    assert found.evidence.database.looks is not None
    assert len(found.evidence.database.looks) == 2
    assert found.evidence.database.owned is None


def test_sessions_and_way_are_closed_by_those_who_opened_them(stage: Stage) -> None:
    collected(stage)
    assert sorted(stage.closed[:2]) == ["closer", "database"]
    assert stage.closed[2:] == ["way"]


def test_2000_sessions_are_seen_with_their_owners_in_time(stage: Stage) -> None:
    sessions = tuple(replace(session(pid), client_port=pid) for pid in range(1, 2001))
    looks = (Activity(at=NOW, sessions=sessions), Activity(at=NOW, sessions=sessions))
    stage.case = case(database={"looks": looks})
    begun_s = time.monotonic()
    found = collected(stage)
    assert time.monotonic() - begun_s < QUICK.collecting.limit_s
    assert len(found.evidence.database.owned or ()) == 2000


# --- logs -----------------------------------------------------------------------------------------------------------------


def logs_read(found: Case) -> set[tuple[str, bool]]:
    return {(log.replica, log.previous) for log in found.evidence.platform.logs or ()}


def few_logs(most: int, **changes: Any) -> dict[str, Any]:
    return {"settings": replace(QUICK, collecting=replace(QUICK.collecting, logs_most=most, **changes))}


def test_logs_of_replicas_in_trouble_are_read_first_and_it_is_said_how_many_were_not(stage: Stage) -> None:
    well = tuple(pod(f"app-well-{number}") for number in range(30))
    crashed = container(state=waiting("CrashLoopBackOff"), last=ended(1), ready=False, restarts=3)
    ill = pod("app-ill", containers=(crashed,), conditions=conditions(ready=False))
    stage.case = case(platform={"details": (*well, ill)})
    found = collected(stage, **few_logs(5))
    assert ("app-ill", True) in logs_read(found)
    assert len(logs_read(found)) == 5
    assert missing(found)["26 further logs"].startswith("the logs of 5 containers")


def test_a_container_that_waits_has_only_the_log_of_the_process_before(stage: Stage) -> None:
    crashed = container(state=waiting("CrashLoopBackOff"), last=ended(1), ready=False, restarts=3)
    stage.case = case(platform={"details": (pod("app-ill", containers=(crashed,), conditions=conditions(ready=False)),)})
    assert logs_read(collected(stage)) == {("app-ill", True)}


def test_a_container_that_was_restarted_has_both_logs(stage: Stage) -> None:
    again = container(last=ended(137), restarts=1)
    stage.case = case(platform={"details": (pod("app-1", containers=(again,)),)})
    assert logs_read(collected(stage)) == {("app-1", False), ("app-1", True)}


def test_those_in_trouble_are_read_further_back_and_long_lines_are_cut(stage: Stage) -> None:
    again = container(last=ended(137), restarts=1)
    stage.case = case(platform={"details": (pod("app-1", containers=(again,)), pod("app-2"))})
    stage.logs = {("app-1", False): ("x" * 50,) * 20, ("app-2", False): ("y",) * 20}
    found = collected(stage, **few_logs(5, log_lines=10, log_lines_well=3, log_line_chars=8))
    lines = {log.replica: log.lines for log in found.evidence.platform.logs or () if not log.previous}
    assert lines == {"app-1": ("xxxxxxxx …",) * 10, "app-2": ("y",) * 3}


def test_logs_that_fail_alike_are_one_sentence(stage: Stage) -> None:
    stage.case = case(platform={"details": tuple(pod(f"app-{number}") for number in range(9))})
    stage.refused("log")
    found = collected(stage)
    assert found.evidence.platform.logs is None
    assert [source for source in missing(found) if source.startswith("9 logs, container ")]


def test_logs_are_left_out_where_nobody_wants_them(stage: Stage) -> None:
    with witnesses(stage) as asked:
        found = collect(asked, logs=False)
    assert found.evidence.platform.logs is None
    assert "log" not in stage.asked
