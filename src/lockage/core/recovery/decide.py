"""The way out of whatever a diagnosis has found, by the least force that serves (``lockage.recovery/1``).

Not for looking (``flows.collect``) nor for doing (``flows.rescue``). The surprising thing: findings say *why*, but the schema
says *where to*. A cause that a new start cannot cure leads back where the schema still allows it, and to a person's hands
elsewhere; and where a minute more would end it, the answer is to wait.

Codes: LK583 nobody knows which release fits · LK586 a release that was asked for does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from lockage.core.diagnosis.findings import Diagnosis, Finding
from lockage.core.facts import LedgerState
from lockage.core.plan.budget import kill_budget_s, probe_that_fits
from lockage.core.plan.wording import counted, probe_in_words
from lockage.core.recovery.moves import (
    by_hand,
    ledger_step,
    left_over_steps,
    session_steps,
    wait_for,
    workload_steps,
)
from lockage.core.recovery.scene import Scene, Wishes
from lockage.core.recovery.steps import Course, Direction, Recovery, RecoveryStep
from lockage.core.release.chart_values import settable_fields
from lockage.core.release.fits import Fit
from lockage.errors import RefusedError, UsageError
from lockage.settings import ProbeBudget

PROBES = frozenset({"F001", "F002", "F005"})
"""A probe, or a grace period, ends the replica that migrates: it will end the next one too."""

INCURABLE = frozenset(
    {"F003", "F006", "F010", "F012", "F071", "F072", "F075", "F076", "F080", "F083", "F084", "F085", "F066", "F064", "F068"}
    | {f"F{number:03}" for number in range(13, 34)}
    | {"F034", "F035", "F036"}
)
"""Causes that stay behind a new start: image, configuration, privileges, memory, room, the migration itself."""

MENDED_BESIDE = frozenset({"F070", "F078"})
"""Causes that steps beside the replicas end: an invalid index, notes and pins of ours."""

HUNG = frozenset({"F056", "F057"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Where the replicas go, and how."""

    course: Course
    direction: Direction
    because: str
    release: str
    ends_at: int | None = None
    warnings: tuple[str, ...] = ()
    hands: tuple[RecoveryStep, ...] = ()


def recovery_from(diagnosis: Diagnosis, scene: Scene, wishes: Wishes, *, budget: ProbeBudget) -> Recovery:
    """The recovery, its steps in the order of least force.

    Raises ``RefusedError`` (LK583) where the schema fits no release that is known, ``UsageError`` (LK586) for a release that
    does not fit it.
    """
    root = _root(diagnosis)
    way = _way(diagnosis, scene, wishes, root)
    count, assumed = scene.replicas_wanted(wishes)
    migrating = None
    if way.course is Course.RESTART:
        allowed = kill_budget_s(
            forecast_high_s=None, asked_s=wishes.probe_budget_s, unknown_s=scene.profile.max_kill_budget_s, settings=budget
        )
        settable = settable_fields(scene.profile.helm, way.release)
        migrating = probe_that_fits(scene.liveness, allowed, settable=settable)
    found = Recovery(
        deployment=scene.deployment,
        direction=way.direction,
        because=way.because,
        ledger=scene.version,
        release=way.release,
        replicas=count,
        liveness=scene.liveness,
        code=root.code if root is not None else None,
        course=way.course,
        migrating_liveness=migrating,
        ends_at=way.ends_at,
        warnings=(*way.warnings, *((assumed,) if assumed and way.course is not Course.NOTHING else ())),
        vendor=f"{scene.profile.vendor.name}, {scene.profile.vendor.contact}".strip(", "),
        dirty=scene.dirty,
    )
    stuck = any(f.code == "F077" for f in diagnosis.findings)
    return replace(found, steps=(*_steps(scene, wishes, found, stuck=stuck), *way.hands))


def _steps(scene: Scene, wishes: Wishes, found: Recovery, *, stuck: bool) -> tuple[RecoveryStep, ...]:
    steps = (
        *session_steps(scene, wishes, restarts=found.course is Course.RESTART),
        *ledger_step(scene, wishes),
        *_of_the_workload(scene, found),
        *left_over_steps(scene, found, stuck=stuck),
    )
    if not steps and scene.migrator is not None:
        return (wait_for(scene),)
    return steps


def _of_the_workload(scene: Scene, found: Recovery) -> tuple[RecoveryStep, ...]:
    if scene.owners and found.course in (Course.ROLL, Course.RESTART, Course.SCALE):
        who = ", ".join(owner.object for owner in scene.owners)
        first = (
            f" first with 1 replica and {probe_in_words(found.migrating_liveness)}, then" if found.migrating_liveness else ""
        )
        wanted = f"{found.release},{first} with {counted(found.replicas or 1, 'replica')}"
        return (by_hand(f"let {who} ask for {wanted}", "what it owns it would put back", command=None),)
    return workload_steps(scene, found)


def _root(diagnosis: Diagnosis) -> Finding | None:
    """The first cause that follows from no other."""
    return next((f for f in diagnosis.findings if not f.harmless and f.because is None), None)


