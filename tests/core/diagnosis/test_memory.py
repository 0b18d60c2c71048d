"""Who was killed for want of memory: a replica, a node's guests, or PostgreSQL; and who never was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockage.core.diagnosis.evidence import Condition
from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.facts import Usage
from support import cases as c
from support.rules import found

NAME = c.names()[0]
LOW = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 51200Ki. Container app was using 700Mi, "
    "request is 256Mi, has larger consumption of memory. "
)


def codes(seen: Case) -> set[str]:
    return {f.code for f in found(seen)}


def one(seen: Case, code: str) -> Finding:
    (finding,) = (f for f in found(seen) if f.code == code)
    return finding


def oom(**platform: Any) -> Case:
    last = c.ended(137, "OOMKilled", at=20, after_s=12)
    pod = c.pod(NAME, ready=False, containers=(c.crashing(last, restarts=2),), created_at=c.ago(120))
    given = {"details": (pod, *(c.pod(n) for n in c.names()[1:])), "logs": (), **platform}
    return c.case(platform=given)


def test_a_replica_killed_at_its_limit_is_named_with_the_limit() -> None:
    assert codes(oom()) == {"F006", "F011"}
    assert one(oom(), "F006").cause == f"pod {NAME} was killed at its memory limit of 512 MiB after 12 s (restart 2)"


def test_a_replica_killed_while_it_migrated_says_so() -> None:
    line = c.log_line("starting database migration  version=13  name=slow", at=25)
    assert "and it was migrating" in one(oom(logs=(c.log(line, previous=True),)), "F006").cause


def test_a_replica_that_is_ready_again_after_a_kill_will_be_killed_again() -> None:
    last = c.ended(137, "OOMKilled", at=200)
    again = c.pod(NAME, containers=(c.container(last=last, restarts=1, state=c.running(for_s=190)),))
    assert codes(c.case(platform={"details": (again, *(c.pod(n) for n in c.names()[1:]))})) == {"F006"}


@pytest.mark.parametrize("source", [s for s in c.sources() if s not in {"platform.details", "platform.replicas"}])
def test_a_kill_for_memory_is_seen_whatever_else_is_out_of_sight(source: str) -> None:
    assert codes(c.blind(oom(), source)) == {"F006", "F011"}


def pressed(*, pressure: bool = True, well: bool = False) -> Case:
    conditions = (Condition(type="MemoryPressure", status="True", reason="KubeletHasInsufficientMemory", since=c.ago(50)),)
    gone = replace(c.pod(f"{c.SET}-zzzzz"), phase="Failed", reason="Evicted", message=LOW, containers=())
    young = c.pod(NAME, ready=well, containers=(c.container(state=c.running(for_s=9), ready=well),), created_at=c.ago(12))
    return c.case(
        platform={
            "details": (gone, young, *(c.pod(n) for n in c.names()[1:])),
            "nodes": (c.node(conditions=conditions) if pressure else c.node(),),
            "events": (c.event("Evicted", LOW, at=40, subject=f"Pod/{c.SET}-zzzzz"),),
        }
    )


def test_a_node_that_evicts_is_named_with_what_it_lacks() -> None:
    finding = one(pressed(), "F007")
    assert "node node-1 is under memory pressure" in finding.cause
    assert "low on resource: memory" in finding.cause
    assert "node node-1" in finding.about
    assert codes(pressed()) == {"F007"}


KILLED = "2026-11-22 02:58:00.000 UTC [1] LOG:  {} (PID 4711) was terminated by signal 9: Killed"
LOST = "error: migration 15 failed: consuming input failed: server closed the connection unexpectedly"


def crashed(**database: Any) -> Case:
    pod = c.pod(NAME, ready=False, containers=(c.crashing(c.ended(1, at=100)),))
    return c.case(platform={"details": (pod,), "logs": ()}, database=database)


@pytest.mark.parametrize("process", ["server process", "client backend", "parallel worker"])  # the first until PostgreSQL 17
def test_a_backend_killed_by_the_kernel_is_named_from_the_servers_log(process: str) -> None:
    log = (KILLED.format(process), "LOG:  terminating any other active server processes")
    finding = one(crashed(server_log=log), "F008")
    assert finding.cause.startswith("PostgreSQL's backend 4711 was killed by signal 9")
    assert "F058" in finding.rules_out


def test_a_crash_that_only_a_client_was_told_of_is_less_sure() -> None:
    line = "psycopg.errors.CrashShutdown: terminating connection because of crash of another server process"
    seen = crashed()
    seen = c.case(platform={"details": seen.evidence.platform.details, "logs": (c.log(line, previous=True),)})
    assert one(seen, "F008").confidence == 0.5


def came_back(*, later_s: float, version_num: int = 180_006, lost: bool = True) -> Case:
    """A replica ended, and the server's own processes are younger than the server."""
    pod = c.pod(NAME, ready=False, containers=(c.crashing(c.ended(1, at=40)),))
    began = c.ago(9000)
    server = c.server(started_at=began, recovered_at=began + timedelta(seconds=later_s), version_num=version_num)
    logs = (c.log(*((LOST,) if lost else ("panic: no idea",)), previous=True),)
    return c.case(platform={"details": (pod,), "logs": logs}, database={"server": server, "server_log": None})


