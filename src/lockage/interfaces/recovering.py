"""The way out of whatever is wrong with a deployment, with everything joined: evidence, causes, releases, a failed migration.

Not for asking or showing (``cli.commands.recover``). The surprising thing: the deployment is looked at by the very collector of
``lockage diagnose``, so that what is done rests on the findings that a person can read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace

from lockage.core.catalog.drift import Drift
from lockage.core.diagnosis.findings import Diagnosis
from lockage.core.facts import LedgerState
from lockage.core.recovery.decide import recovery_from
from lockage.core.recovery.dirty import DirtyLedger
from lockage.core.recovery.lost import LostLedger
from lockage.core.recovery.scene import Scene, Wishes, scene_of
from lockage.core.recovery.steps import Recovery
from lockage.core.release.fits import MigrationMark, ReleaseMigrations, ReleaseTable, joined
from lockage.core.run import read_notes
from lockage.errors import LockageError, RefusedError
from lockage.flows.dirty import examine_dirty, is_dirty
from lockage.flows.drift import compare
from lockage.flows.lost_ledger import examine_lost
from lockage.flows.world import World, see
from lockage.interfaces.deployments import Deployment, Located
from lockage.interfaces.diagnosing import collected, diagnosed
from lockage.interfaces.folders import Folders
from lockage.interfaces.releases import known_tables
from lockage.interfaces.wiring import Opened, form_of, migrations_of, shadows_of, undoing_of
from lockage.interfaces.wiring_recovering import restore_points_of
from lockage.ports import Narrate

GIVES_UP = frozenset({"F034", "F035", "F037"})
"""Causes by which a migrator waits for a moment only, and comes again: whoever it waits for shows in that moment only."""

CATCH_S = 6.0
"""How long such a moment is watched for: a few starts of a replica that is not waited with for long yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A deployment's state, why it is so, and the way out."""

    diagnosis: Diagnosis
    scene: Scene
    found: Recovery


def judged(
    located: Located,
    opened: Opened,
    wishes: Wishes,
    *,
    folders: Folders,
    applied: int | None,
    catalog: bool = False,
    limit_s: float,
    say: Callable[[str], None],
    narrate: Narrate,
) -> Judged:
    """The way out of what is wrong now; changes nothing. Raises as the collector, ``scene_of`` and ``recovery_from`` do."""
    world, deployment = opened.world, opened.deployment

    def looked() -> tuple[Diagnosis, Scene, Scene]:
        """The diagnosis, the scene as it was seen, and the same with what the findings need to be known."""
        case = collected(located, limit_s=limit_s, say=say, glimpse=narrate, catalog=catalog)
        diagnosis = diagnosed(case)
        seen = scene_of(
            case.evidence,
            world.profile,
            notes=read_notes(world.platform.workload()),
            releases=known_releases(deployment, world, folders=folders),
            rollable=world.platform.releases(),
            script=world.migrations,
            dirty=_dirty(opened, applied=applied, narrate=narrate),
        )
        # The diagnosis has compared already, in words: only what differed, or was not compared in its time, is looked at again.
        drifted = catalog and case.evidence.database.drift != ()
        codes = {finding.code for finding in diagnosis.findings}
        return diagnosis, seen, _looked_into(opened, seen, codes, catalog=drifted, narrate=narrate)

    diagnosis, seen, scene = looked()
    while scene.whole and not seen.whole:
        say("it came up by itself while it was watched: everything is looked at once more")
        diagnosis, seen, scene = looked()
    found = recovery_from(diagnosis, scene, wishes, budget=world.settings.probe_budget)
    if found.steps:
        found = replace(found, restore_points=restore_points_of(deployment))
    return Judged(diagnosis=diagnosis, scene=scene, found=found)


def _looked_into(opened: Opened, scene: Scene, codes: set[str], *, catalog: bool, narrate: Narrate) -> Scene:
    """The scene with what these findings need to be known beside the evidence."""
    if "F069" in codes:
        scene = dataclasses.replace(scene, lost=_lost(opened, narrate=narrate))
    # Objects alone are no repair of migrations that never ran: what they would have done to rows is not in the catalog.
    if catalog and "F068" not in codes:
        scene = dataclasses.replace(scene, drifts=_drifts(opened, narrate=narrate))
    if codes & GIVES_UP and not scene.blockers:
        scene = _caught_waiting(opened.world, scene)
    return scene


def _caught_waiting(world: World, scene: Scene) -> Scene:
    """The scene of a moment in which the migrator waits, or has come through; the same one where there was none in time."""
    until, before = world.clock.monotonic() + CATCH_S, see(world)
    while world.clock.monotonic() < until:
        now = see(world, before)
        seen = dataclasses.replace(scene, activity=now.activity, owned=now.owned, replicas=now.replicas)
        if seen.blockers or seen.whole:
            return seen
        before = now
        world.clock.sleep(world.settings.watching.poll_s / 4)
    return scene


def known_releases(deployment: Deployment, world: World, *, folders: Folders) -> tuple[ReleaseMigrations, ...]:
    """Releases by the profile, by what was kept of a checkout, and the asked-for one by the folder that the user named."""
    tables = known_tables(world.profile, folders=folders)
    if deployment.migrations is None:
        return joined(tables)
    marks = tuple(MigrationMark(version=m.version, name=m.name) for m in migrations_of(deployment))
    release = world.platform.workload().release
    named = ReleaseMigrations(release=release, last=marks[-1].version, marks=marks, source=str(deployment.migrations))
    return joined((ReleaseTable(releases=(named,)), *tables))


def _drifts(opened: Opened, *, narrate: Narrate) -> tuple[Drift, ...]:
    """Where the schema differs, to somebody's harm, from that of a clean run. Raises as ``compare`` does when it is asked."""
    found = compare(opened.world, shadows_of(opened.deployment), asked=True, narrate=narrate)
    return tuple(drift for drift in found.drifts if drift.harmful)


def _lost(opened: Opened, *, narrate: Narrate) -> LostLedger | None:
    """Which migration the schema is at; None where it cannot be found out here."""
    try:
        return examine_lost(opened.world, shadows_of(opened.deployment), form=form_of(opened.deployment), narrate=narrate)
    except RefusedError:
        return None


def _dirty(opened: Opened, *, applied: int | None, narrate: Narrate) -> DirtyLedger | None:
    """The failed migration judged; None where the ledger is clean, or nothing is known of the file."""
    world, deployment = opened.world, opened.deployment
    reading = world.database.ledger(world.profile)
    if not is_dirty(reading) or reading.version is None:
        if applied is not None and reading.state is not LedgerState.MIGRATING:
            raise RefusedError(f"{reading.table} is not dirty", code="LK581", hint=f"lockage recover {world.deployment}")
        return None
    down: str | None = None
    with suppress(LockageError):  # without its undoing there is still the inverse of what the catalog shows
        down = undoing_of(deployment, reading.version)
    try:
        return examine_dirty(world, shadows_of(deployment), form=form_of(deployment), down=down, told=applied, narrate=narrate)
    except RefusedError as error:
        if error.code != "LK582":
            raise
        return None