# --- where to ---------------------------------------------------------------------------------------------------------


def _way(diagnosis: Diagnosis, scene: Scene, wishes: Wishes, root: Finding | None) -> _Way:  # noqa: PLR0911 - one a rule
    release = scene.workload.release
    migrator = scene.migrator
    codes = {f.code for f in diagnosis.findings if not f.harmless}
    recurs = root is not None and root.code in INCURABLE and not (root.code == "F010" and scene.was_killed(release))
    if migrator is not None and root is not None and root.code in HUNG:
        return _hung(scene, wishes, root)
    behind_the_dead = scene.waiting is not None and bool(scene.orphans) and not recurs
    if (migrator is not None or scene.blockers or behind_the_dead) and not (codes & PROBES):
        return _under_way(diagnosis, scene, release)
    version = _version_behind_it(scene)
    if scene.dirty is None and scene.ledger.dirty and scene.ledger.state is LedgerState.READ:
        because = f"migration {scene.ledger.version} is dirty, and its file is not known here"
        command = f"lockage recover {scene.deployment} --migrations DIR"
        hands = (by_hand("name the files of the release that failed", because, command=command),)
        return _Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release, hands=hands)
    if "F069" in codes and (scene.lost is None or scene.lost.version is None):
        return _at_no_migration(scene)
    if wishes.to_release is not None:
        return _as_asked(scene, wishes.to_release, version)
    if scene.ledger.foreign:
        return _without_a_ledger(scene, root)
    fit = scene.fit(release, version)
    if fit is Fit.LACKS or (fit is Fit.UNKNOWN and "F061" in codes):
        return _to_what_fits(scene, version)
    if root is not None and recurs:
        return _around(scene, root, fit, version)
    if fit is Fit.ENDS or (fit is Fit.UNKNOWN and scene.serving(release) and version is not None):
        return _at_its_end(scene, version, codes)
    return _forward(scene, version, codes)


def _version_behind_it(scene: Scene) -> int | None:
    """Where the ledger will be when it is mended; None where it cannot be read now."""
    if scene.dirty is not None:
        way = scene.dirty.way(scene.dirty.advised) if scene.dirty.advised else None
        return way.leaves if way else None
    return scene.version if scene.lost is None else scene.lost.version


def _at_no_migration(scene: Scene) -> _Way:
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
    return _Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release, hands=hands)


def _under_way(diagnosis: Diagnosis, scene: Scene, release: str) -> _Way:
    session = scene.migrator or scene.waiting
    assert session is not None
    pid = session.session.pid
    last = scene.known(release)
    if scene.blockers or scene.orphans:
        because = f"backend {pid} migrates, and waits for somebody: it goes on once they are out of the way"
        return _Way(
            course=Course.AWAIT,
            direction=Direction.FORWARD,
            because=because,
            release=release,
            ends_at=last.last if last else None,
        )
    text = diagnosis.migrating.text if diagnosis.migrating else f"backend {pid} migrates"
    return _Way(
        course=Course.NOTHING,
        direction=Direction.NONE,
        because=f"{text}: it is not stuck, and whatever ends it loses what it has done",
        release=release,
    )


def _as_asked(scene: Scene, asked: str, version: int | None) -> _Way:
    fit = scene.fit(asked, version)
    if fit is Fit.LACKS:
        raise UsageError(
            f"{asked} does not have migration {version}, where the schema is: it would not start, and must not",
            code="LK586",
            hint=f"lockage releases {scene.deployment} --fits",
        )
    known = scene.known(asked)
    ends_at = known.last if known else None
    back = fit is Fit.ENDS and asked != scene.workload.release
    course = Course.ROLL if fit is Fit.ENDS and scene.serving(asked) else Course.RESTART
    return _Way(
        course=course,
        direction=Direction.BACK if back else Direction.FORWARD,
        because=f"{asked} was asked for, and {_fits(fit, version)}",
        release=asked,
        ends_at=ends_at,
    )


def _fits(fit: Fit, version: int | None) -> str:
    match fit:
        case Fit.ENDS:
            return f"ends at migration {version}, where the schema is"
        case Fit.CONTAINS:
            return f"migrates on from {version}, where the schema is"
        case _:
            return "nobody knows here whether it fits the schema"


def _to_what_fits(scene: Scene, version: int | None) -> _Way:
    """A wrong image over a moved schema."""
    release = scene.workload.release
    candidates = scene.ends(version) if version is not None else ()
    if not candidates:
        raise RefusedError(
            f"the schema is at migration {version}, which {release} does not have, and no release known here ends there",
            code="LK583",
            hint=f"lockage releases {scene.deployment} --fits --git CHECKOUT, then the same command again",
        )
    chosen, others = candidates[0], candidates[1:]
    warnings = ()
    if chosen not in scene.shown:
        more = f" (so do {', '.join(others[:3])})" if others else ""
        warnings = (
            f"no replica or revision here shows which release moved the schema; {chosen} ends there{more}: --to RELEASE",
        )
    return _Way(
        course=Course.ROLL if scene.serving(chosen) else Course.RESTART,
        direction=Direction.FORWARD,
        because=f"the schema is at migration {version}: {release} lacks it, and {chosen} ends there",
        release=chosen,
        ends_at=version,
        warnings=warnings,
    )


