"""Change the object: note how it was, roll out a release, raise the replicas, put everything back.

Not for the database. The surprising thing: "is it already so" is decided by the workload alone, never by the journal, so a
second process that begins here at any moment does only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from statistics import median

from lockage.core.facts import Replica, ReplicaPhase, Workload
from lockage.core.plan.contending import autoscalers
from lockage.core.plan.steps import RaiseReplicas, RollOut
from lockage.core.run import FORMER_NOTE, RUN_NOTE, WAIVER_NOTE, FormerNote, RunNote, WaiverNote, read_notes, write_note
from lockage.errors import HaltedError, LockageError, RefusedError
from lockage.flows.waiting import wait_until
from lockage.flows.world import World
from lockage.ports import Rollout

NOTES = (RUN_NOTE, FORMER_NOTE, WAIVER_NOTE)
"""Every annotation of ours."""


def note_former_state(world: World, run: RunNote, waiver: WaiverNote) -> None:
    """The object says which run has begun which hop, how it was before, and which restore point there is.

    How it was is written once a run: a later hop, or a second attempt, must not take our own state for the former one.
    """

    def missing(workload: Workload) -> dict[str, str | None]:
        notes = read_notes(workload)
        changes: dict[str, str | None] = {}
        if notes.run != run:
            changes[RUN_NOTE] = write_note(run)
        if notes.former is None:
            former = FormerNote(
                release=workload.release,
                replicas=workload.replicas,
                liveness=workload.liveness,
                autoscalers=autoscalers(world.platform.contenders()),
            )
            changes[FORMER_NOTE] = write_note(former)
        if notes.waiver is None:
            changes[WAIVER_NOTE] = write_note(waiver)
        return changes

    _annotate(world, missing)


def _annotate(world: World, changes_of: Callable[[Workload], dict[str, str | None]]) -> None:
    """Write what is missing on the object as it is now; looked at anew for as long as somebody else writes in between.

    Every status that a controller writes makes a look stale, so being refused once means nothing. Raises ``RefusedError``
    (LK310) when it does not succeed within the limit of a look.
    """
    until = world.clock.monotonic() + world.settings.limits.look_s
    while True:
        workload = world.platform.workload()
        changes = changes_of(workload)
        if not changes:
            return
        try:
            world.platform.annotate(changes, expected=workload.resource_version)
        except RefusedError as error:
            if error.code != "LK310" or world.clock.monotonic() >= until:
                raise
            world.clock.sleep(world.settings.watching.poll_s)
        else:
            return


def roll_out(world: World, step: RollOut) -> datetime | None:
    """The target release is asked for; gives when we asked, or None when it had been asked for before."""
    workload = world.platform.workload()
    if workload.release == step.release and workload.replicas > 0:  # none: a recovery took them down, and goes forward now
        return None
    asked_at = world.clock.now()
    world.platform.roll_out(Rollout(release=step.release, replicas=step.replicas, liveness=step.liveness))
    return asked_at


def first_start(world: World, release: str, *, between: Callable[[], None]) -> datetime:
    """When the first process of the release began, waited for. Raises ``HaltedError`` (LK344) when none runs in time."""
    limit_s = world.settings.limits.start_s

    def runs() -> datetime | None:
        started = [r.started_at for r in world.platform.replicas() if r.release == release and r.started_at]
        return min(started, default=None)

    return wait_until(
        runs,
        clock=world.clock,
        limit_s=lambda: limit_s,
        pause_s=world.settings.watching.poll_s,
        too_late=lambda waited: HaltedError(
            f"no process of {release} runs {waited:.0f} s after it was asked for; limit {limit_s:.0f} s",
            code="LK344",
            hint=f"lockage survey {world.deployment}",
        ),
        between=between,
    )


def raise_replicas(world: World, step: RaiseReplicas, *, between: Callable[[], None]) -> None:
    """All replicas run the target with their former probe, are ready, and nothing else is left, terminating or not.

    Raises ``HaltedError`` (LK341) saying what is missing.
    """
    workload = world.platform.workload()
    wanted = (step.release, step.replicas, step.liveness)
    if (workload.release, workload.replicas, workload.liveness) != wanted:
        world.platform.roll_out(Rollout(release=step.release, replicas=step.replicas, liveness=step.liveness))

    def all_there() -> bool | None:
        replicas = world.platform.replicas()
        ready = sum(1 for r in replicas if r.ready and r.release == step.release)
        world.glimpse(f"{ready} of {step.replicas} replicas of {step.release} are ready; {len(replicas)} there are in all")
        return True if complete(world.platform.workload(), replicas) else None

    def too_late(waited: float) -> LockageError:
        replicas = world.platform.replicas()
        ready = sum(1 for r in replicas if r.ready and r.release == step.release)
        return HaltedError(
            f"{ready} of {step.replicas} replicas of {step.release} are ready after {waited:.0f} s; limit {step.limit_s:.0f} s",
            code="LK341",
            hint=f"lockage survey {world.deployment}; then: lockage upgrade {world.deployment}",
        )

    wait_until(
        all_there,
        clock=world.clock,
        limit_s=lambda: step.limit_s,
        pause_s=world.settings.watching.poll_s,
        too_late=too_late,
        between=between,
    )


def complete(workload: Workload, replicas: tuple[Replica, ...]) -> bool:
    """Whether every replica that is asked for is ready and of the newest revision, and no other is left."""
    current = [r for r in replicas if r.revision == workload.revision and r.phase is not ReplicaPhase.TERMINATING]
    return len(replicas) == len(current) == workload.replicas and all(r.ready for r in current)


def boot_seconds(replicas: tuple[Replica, ...], release: str, *, first: str | None) -> float | None:
    """Seconds from process start to ready with nothing to migrate: the median of the replicas after the first."""
    further = [
        (r.ready_at - r.started_at).total_seconds()
        for r in replicas
        if r.release == release and r.name != first and r.ready_at and r.started_at and r.restarts == 0
    ]
    return median(further) if further else None


def restore(world: World) -> None:
    """Nothing of ours is left on the object."""
    _annotate(world, lambda workload: {key: None for key in NOTES if key in workload.annotations})
