"""A diagnosis and a scene of a simulated world, and ``lockage recover`` over it, started as often as it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lockage.core.diagnosis.evidence import DatabaseEvidence, Evidence, PlatformEvidence, PreparedTransaction, Revision
from lockage.core.diagnosis.findings import Diagnosis, Exhibit, Finding
from lockage.core.recovery.decide import recovery_from
from lockage.core.recovery.of_run import Direction
from lockage.core.recovery.scene import Scene, Wishes, scene_of
from lockage.core.recovery.steps import Recovery
from lockage.core.release.fits import joined, table_of
from lockage.core.run import RunReport, read_notes
from lockage.flows.recover import recover, way_out
from lockage.flows.rescue import Means, rescue
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
    )


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
            if read_notes(outer.platform.workload()).run is not None:
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