def _around(scene: Scene, root: Finding, fit: Fit, version: int | None) -> _Way:
    """A new start would meet the same cause: back where the schema still allows it, else a person must end the cause."""
    release = scene.workload.release
    hand = _end_it(scene, root)
    candidates = [r for r in scene.ends(version) if r != release] if version is not None and fit is not Fit.ENDS else []
    if candidates and candidates[0] in scene.shown:
        back = candidates[0]
        return _Way(
            course=Course.ROLL if scene.serving(back) else Course.RESTART,
            direction=Direction.BACK,
            because=f"{release} cannot come up ({root.code}), and the schema at {version} is still that of {back}",
            release=back,
            ends_at=version,
            hands=(hand,),
        )
    return _Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release, hands=(hand,))


def _end_it(scene: Scene, root: Finding) -> RecoveryStep:
    """That a person ends a cause; a finding that itself advises to recover has nothing else to type."""
    again = f"lockage recover {scene.deployment}"
    command = f"lockage explain {root.code}, and when it is mended: {again}" if "lockage recover" in root.next else root.next
    return by_hand(root.cause, f"{root.code}: a new start would meet it again", command=command)


def _hung(scene: Scene, wishes: Wishes, root: Finding) -> _Way:
    """A live client holds a migration and does nothing with it, as far as is seen: restarting it loses what it has done."""
    release = scene.workload.release
    if wishes.restart_hung:
        known = scene.known(release)
        return _Way(
            course=Course.RESTART,
            direction=Direction.FORWARD,
            because=f"{root.cause}; a restart was asked for",
            release=release,
            ends_at=known.last if known else None,
            warnings=("what the hung migration has done rolls back, and is done again",),
        )
    reason = "it may still compute, and ended it loses what it has done: only the replica's own log or stack tells"
    command = f"{root.next}; if it does nothing: lockage recover {scene.deployment} --restart-hung"
    hands = (by_hand(root.cause, reason, command=command),)
    return _Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release, hands=hands)


def _without_a_ledger(scene: Scene, root: Finding | None) -> _Way:
    """The ledger is in no format that is read here: no release can be chosen, and nobody could tell when one has migrated."""
    release, table = scene.workload.release, scene.ledger.table
    if scene.whole and root is None:
        because = f"all replicas of {release} serve"
        return _Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release)
    if scene.workload.replicas == 0:
        because = f"no replica of {release} is asked for; {table} is not read here"
        return _Way(course=Course.SCALE, direction=Direction.FORWARD, because=because, release=release)
    if root is None:
        because = f"not all replicas of {release} serve, and {table} is not read here: {scene.ledger.problem}"
        hands = (by_hand("find out what they wait for", because, command=f"lockage diagnose {scene.deployment}"),)
        return _Way(course=Course.NOTHING, direction=Direction.NONE, because=because, release=release, hands=hands)
    if scene.whole and root.code in MENDED_BESIDE:
        return _Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release)
    hands = (_end_it(scene, root),)
    return _Way(course=Course.NOTHING, direction=Direction.NONE, because=root.cause, release=release, hands=hands)


def _at_its_end(scene: Scene, version: int | None, codes: set[str]) -> _Way:
    """The right release over its own schema."""
    release, workload = scene.workload.release, scene.workload
    where = f"{release} ends at migration {version}, where the schema is"
    if workload.replicas == 0:
        return _Way(
            course=Course.SCALE, direction=Direction.FORWARD, because=f"{where}, and no replica is asked for", release=release,
            ends_at=version,
        )  # fmt: skip
    if scene.whole:
        return _Way(
            course=Course.NOTHING, direction=Direction.NONE, because=f"{where}, and all replicas serve", release=release,
            ends_at=version,
        )  # fmt: skip
    hung = bool(codes & HUNG) and not scene.serving(release)
    said = "no replica of it serves" if not scene.serving(release) else "not all replicas of it serve"
    return _Way(
        course=Course.RESTART if hung else Course.ROLL,
        direction=Direction.FORWARD,
        because=f"{where}, and {said}",
        release=release,
        ends_at=version,
    )


def _forward(scene: Scene, version: int | None, codes: set[str]) -> _Way:
    """The release that is asked for has migrations before it, and nobody is applying them."""
    release = scene.workload.release
    known = scene.known(release)
    if version is None:
        at = (
            "the ledger can be read only when a dead client's backend is gone" if scene.orphans else "the ledger cannot be read"
        )
        because = f"{at}; {release} is what was asked for"
    else:
        because = f"the schema is at migration {version}, and {release} migrates on from there"
    if codes & PROBES:
        because += ", but its liveness probe kills it before it is done"
    return _Way(
        course=Course.RESTART,
        direction=Direction.FORWARD,
        because=because,
        release=release,
        ends_at=known.last if known else None,
    )
