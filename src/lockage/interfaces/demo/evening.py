"""The whole demonstration: the stage is set, the ways to upgrade are performed on it, and it is taken down again.

Not for a way itself (``performance``, ``by_hand``, ``upgrading``). The surprising thing: a stage that was up before is put
back and left up; one that the demonstration set for itself is taken down whatever happens, Ctrl-C included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import Plan
from lockage.core.run import RunEvent, RunReport, figures_of
from lockage.errors import HaltedError
from lockage.flows.unfinished import Unfinished
from lockage.flows.upgrade import Wanted
from lockage.flows.world import World
from lockage.interfaces.demo import stage
from lockage.interfaces.demo.by_hand import perform_by_hand
from lockage.interfaces.demo.performance import (
    DemoResult,
    Interval,
    LockagePerformance,
    Outcome,
    Performance,
    perform_naively,
    performance,
    with_figures,
)
from lockage.interfaces.demo.seeding import FIRST_RELEASE, TARGET_RELEASE
from lockage.interfaces.deployments import DEMO, Located, find_deployment
from lockage.interfaces.deployments import Wanted as Named
from lockage.interfaces.folders import Folders
from lockage.interfaces.upgrading import run_upgrade, this_host
from lockage.interfaces.wiring import open_deployment, open_world


def nothing(_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Who is told what while the demonstration goes on."""

    act: Callable[[str], None] = nothing  # what begins: "the usual way"
    say: Callable[[str], None] = nothing  # what is done on the stage
    event: Callable[[RunEvent], None] = nothing  # what the run does
    plan: Callable[[Plan], None] = nothing
    narrate: Callable[[str], None] = nothing  # how planning goes on; of no interest afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Which ways to upgrade are performed."""

    naive: bool = True
    by_hand: bool = False
    lockage: bool = True


def demonstrate(folders: Folders, *, rows: int, ways: Ways, watching: Watching) -> DemoResult:
    """What each way that was asked for costs."""
    was_up = stage.current(folders) is not None
    naive: Performance | None = None
    by_hand: Performance | None = None
    lockage: LockagePerformance | None = None
    try:
        watching.act("setting the stage")
        stage.up(folders, rows=rows, say=watching.say)
        if was_up:
            stage.reset(folders, say=watching.say)
        if ways.naive:
            watching.act(f"the usual way: a rolling update from {FIRST_RELEASE} to {TARGET_RELEASE}")
            naive = usual_way(folders, watching)
            stage.reset(folders, say=watching.say)
        if ways.by_hand:
            watching.act(f"by hand: the vendor's guide from {FIRST_RELEASE} to {TARGET_RELEASE}, by a script")
            by_hand = guides_way(folders, watching)
            stage.reset(folders, say=watching.say)
        if ways.lockage:
            watching.act(f"with Lockage: lockage upgrade demo --to {TARGET_RELEASE}")
            lockage = lockage_way(folders, watching)
    finally:
        if not was_up:
            watching.say("taking the stage down")
            watching.narrate("stopping replicas, traffic and PostgreSQL")
            stage.down(folders)
    return DemoResult(rows=rows, naive=naive, by_hand=by_hand, lockage=lockage)


def usual_way(folders: Folders, watching: Watching) -> Performance:
    """What a plain rolling update costs, on a stage that is up."""
    deployment = find_deployment(Named(name=DEMO), folders=folders, here=Path.cwd(), environment={})
    with open_world(deployment, tell=lambda _: None) as world:
        outcome, interval, cause = perform_naively(world, target=TARGET_RELEASE, say=watching.say)
    return performance(stage.traffic_file(folders), interval, outcome=outcome, cause=cause)


def guides_way(folders: Folders, watching: Watching) -> Performance:
    """What the vendor's guide costs when a script follows it, on a stage that is up."""
    deployment = find_deployment(Named(name=DEMO), folders=folders, here=Path.cwd(), environment={})
    with open_world(deployment, tell=lambda _: None) as world:
        outcome, interval, cause = perform_by_hand(world, target=TARGET_RELEASE, say=watching.say)
    return performance(stage.traffic_file(folders), interval, outcome=outcome, cause=cause)


def lockage_way(folders: Folders, watching: Watching) -> LockagePerformance:
    """What the upgrade with Lockage costs, on a stage that is up.

    Raises ``RefusedError`` when it does not begin; one that halts part-way is a performance, too.
    """
    deployment = find_deployment(Named(name=DEMO), folders=folders, here=Path.cwd(), environment={})
    return carried_out(deployment, folders, watching, target=TARGET_RELEASE, answers=stage.traffic_file(folders))


def carried_out(
    located: Located, folders: Folders, watching: Watching, *, target: str, answers: Path, wishes: Wishes | None = None
) -> LockagePerformance:
    """What the upgrade of a deployment under traffic costs; ``answers``: what the traffic generator writes.

    Raises as ``lockage_way``.
    """
    plans: list[Plan] = []
    cause: str | None = None

    def shown(plan: Plan, unfinished: Unfinished | None) -> bool:
        del unfinished
        plans.append(plan)
        watching.plan(plan)
        return True

    with open_deployment(located, tell=watching.event, glimpse=watching.narrate) as opened:
        world = opened.world
        began_at, began_s = world.clock.now(), time.time()
        try:
            report = run_upgrade(
                world,
                opened.deployment,
                folders,
                wanted=Wanted(target=target, no_restore_point=True, wishes=wishes or Wishes(), host=this_host()),
                confirm=shown,
                stop=lambda: False,
                narrate=watching.narrate,
            )
        except HaltedError as error:
            cause = f"{error.message} ({error.code})"
            report = _halted(plans[0], cause, began_at=began_at, ended_at=world.clock.now())
        interval = Interval(began_s=began_s, ended_s=time.time(), restarts=_restarts(world))
    outcome: Outcome = "healthy" if cause is None else "halted"
    felt = performance(answers, interval, outcome=outcome, cause=cause)
    return with_figures(felt, report)


def _halted(plan: Plan, cause: str, *, began_at: datetime, ended_at: datetime) -> RunReport:
    """What is known of a run that stopped part-way: its plan and the reason."""
    return RunReport(
        id="",
        deployment=plan.deployment,
        outcome="halted",
        from_release=plan.from_release,
        to_release=plan.to_release,
        route=plan.route,
        began_at=began_at,
        ended_at=ended_at,
        hops=tuple(figures_of(hop) for hop in plan.hops),
        halted=cause,
    )


def _restarts(world: World) -> int:
    return sum(replica.restarts for replica in world.platform.replicas())