def test_a_crash_shows_in_the_age_of_the_servers_own_processes_where_nobody_says_so() -> None:
    finding = one(came_back(later_s=8950), "F008")
    assert finding.confidence == 0.75
    assert {"F058", "F010"} <= set(finding.rules_out)
    assert "the checkpointer began at" in finding.evidence[0].text


@pytest.mark.parametrize(
    "seen",
    [
        came_back(later_s=0.1),
        came_back(later_s=3000),  # an hour and a half ago
        came_back(later_s=8950, version_num=140_012),  # whose checkpointer begins behind the recovery of any start
        came_back(later_s=8950, lost=False),
    ],
    ids=["began together", "long ago", "PostgreSQL 14", "nobody lost a connection"],
)
def test_a_server_that_has_only_begun_or_long_come_back_is_no_crash_of_now(seen: Case) -> None:
    assert "F008" not in codes(seen)


def test_memory_that_the_server_does_not_get_is_its_own_case() -> None:
    lines = (
        "2026-11-22 02:58:00 UTC [7] ERROR:  out of memory",
        "DETAIL:  Failed on request of size 64.",
    )
    assert "refused memory" in one(crashed(server_log=lines), "F008").cause


def near(used: int, cores: float) -> Case:
    session = c.migrating_session()
    young = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=25), ready=False),), created_at=c.ago(28))
    usage = Usage(replica=NAME, memory_bytes=used * c.MIB, memory_limit_bytes=512 * c.MIB, cpu_cores=cores, cpu_limit_cores=2.0)
    return c.case(
        platform={"details": (young, *(c.pod(n) for n in c.names()[1:])), "usage": (usage,)},
        database={"owned": (c.owned(session, NAME),), "looks": c.looks(session), "ledger": c.being_migrated()},
    )


def test_the_migrating_replica_near_its_limits_is_warned_of() -> None:
    finding = one(near(500, 2.0), "F009")
    assert finding.cause == (
        f"pod {NAME} migrates, and uses 500 MiB of the 512 MiB of memory that it may and uses 2.00 of the 2 CPUs that it may, "
        "and is throttled"
    )


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_a_migrating_replica_with_room_is_left_alone() -> None:
    assert codes(near(300, 1.2)) == set()


def test_a_kill_for_memory_of_last_week_is_over() -> None:
    again = c.pod(NAME, containers=(c.container(last=c.ended(137, "OOMKilled", at=600_000), restarts=1),))
    assert codes(c.case(platform={"details": (again, *(c.pod(n) for n in c.names()[1:]))})) == set()


def test_exit_code_137_is_not_memory_unless_the_reason_says_so() -> None:
    pod = c.pod(NAME, ready=False, containers=(c.crashing(c.ended(137, at=20, after_s=500)),))
    assert "F006" not in codes(c.case(platform={"details": (pod,)}))


def test_an_evicted_pod_that_still_stands_there_as_an_object_is_over() -> None:
    gone = replace(c.pod(f"{c.SET}-zzzzz"), phase="Failed", reason="Evicted", message=LOW, containers=())
    assert codes(c.case(platform={"details": (gone, *(c.pod(n) for n in c.names()))})) == set()


def test_an_eviction_that_was_made_good_is_over() -> None:
    assert codes(pressed(pressure=False, well=True)) == set()


def test_a_crash_of_the_server_that_all_have_got_over_is_over() -> None:
    assert codes(c.case(database={"server_log": (KILLED,)})) == set()
