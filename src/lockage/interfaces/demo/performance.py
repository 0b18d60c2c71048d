"""One way to upgrade, performed on the stage and measured by what users felt (``lockage.demo/1``).

Not for comparing (``playbill``). The surprising thing: the naive way is one call, the very rollout that ``helm upgrade`` would
make; everything that then goes wrong is done by the liveness probe, PostgreSQL and towpath themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from lockage.core.facts import LedgerState, Replica
from lockage.core.forecast.assess import Seconds
from lockage.core.run import HopFigures, RunReport
from lockage.core.wording import counted
from lockage.demo.answers import Measured, measure, read_answers
from lockage.flows.world import World
from lockage.ports import Rollout

Outcome = Literal["healthy", "crash_loop", "outage", "halted"]

CRASHES = 3
"""Restarts of one replica that make a crash loop: the third is no accident."""

NAIVE_LIMIT_S = 120.0
"""How long the naive way is watched before it is called an outage."""

SETTLE_S = 1.5
"""Answers to requests of the last second are still on their way when a performance ends."""

LOOK_S = 0.5
"""How often what becomes of it is looked at, by a script in a person's place."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What one way to upgrade cost."""

    outcome: Outcome
    unavailable_s: float
    failed_requests: int
    requests: int
    restarts: int
    slowest_s: float
    took_s: float
    cause: str | None = None


class LockagePerformance(Performance, frozen=True, kw_only=True):
    """What it cost with Lockage, with the parts of the shortest possible outage and the forecast beside the actual."""

    from_release: str = msgspec.field(name="from")
    to_release: str = msgspec.field(name="to")
    route: tuple[str, ...]
    strategy: str  # of the hop with the longest outage possible: the hardest one
    hops: int
    migration_s: float
    boot_s: float
    start_s: float
    termination_s: float
    limit_s: float
    forecast_s: Seconds
    forecasts_held: int  # hops whose migration took what its forecast said
    forecasts_made: int  # hops whose migration was seen


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """``lockage demo --json``; None for what was skipped."""

    schema: Literal["lockage.demo/1"] = "lockage.demo/1"
    platform: Literal["local", "kubernetes"] = "local"
    rows: int
    naive: Performance | None = None
    by_hand: Performance | None = None
    lockage: LockagePerformance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """When a performance began and ended, in seconds since the epoch, and how often replicas were restarted in it."""

    began_s: float
    ended_s: float
    restarts: int


def crashes_again_and_again(replica: Replica) -> bool:
    """Whether a replica of the local stage, which backs off for a second, is in a crash loop."""
    return replica.restarts >= CRASHES


def perform_naively(
    world: World,
    *,
    target: str,
    say: Callable[[str], None],
    roll_out: Callable[[], None] | None = None,
    loops: Callable[[Replica], bool] = crashes_again_and_again,
    between: Callable[[], None] = lambda: None,
) -> tuple[Outcome, Interval, str | None]:
    """Roll the target out as ``helm upgrade`` does, and watch what comes of it: outcome, interval, cause.

    ``roll_out`` is that very ``helm upgrade``, where there is Helm; ``loops``: whether a replica is in a crash loop;
    ``between`` is called between two looks.
    """
    workload = world.platform.workload()
    wanted = world.profile.migrations.releases[target]
    began_at = world.clock.now()
    began_s, until = time.time(), time.monotonic() + NAIVE_LIMIT_S
    said: set[str] = set()
    if roll_out is None:
        world.platform.roll_out(Rollout(release=target, replicas=workload.replicas, liveness=workload.liveness))
    else:
        roll_out()
    while True:
        replicas = world.platform.replicas()
        _say_events(world, began_at, said, say)
        restarts = sum(r.restarts for r in replicas)
        interval = Interval(began_s=began_s, ended_s=time.time(), restarts=restarts)
        looping = next((r for r in replicas if loops(r)), None)
        if looping is not None:
            return "crash_loop", interval, _cause(world, looping)
        if all_serve(replicas, target, workload.replicas) and ledger_is_at(world, wanted):
            return "healthy", interval, None
        if time.monotonic() > until:
            return "outage", interval, f"not done after {NAIVE_LIMIT_S:.0f} s"
        between()
        time.sleep(LOOK_S)


