"""A way that a recovery takes, and those of them that end with a person: what cannot, or must not, be done by software.

Not for choosing among them (``decide``). The surprising thing: nearly all of a catalogue of causes leads here, and the way back
to a release that the schema still is stands beside it: users are served again while a person mends the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockage.core.diagnosis.findings import Finding
from lockage.core.recovery.moves import by_hand
from lockage.core.recovery.scene import Scene, Wishes
from lockage.core.recovery.steps import Course, Direction, RecoveryStep
from lockage.core.release.fits import Fit

MENDED_BESIDE = frozenset({"F070", "F078"})
"""Causes that steps beside the replicas end: an invalid index, notes and pins of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where the replicas go, and how."""

    course: Course
    direction: Direction
    because: str
    release: str
    ends_at: int | None = None
    warnings: tuple[str, ...] = ()
    hands: tuple[RecoveryStep, ...] = ()


def around(scene: Scene, root: Finding, fit: Fit, version: int | None) -> Way:
    """A new start would meet the same cause: back where the schema still allows it, else a person must end the cause."""
    release = scene.workload.release
    hand = end_it(scene, root)
    candidates = [r for r in scene.ends(version) if r != release] if version is not None and fit is not Fit.ENDS else []
    if candidates and candidates[0] in scene.shown:
        back = candidates[0]
        return Way(
            course=Course.ROLL if scene.serving(back) else Course.RESTART,
            direction=Direction.BACK,
            because=f"{release} cannot come up ({root.code}), and the schema at {version} is still that of {back}",
            release=back,
            ends_at=version,
            hands=(hand,),
        )
    return persons(scene, root)


def persons(scene: Scene, root: Finding) -> Way:
    """Nothing is done, and a person ends the cause."""
    hands, release = (end_it(scene, root),), scene.workload.release
    return Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release, hands=hands)


def end_it(scene: Scene, root: Finding) -> RecoveryStep:
    """That a person ends a cause; a finding that itself advises to recover has nothing else to type."""
    again = f"lockage recover {scene.deployment}"
    command = f"lockage explain {root.code}, and when it is mended: {again}" if "lockage recover" in root.next else root.next
    return by_hand(root.cause, f"{root.code}: a new start would meet it again", command=command)


def hung(scene: Scene, wishes: Wishes, root: Finding) -> Way:
    """A live client does nothing, as far as is seen; if it computes, restarting it loses what it has done."""
    release = scene.workload.release
    if wishes.restart_hung:
        known = scene.known(release)
        return Way(
            course=Course.RESTART,
            direction=Direction.FORWARD,
            because=f"{root.cause}; a restart was asked for",
            release=release,
            ends_at=known.last if known else None,
            warnings=("what the hung migration has done rolls back, and is done again",) if scene.migrator else (),
        )
    reason = "it may still compute, and ended it loses what it has done: only the replica's own log or stack tells"
    command = f"{root.next}; if it does nothing: lockage recover {scene.deployment} --restart-hung"
    hands = (by_hand(root.cause, reason, command=command),)
    return Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release, hands=hands)


def without_a_ledger(scene: Scene, root: Finding | None) -> Way:
    """The ledger is in no format that is read here: no release can be chosen, and nobody could tell when one has migrated."""
    release, table = scene.workload.release, scene.ledger.table
    if scene.whole and root is None:
        because = f"all replicas of {release} serve"
        return Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release)
    if scene.workload.replicas == 0:
        because = f"no replica of {release} is asked for; {table} is not read here"
        return Way(course=Course.SCALE, direction=Direction.FORWARD, because=because, release=release)
    if root is None:
        because = f"not all replicas of {release} serve, and {table} is not read here: {scene.ledger.problem}"
        hands = (by_hand("find out what they wait for", because, command=f"lockage diagnose {scene.deployment}"),)
        return Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release, hands=hands)
    if scene.whole and root.code in MENDED_BESIDE:
        return Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release)
    return persons(scene, root)


def at_no_migration(scene: Scene) -> Way:
    """The ledger has no rows, and the schema does not say by itself which migration it is at: nothing may start over it."""
    lost, table = scene.lost, scene.ledger.table
    because = f"{table} has no rows, though tables are there: whatever starts would run every migration from the first"
    if lost is None:
        what, command = "name the files of the migrations", f"lockage recover {scene.deployment} --migrations DIR"
    elif lost.fitting:
        what = (
            f"the catalog fits migrations {', '.join(map(str, lost.fitting))}, which differ in rows only: write the right one"
        )
        command = "; ".join(lost.ways[-1][1])
    else:
        seen = f"{lost.looked_at[0]} to {lost.looked_at[-1]}" if lost.looked_at else "any"
        what = f"restore the rows of {table} from a backup: the catalog fits none of the migrations {seen}"
        command = f"lockage explain F069, and then: lockage recover {scene.deployment}"
    hands = (by_hand(what, because, command=command),)
    release = scene.workload.release
    return Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release, hands=hands)


def dirty_and_not_known(scene: Scene) -> Way:
    """A migration is dirty, and nobody knows here what is in its file."""
    because = f"migration {scene.ledger.version} is dirty, and its file is not known here"
    command = f"lockage recover {scene.deployment} --migrations DIR"
    hands = (by_hand("name the files of the release that failed", because, command=command),)
    release = scene.workload.release
    return Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release, hands=hands)
