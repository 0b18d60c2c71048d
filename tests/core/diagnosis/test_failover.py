"""The server went away under the migration; and what looks like that and is older, or somebody's single kill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.chain import tied
from lockage.core.diagnosis.evidence import LogText, Trouble
from lockage.core.diagnosis.families import configuration
from lockage.core.diagnosis.families import exit as exits
from lockage.core.diagnosis.families.failover import RULES
from lockage.core.diagnosis.findings import Case
from support.cases import (
    ago,
    blind,
    case,
    codes,
    container,
    crashing,
    ended,
    findings,
    log,
    log_line,
    names,
    pod,
    revision,
    running,
    server,
    sources,
)

NEW = names()[0]


def restarted(text: str = "", *, started: float = 30.0, entries: tuple[str, ...] = (), **database: Any) -> Case:
    """The new release began to roll out ten minutes ago, and its replica ended 25 s ago."""
    lines = (log(log_line(text, at=26, level="error"), previous=True),) if text else ()
    return case(
        platform={
            "details": (pod(NEW, ready=False, created_at=ago(600), containers=(crashing(ended(1, at=25, after_s=60)),)),),
            "revisions": (revision(created_at=ago(600), ready=0),),
            "logs": lines,
        },
        database={"server": server(started_at=ago(started)), "server_log": entries, **database},
    )


def test_a_server_younger_than_the_rollout_was_restarted() -> None:
    alone = findings(restarted(), RULES)[0]
    sure = findings(restarted("FATAL: terminating connection due to administrator command (SQLSTATE 57P01)"), RULES)[0]
    assert (alone.code, sure.code) == ("F058", "F058")
    assert "restarted 30 s ago" in alone.cause
    assert alone.confidence < sure.confidence
    assert sure.about == (f"pod {NEW}",)


def test_so_near_to_the_rollout_only_a_lost_connection_tells_a_restart_from_one_before() -> None:
    lost = restarted("FATAL: terminating connection due to administrator command (SQLSTATE 57P01)", started=599.5)
    assert codes(lost, RULES) == {"F058"}
    assert not codes(restarted(started=599.5), RULES)


def test_a_server_that_takes_no_connections_now_goes_away_now() -> None:
    trouble = Trouble(text="FATAL:  the database system is starting up", sqlstate="57P03")
    (found,) = findings(blind(restarted(trouble=trouble), "database.server", "database.looks"), RULES)
    assert "at this moment" in found.cause
    assert found.next.startswith("wait until it takes connections")


def test_a_standby_that_took_over_is_told_by_its_log() -> None:
    entries = ("2026-11-22 02:59:20.000 UTC [1] LOG:  received promote request",)
    (found,) = findings(restarted(started=864_000.0, entries=entries), RULES)
    assert "another server took over" in found.cause


def test_a_refused_connection_is_the_restarts() -> None:
    text = "pq: dial tcp 10.0.0.5:5432: connect: connection refused"
    (found,) = findings(restarted(text), RULES)
    assert "F021" in found.rules_out
    assert found.about == (f"pod {NEW}",)


REFUSED = "failed to connect to `host=db user=app`: dial tcp 10.0.0.5:5432: connect: connection refused"
BEGUN = log_line("starting database migration  version=13  name=slow  position=1  total=1", at=200)
LOST = log_line("FATAL: terminating connection due to administrator command (SQLSTATE 57P01)", at=120, level="error")


def refused_behind(*before: str, **database: Any) -> Case:
    """The last words are a refused connection; the process before had said this."""
    seen = restarted(**{"server": None, "trouble": Trouble(text="connection refused"), **database})
    details = seen.evidence.platform.details or ()
    back = replace(details[0], containers=(replace(details[0].containers[0], state=running(for_s=20)),))
    logs = (log(*before, previous=True), log(log_line(REFUSED, at=3, level="error")))
    platform = replace(seen.evidence.platform, details=(back,), logs=logs)
    return replace(seen, evidence=replace(seen.evidence, platform=platform))


@pytest.mark.parametrize("before", [BEGUN, LOST, "driver: bad connection (postgres)"], ids=["it migrated", "57P01", "lost"])
def test_who_is_refused_and_had_a_connection_before_lost_the_server(before: str) -> None:
    seen = refused_behind(before)
    assert {f.code for f in tied(findings(seen, RULES, configuration.RULES, exits.RULES), {})[0]} == {"F058"}
    (found,) = findings(seen, RULES)
    assert "had a connection, and then got none" in found.cause
    assert found.confidence == 0.75
    assert found.next.startswith("wait until it takes connections")
    assert before.strip() in [exhibit.text for exhibit in found.evidence]


def test_a_connection_lost_while_ours_is_refused_is_a_server_that_went_away() -> None:
    lost = "FATAL: terminating connection due to administrator command (SQLSTATE 57P01)"
    seen = restarted(lost, server=None, looks=None, owned=None, trouble=Trouble(text="connection failed: Connection refused"))
    assert {f.code for f in tied(findings(seen, RULES, configuration.RULES, exits.RULES), {})[0]} == {"F058", "F011"}
    assert findings(seen, RULES)[0].confidence == 0.75


def test_a_connection_lost_and_then_refused_is_a_server_that_went_away_though_it_is_there_again_and_old() -> None:
    seen = refused_behind(LOST, server=server(started_at=ago(864_000)), trouble=None)
    assert codes(seen, RULES) == {"F058"}


@pytest.mark.parametrize(
    "seen",
    [
        refused_behind("running database migrations"),
        refused_behind(log_line(REFUSED, at=60)),
        refused_behind(BEGUN, server=server(started_at=ago(864_000)), trouble=None),
        refused_behind("failed to connect to `host=db`: failed to receive message (unexpected EOF) postgres"),
        refused_behind(log_line("FATAL: terminating connection due to administrator command", at=7000)),
    ],
    ids=["never connected", "refused from the start", "the server is well", "cut at the login", "before the rollout"],
)
def test_who_never_had_a_connection_did_not_lose_the_server(seen: Case) -> None:
    assert not codes(seen, RULES)


CAME_BACK = container(state=running(for_s=20), last=ended(1, at=25, after_s=60), restarts=1)


def came_back(*logs: LogText, ready: bool = True) -> Case:
    """As ``restarted``, only that the replica was started once more since, and runs."""
    details = (pod(NEW, ready=ready, created_at=ago(600), containers=(CAME_BACK,)),)
    platform = {"details": details, "revisions": (revision(created_at=ago(600), ready=int(ready)),), "logs": logs}
    return case(platform=platform, database={"server": server(started_at=ago(30)), "server_log": SHUT_DOWN})


SHUT_DOWN = ("2026-11-22 02:59:25.000 UTC [1] LOG:  received fast shutdown request",)


def test_a_restart_that_all_replicas_have_come_back_from_is_over() -> None:
    assert codes(came_back(ready=False), RULES) == {"F058"}
    assert not codes(came_back(), RULES)


@pytest.mark.parametrize(
    "seen",
    [
        case(database={"server": server(started_at=ago(60))}),
        restarted(started=7200.0),
        restarted("FATAL: terminating connection due to administrator command (SQLSTATE 57P01)", started=7200.0),
        restarted(started=7200.0, entries=("2026-11-22 01:00:00.000 UTC [1] LOG:  received fast shutdown request",)),
    ],
    ids=["all well since", "before the rollout", "one backend that somebody ended", "an old shutdown in the log"],
)
def test_what_is_over_or_somebodys_single_kill_is_none(seen: Case) -> None:
    assert not codes(seen, RULES)


@pytest.mark.parametrize("source", sources())
def test_rules_take_any_source_away(source: str) -> None:
    assert codes(blind(restarted(), source), RULES) == (set() if source == "database.server" else {"F058"})