def all_serve(replicas: tuple[Replica, ...], target: str, wanted: int) -> bool:
    """Whether exactly so many replicas are there, each ready on the target."""
    return len(replicas) == wanted and all(r.ready and r.release == target for r in replicas)


def ledger_is_at(world: World, wanted: int) -> bool:
    """Whether the ledger can be read, and says that migration."""
    reading = world.database.ledger(world.profile)
    return reading.state is LedgerState.READ and reading.version == wanted


def _say_events(world: World, since: datetime, said: set[str], say: Callable[[str], None]) -> None:
    for event in world.platform.events():
        if event.at < since:
            continue
        text = f"{event.reason}: {event.subject}: {event.text}"
        if event.reason in {"Unhealthy", "Killing", "BackOff"} and text not in said:
            said.add(text)
            say(text)


def _cause(world: World, replica: Replica) -> str:
    """Why the naive way loops, in a sentence: who was killed, and who still holds the lock."""
    reading = world.database.ledger(world.profile)
    times = counted(replica.restarts, "time")
    budget = f"{replica.name} was restarted {times} by its liveness probe before its migration was done"
    if reading.holder_pid is None:
        return budget
    return f"{budget}; PostgreSQL backend {reading.holder_pid} still holds the migration's advisory lock"


def performance(answers: Path, interval: Interval, *, outcome: Outcome, cause: str | None) -> Performance:
    """What users felt in the interval."""
    felt = felt_in(answers, interval)
    return Performance(
        outcome=outcome,
        unavailable_s=round(felt.unavailable_s, 3),
        failed_requests=felt.failed_requests,
        requests=felt.requests,
        restarts=interval.restarts,
        slowest_s=round(felt.slowest_s, 3),
        took_s=round(interval.ended_s - interval.began_s, 1),
        cause=cause,
    )


def felt_in(answers: Path, interval: Interval) -> Measured:
    """What the traffic generator measured, once the last answers have come in."""
    time.sleep(max(0.0, interval.ended_s + SETTLE_S - time.time()))
    return measure(read_answers(answers), interval.began_s, interval.ended_s)


def with_figures(felt: Performance, report: RunReport) -> LockagePerformance:
    """The performance with the run's own figures, summed over hops."""
    hardest = max(report.hops, key=lambda hop: hop.strategy.hardness)

    seen = [hop for hop in report.hops if hop.forecast_s is not None and hop.migration_s is not None]

    def total(part: Callable[[HopFigures], float | None]) -> float:
        return round(sum(part(hop) or 0.0 for hop in report.hops), 3)

    return LockagePerformance(
        **msgspec.structs.asdict(felt),
        from_release=report.from_release,
        to_release=report.to_release,
        route=report.route,
        strategy=str(hardest.strategy),
        hops=len(report.hops),
        migration_s=total(lambda hop: hop.migration_s),
        boot_s=total(lambda hop: hop.boot_s),
        start_s=total(lambda hop: hop.start_s),
        termination_s=total(lambda hop: hop.termination_s),
        limit_s=total(lambda hop: hop.limit_s),
        forecast_s=_summed([hop.forecast_s for hop in report.hops if hop.forecast_s is not None]),
        forecasts_held=sum(_holds(hop) for hop in seen),
        forecasts_made=len(seen),
    )


def _summed(ranges: list[Seconds]) -> Seconds:
    highs = [r.high for r in ranges]
    return Seconds(
        low=round(sum(r.low for r in ranges), 3),
        likely=round(sum(r.likely for r in ranges), 3),
        high=None if None in highs else round(sum(h or 0.0 for h in highs), 3),
    )


def _holds(hop: HopFigures) -> bool:
    if hop.forecast_s is None or hop.migration_s is None:
        return False
    high = hop.forecast_s.high
    return hop.forecast_s.low <= hop.migration_s and (high is None or hop.migration_s <= high)
