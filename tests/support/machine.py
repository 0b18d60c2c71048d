"""``lockage upgrade`` over a simulated world: a machine on which it is started, and the plans that sweeps go through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from lockage.core.facts import Probe, RelationLock
from lockage.core.plan import steps as s
from lockage.core.release.profile import Profile
from lockage.core.run import RunEvent, RunReport
from lockage.errors import UnreachableError
from lockage.flows.survey import survey
from lockage.flows.upgrade import Asking, Wanted, upgrade
from lockage.flows.world import World
from lockage.settings import Settings
from support.dying import Death, Mortal
from support.fake_database import FakeDatabase
from support.fake_platform import FakePlatform, FakeService
from support.fake_world import FakeWorld
from support.memory_journals import MemoryJournals
from support.plans import FORMER, app_profile, hop, plan_of

PATIENT = Probe(period_s=2.0, failure_threshold=450)
ALTER = RelationLock(relation="public.t", mode="AccessShareLock", granted=True)


def a_world(**changes: Any) -> FakeWorld:
    """Release 1.0.0 with three replicas; 1.1.0 is quick, 2.0.0 takes four seconds on public.t."""
    fields: dict[str, Any] = {
        "profile": app_profile(),
        "release": "1.0.0",
        "ledger": 10,
        "liveness": FORMER,
        "locked": {"2.0.0": ("public.t",)},
        "migration_s": {"1.1.0": 0.1, "2.0.0": 4.0},
    }
    return FakeWorld(**(fields | changes))


def to_two(strategy: s.Strategy = s.Strategy.SCALE_TO_ZERO, **options: Any) -> s.Plan:
    return plan_of(hop("1.0.0", "2.0.0", strategy, liveness=FORMER, migrating=PATIENT, last=True), **options)


def by_way_of_one() -> s.Plan:
    return plan_of(
        hop("1.0.0", "1.1.0", s.Strategy.ROLLING, liveness=FORMER, migrating=FORMER, leave_when="done", blocked=()),
        hop("1.1.0", "2.0.0", s.Strategy.SCALE_TO_ZERO, liveness=FORMER, migrating=PATIENT, last=True),
    )


def seen_by_flows(world: FakeWorld, told: list[RunEvent] | None = None, **changes: Any) -> World:
    """The ports of a simulated world, as one flow alone gets them."""
    fields: dict[str, Any] = {
        "deployment": "app",
        "profile": world.profile,
        "platform": FakePlatform(world),
        "database": FakeDatabase(world),
        "service": FakeService(world),
        "clock": world.clock,
        "settings": Settings(),
        "migrations": (),
        "tell": [].append if told is None else told.append,
    }
    return World(**(fields | changes))


@dataclass(kw_only=True)
class Machine:
    """A machine on which Lockage is started, killed and started again."""

    world: FakeWorld
    name: str = "here"
    journals: MemoryJournals = field(default_factory=MemoryJournals)
    told: list[RunEvent] = field(default_factory=list[RunEvent])
    confirms: bool = True
    clears: bool = True
    stop: Callable[[], bool] = lambda: False
    profile: Profile | None = None  # what the flows know of the application; None: everything

    def upgrade(self, plan: s.Plan, death: Death | None = None, **wanted: Any) -> RunReport:
        """What ``lockage upgrade app --to … --no-restore-point`` does in one process, with this plan proposed."""
        death = death or Death()
        database = FakeDatabase(self.world)
        outer = seen_by_flows(
            self.world,
            self.told,
            profile=self.profile or self.world.profile,
            platform=Mortal(FakePlatform(self.world), death),
            database=Mortal(database, death),
        )
        self.journals.wrap = lambda journal: Mortal(journal, death)  # type: ignore[assignment,return-value] as above
        asking = Asking(
            propose=lambda *_: self._proposed(plan),
            survey=lambda: survey(
                deployment="app",
                profile=outer.profile,
                platform=outer.platform,
                database=outer.database,
                service=outer.service,
                clock=outer.clock,
                settings=outer.settings,
            ),
            confirm=lambda *_: self.confirms,
            stop=self.stop,
            clear=lambda _: self.clears,
            new_run_id=lambda: f"run-{len(self.journals.journals) + 1}",
        )
        options = {"target": plan.to_release, "no_restore_point": True} | wanted
        try:
            return upgrade(outer, self.journals, Wanted(host=self.name, **options), asking)
        finally:
            database.close()  # what the kernel does for a killed process, too

    def _proposed(self, plan: s.Plan) -> s.Plan:
        """The part of the plan that is still ahead of the release that runs; none while a table cannot be read."""
        if any(lock.mode == "AccessExclusiveLock" for client in self.world.clients for lock in client.locks):
            raise UnreachableError("somebody keeps a table locked against all", code="LK421")
        releases = [h.from_release for h in plan.hops]
        ahead = plan.hops[releases.index(self.world.release) :] if self.world.release in releases else ()
        return replace(plan, hops=ahead)


def end_of(world: FakeWorld) -> dict[str, object]:
    """Everything about a world that two runs must agree on."""
    platform = FakePlatform(world)
    workload = platform.workload()
    return {
        "release": workload.release,
        "replicas": [(r.release, r.ready, r.phase) for r in platform.replicas()],
        "liveness": workload.liveness,
        "annotations": dict(workload.annotations),
        "ledger": (world.ledger, world.dirty),
        "lease": platform.lease(),
        "clients": [c.application_name for c in world.clients],
        "fence": world.fence,
        "changes": world.changes,  # each made once: a run that goes on never takes back what it did
    }


def calm_end(plan: s.Plan) -> tuple[dict[str, object], int]:
    """What a run that nothing disturbs leaves, and the number of its effects."""
    world, death = a_world(), Death()
    Machine(world=world).upgrade(plan, death)
    return end_of(world), death.count


SWEEP = [
    pytest.param(to_two(s.Strategy.SCALE_TO_ZERO), id="scale-to-zero"),
    pytest.param(to_two(s.Strategy.SCALE_TO_ONE), id="scale-to-one"),
    pytest.param(to_two(s.Strategy.ROLLING), id="rolling"),
    pytest.param(by_way_of_one(), id="two hops"),
]
