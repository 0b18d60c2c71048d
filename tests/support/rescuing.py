"""A diagnosis and a scene of a simulated world, and ``lockage recover`` over it, started as often as it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lockage.core.diagnosis.evidence import DatabaseEvidence, Evidence, PlatformEvidence, PreparedTransaction, Revision
from lockage.core.diagnosis.findings import Diagnosis, Exhibit, Finding
from lockage.core.recovery.decide import recovery_from
from lockage.core.recovery.dirty import DirtyLedger, WayOut
from lockage.core.recovery.scene import Scene, Wishes, scene_of
from lockage.core.recovery.steps import Direction, Recovery
from lockage.core.release.fits import joined, table_of
from lockage.core.run import RunReport, read_notes
from lockage.flows.recover import recover, way_out
from lockage.flows.rescue import Means, goes_on, rescue
from lockage.flows.world import World, see
from lockage.settings import ProbeBudget
from support.dying import Death, Mortal
from support.fake_database import FakeDatabase
from support.fake_platform import FakePlatform
from support.fake_world import FakeWorld
from support.machine import seen_by_flows
from support.memory_journals import MemoryJournals


def finding(code: str, **changes: Any) -> Finding:
    """A finding of that code."""
    fields = {
        "code": code, "cause": f"the cause {code}", "confidence": 0.9, "why": "a test", "next": f"end {code}",
        "evidence": (Exhibit(source="a test", text="seen"),),
    } | changes  # fmt: skip
    return Finding(**fields)


def diagnosis(world: World, *codes: str) -> Diagnosis:
    """A diagnosis with findings of these codes, the root first; "-F055" is a harmless one."""
    found = tuple(finding(code.lstrip("-"), harmless=code.startswith("-")) for code in codes)
    return Diagnosis(
        at=world.clock.now(), deployment=world.deployment, healthy=not found, findings=found, ruled_out=(), migrating=None,
        call_vendor=False,
    )  # fmt: skip


def evidence(world: World, *, revisions: tuple[Revision, ...] = (), prepared: tuple[PreparedTransaction, ...] = ()) -> Evidence:
    """What a collector would see of the world, two looks apart."""
    first = see(world)
    world.clock.sleep(1.0)
    second = see(world, first)
    return Evidence(
        at=world.clock.now(),
        deployment=world.deployment,
        platform_kind="local",
        platform=PlatformEvidence(
            workload=second.workload, replicas=second.replicas, revisions=revisions, contenders=world.platform.contenders()
        ),
        database=DatabaseEvidence(
            ledger=world.database.ledger(world.profile),
            looks=(first.activity, second.activity),
            owned=second.owned,
            prepared=prepared,
            invalid_indexes=(),
        ),
    )


def scene(world: World, **seen: Any) -> Scene:
    """The scene of the world now."""
    return scene_of(
        evidence(world, **seen),
        world.profile,
        notes=read_notes(world.platform.workload()),
        releases=joined((table_of(world.profile),)),
        dirty=dirty_of(world) if world.database.ledger(world.profile).dirty else None,
    )


def dirty_of(world: World) -> DirtyLedger:
    """A failed migration of which nothing is applied, as the last release before it knows it."""
    version = world.database.ledger(world.profile).version or 0
    rows = (f"INSERT INTO schema_migrations VALUES ({version}, false)",)
    mark = WayOut(name="mark", possible=True, why="nothing of it is applied", sql=rows, leaves=version)
    closed = tuple(WayOut(name=name, possible=False, why="nothing of it is missing") for name in ("finish", "undo"))
    return DirtyLedger(
        table="public.schema_migrations", version=version + 1, previous=version, name="failed", statements=(),
        ways=(*closed, mark), advised="mark",
    )  # fmt: skip


def decided(world: World, *codes: str, wishes: Wishes | None = None, **seen: Any) -> Recovery:
    """The way out of the world as it is now."""
    return recovery_from(diagnosis(world, *codes), scene(world, **seen), wishes or Wishes(), budget=ProbeBudget())


@dataclass(kw_only=True)
class Rescuer:
    """A machine on which ``lockage recover`` is typed."""

    world: FakeWorld
    journals: MemoryJournals = field(default_factory=MemoryJournals)
    runs: int = 0

    def type_recover(
        self, *codes: str, death: Death | None = None, wishes: Wishes | None = None, **seen: Any
    ) -> RunReport | None:
        """One process: from the note of a run that stands on the object, else from a diagnosis; None: nothing to do."""
        death, self.runs = death or Death(), self.runs + 1
        database = FakeDatabase(self.world)
        outer = seen_by_flows(self.world, platform=Mortal(FakePlatform(self.world), death), database=Mortal(database, death))
        self.journals.wrap = lambda journal: Mortal(journal, death)  # type: ignore[assignment,return-value]
        try:
            if goes_on(outer):
                if way_out(outer).direction is Direction.NONE:
                    return None
                return recover(outer, self.journals, host="here")
            found = decided(outer, *codes, wishes=wishes, **seen)
            if not found.acts:
                return None
            means = Means(host="here", run_id=f"recovery-{self.runs}", named=frozenset((wishes or Wishes()).prepared))
            return rescue(outer, self.journals, found, scene(outer, **seen), means)
        finally:
            database.close()  # what the kernel does for a killed process, too
