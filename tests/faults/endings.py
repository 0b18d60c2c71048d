"""Faults of whoever runs the migration: probes that kill it, a grace that is cut off, a process that stands still."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from faults.deployments import ferry_spec
from faults.fault import Fault, Neighbour
from faults.ground import LIVENESS, MANY, Ground, eventually
from lockage.core.diagnosis.families.hung import ALIVE_S
from lockage.core.diagnosis.families.probes import UNREADY_S
from lockage.core.diagnosis.present import CLOCK_S
from lockage.core.facts import Probe


@contextmanager
def killed_by_liveness(ground: Ground) -> Iterator[None]:
    """The naive upgrade: the way that the vendor warns of, many rows, and a probe that knows nothing of migrations."""
    ground.towpath("2.26.0", schema="2.26.0", rows=MANY)
    ground.roll_out("2.27.8", liveness=LIVENESS)  # which knows nothing of migrations
    eventually(lambda: any(e.reason == "Killing" for e in ground.platform.events()), "the probe has killed it")
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def slow_and_working(ground: Ground) -> Iterator[None]:
    ground.towpath("2.26.6", rows=MANY, liveness=Probe(path="/healthz", period_s=1.0, timeout_s=1.0, failure_threshold=60))
    ground.roll_out("2.27.8")
    ground.until_migrates()
    yield


@contextmanager
def cut_off(ground: Ground) -> Iterator[None]:
    """Somebody scales it down and up again in mid-migration, which is over when its grace is."""
    ground.towpath("2.27.8", rows=MANY, ready=False)
    ground.until_migrates()
    ground.platform.scale(0)
    eventually(lambda: not ground.platform.replicas(), "it is gone")
    ground.platform.scale(1)
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def scaled_down_and_up(ground: Ground) -> Iterator[None]:
    ground.towpath("2.27.8")
    ground.platform.scale(0)
    eventually(lambda: not ground.platform.replicas(), "it is gone")
    ground.platform.scale(1)
    ground.until_ready()
    yield


@contextmanager
def unhealthy(ground: Ground) -> Iterator[None]:
    """A probe asks for what the application does not have: it is killed again and again, and has nothing to migrate."""
    probe = Probe(path="/healthy", period_s=0.3, timeout_s=0.5, failure_threshold=3, initial_delay_s=1.0)
    ground.towpath(liveness=probe, ready=False)
    ground.until_restarted(2)
    yield


@contextmanager
def restarted_once(ground: Ground) -> Iterator[None]:
    """Somebody ended the process; it came back, and is well."""
    ground.towpath(liveness=Probe(path="/healthz", period_s=1.0, timeout_s=1.0, failure_threshold=10))
    ground.process("2.26.6").terminate()
    ground.until_restarted()
    ground.until_ready()
    yield


@contextmanager
def client_stopped(ground: Ground) -> Iterator[None]:
    """The migrating process does nothing any more, between two of its statements."""
    ground.towpath()
    holder = ground.holds("api_keys")
    ground.roll_out("2.27.8")
    pid = ground.until_waits("towpath/%")
    ground.process("2.27.8").suspend()
    holder.close()
    idle = "select from pg_stat_activity where pid = %s and state ~ 'idle in' and now() - state_change > interval '5 s'"
    eventually(lambda: ground.ask(idle, pid), "its session does nothing for some time")
    yield


@contextmanager
def client_stopped_for_a_moment(ground: Ground) -> Iterator[None]:
    """The same, only that it goes on."""
    ground.towpath()
    holder = ground.holds("api_keys")
    ground.roll_out("2.27.8")
    pid = ground.until_waits("towpath/%")
    process = ground.process("2.27.8")
    process.suspend()
    holder.close()
    eventually(lambda: ground.ask("select from pg_stat_activity where pid = %s and state ~ 'idle in'", pid), "it does nothing")
    process.resume()
    ground.until_ready()
    yield


@contextmanager
def stopped_while_it_serves(ground: Ground) -> Iterator[None]:
    """Its process is stopped for good, and nothing but its readiness probe asks it."""
    ground.towpath("2.27.8", schema="2.27.8")
    time.sleep(CLOCK_S)  # whoever was ready for less than that is not known to have been
    ground.process("2.27.8").suspend()
    eventually(lambda: not ground.platform.replicas()[0].ready, "it is not ready")
    time.sleep(UNREADY_S)  # as long as a hiccup may take
    yield


@contextmanager
def stopped_for_a_moment(ground: Ground) -> Iterator[None]:
    ground.towpath("2.27.8", schema="2.27.8")
    process = ground.process("2.27.8")
    process.suspend()
    eventually(lambda: not ground.platform.replicas()[0].ready, "it is not ready")
    process.resume()
    ground.until_ready()
    yield


@contextmanager
def waits_for_another_service(ground: Ground) -> Iterator[None]:
    """Before it migrates, it asks another service for the tides, which takes the connection and never answers."""
    with _tides(ground):
        time.sleep(ALIVE_S)  # as long as a start may take
        yield


@contextmanager
def takes_its_time(ground: Ground) -> Iterator[None]:
    """The same, and nobody knows yet that there will be no answer."""
    with _tides(ground):
        yield


@contextmanager
def _tides(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        where = f"127.0.0.1:{deaf.getsockname()[1]}"
        ground.deploy_again(ferry_spec(ground, "1.5.0", environment={"FERRY_TIDES": where}))
        ground.replica("1.5.0")
        eventually(ground.say_in_log("asks for the tides"), "it asks")
        yield


@contextmanager
def scaled_to_zero(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.platform.scale(0)
    eventually(lambda: not ground.platform.replicas(), "no replica is there")
    yield


@contextmanager
def scaled_to_one(ground: Ground) -> Iterator[None]:
    ground.towpath(replicas=2)
    ground.platform.scale(1)
    eventually(lambda: len(ground.platform.replicas()) == 1, "one replica is there")
    yield


FAULTS = (
    Fault(
        name="the liveness probe kills the migrating replica",
        code="F001",
        make=killed_by_liveness,
        allowed=("F043", "F011", "F071"),
        chained=(("F043", "F001"),),
        neighbour=Neighbour(name="a slow migration that works", make=slow_and_working, says=("F055",)),
    ),
    Fault(
        name="a migrating replica is cut off at the end of its grace",
        code="F005",
        make=cut_off,
        allowed=("F043", "F011"),
        chained=(("F043", "F005"),),
        neighbour=Neighbour(name="scaled down and up again", make=scaled_down_and_up),
    ),
    Fault(
        name="a liveness probe that asks for the wrong thing",
        code="F003",
        make=unhealthy,
        allowed=("F011",),
        neighbour=Neighbour(name="restarted once for another reason", make=restarted_once),
    ),
    Fault(
        name="a serving process is stopped",
        code="F004",
        make=stopped_while_it_serves,
        neighbour=Neighbour(name="a serving process is stopped for a moment", make=stopped_for_a_moment),
    ),
    Fault(
        name="a process waits for another service before it migrates",
        code="F056",
        make=waits_for_another_service,
        allowed=("F004",),
        chained=(("F004", "F056"),),
        known=False,
        neighbour=Neighbour(name="a process takes its time to start", make=takes_its_time, says=("F087",)),
    ),
    Fault(
        name="the migrating process is stopped",
        code="F057",
        make=client_stopped,
        neighbour=Neighbour(name="the migrating process is stopped for a moment", make=client_stopped_for_a_moment),
    ),
    Fault(
        name="scaled to zero",
        code="F082",
        make=scaled_to_zero,
        neighbour=Neighbour(name="scaled to one", make=scaled_to_one),
    ),
)
