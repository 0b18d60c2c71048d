"""The way out of whatever a diagnosis has found, by the least force that serves (``lockage.recovery/1``).

Not for looking (``flows.collect``) nor for doing (``flows.rescue``). The surprising thing: findings say *why*, but the schema
says *where to*. A cause that a new start cannot cure leads back where the schema still allows it, and to a person's hands
elsewhere; and where a minute more would end it, the answer is to wait.

Codes: LK583 nobody knows which release fits · LK586 a release that was asked for does not fit.
"""

from __future__ import annotations

from msgspec.structs import replace

from lockage.core.diagnosis.findings import Diagnosis, Finding
from lockage.core.facts import LedgerState
from lockage.core.plan.budget import kill_budget_s, probe_that_fits
from lockage.core.plan.wording import probe_in_words
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
from lockage.core.recovery.ways import Way, around, at_no_migration, dirty_and_not_known, hung, persons, without_a_ledger
from lockage.core.release.chart_values import settable_fields
from lockage.core.release.fits import Fit
from lockage.core.wording import counted
from lockage.errors import RefusedError, UsageError
from lockage.settings import ProbeBudget

PROBES = frozenset({"F001", "F002", "F005"})
"""A probe, or a grace period, ends the replica that migrates: it will end the next one too."""

INCURABLE = frozenset(
    {
        "F003",
        "F006",
        "F010",
        "F012",
        "F071",
        "F072",
        "F075",
        "F076",
        "F080",
        "F083",
        "F084",
        "F085",
        "F066",
        "F064",
        "F065",
        "F067",
        "F068",
    }
    | {f"F{number:03}" for number in range(13, 34)}
    | {"F034", "F035", "F036", "F037", "F088"}
)
"""Causes that stay behind a new start: image, configuration, privileges, memory, room, the migration itself."""

UNBLOCKED_ELSEWHERE = frozenset({"F052"})
"""What keeps a migration, or whoever is in its way, from its end, and is no session: nobody that is ended would end it."""

HUNG = frozenset({"F056", "F057"})

SILENT = HUNG | {"F004"}
"""A replica that is alive and does not answer; where nothing is left to migrate and none serves, a new start costs nothing."""


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
    steps = (*_steps(scene, wishes, found, stuck=stuck), *way.hands)
    return replace(found, steps=steps or ((wait_for(scene),) if scene.migrator is not None else ()))


def _steps(scene: Scene, wishes: Wishes, found: Recovery, *, stuck: bool) -> tuple[RecoveryStep, ...]:
    return (
        *session_steps(scene, wishes, restarts=found.course is Course.RESTART),
        *ledger_step(scene, wishes),
        *_of_the_workload(scene, found),
        *left_over_steps(scene, found, stuck=stuck),
    )


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


def _way(diagnosis: Diagnosis, scene: Scene, wishes: Wishes, root: Finding | None) -> Way:
    release = scene.workload.release
    codes = {f.code for f in diagnosis.findings if not f.harmless}
    recurs = root is not None and root.code in INCURABLE and not _ends_with_it(root, scene)
    version = _version_behind_it(scene)
    first = _by_who_works(diagnosis, scene, wishes, recurs=recurs) or _by_the_ledger(scene, wishes, root, codes)
    if first is not None:
        return first
    fit = scene.fit(release, version)
    if fit is Fit.LACKS or (fit is Fit.UNKNOWN and "F061" in codes):
        return _to_what_fits(scene, version)
    if root is not None and recurs:
        return around(scene, root, fit, version)
    if fit is Fit.ENDS or (fit is Fit.UNKNOWN and scene.serving(release) and version is not None):
        return _at_its_end(scene, version, codes)
    if root is not None and root.code in HUNG:
        return hung(scene, wishes, root)
    return _forward(scene, version, codes)


def _ends_with_it(root: Finding, scene: Scene) -> bool:
    """Whether a cause that would stay behind a new start goes with this recovery, or does not come again by itself."""
    return (root.code == "F010" and scene.was_killed(scene.workload.release)) or (root.code == "F064" and scene.repairable)


def _by_who_works(diagnosis: Diagnosis, scene: Scene, wishes: Wishes, *, recurs: bool) -> Way | None:
    """Whoever migrates, or waits to, is first of all let go on; None where nobody does, or a probe would end it again."""
    root, migrator = _root(diagnosis), scene.migrator
    if migrator is not None and root is not None and root.code in HUNG:
        return hung(scene, wishes, root)
    if root is not None and root.code in UNBLOCKED_ELSEWHERE:
        return persons(scene, root)
    behind_the_dead = scene.waiting is not None and bool(scene.orphans) and not recurs
    ended_again = any(f.code in PROBES and not f.harmless for f in diagnosis.findings)
    if (migrator is not None or scene.blockers or behind_the_dead) and not ended_again:
        return _under_way(diagnosis, scene, scene.workload.release)
    return None


def _by_the_ledger(scene: Scene, wishes: Wishes, root: Finding | None, codes: set[str]) -> Way | None:
    """A ledger that does not say where the schema is, and a release that was asked for; None where the schema decides."""
    if scene.dirty is None and scene.ledger.dirty and scene.ledger.state is LedgerState.READ:
        return dirty_and_not_known(scene)
    if "F069" in codes and (scene.lost is None or scene.lost.version is None):
        return at_no_migration(scene)
    if wishes.to_release is not None:
        return _as_asked(scene, wishes.to_release, _version_behind_it(scene))
    return without_a_ledger(scene, root) if scene.ledger.foreign else None


def _version_behind_it(scene: Scene) -> int | None:
    """Where the ledger will be when it is mended; None where it cannot be read now."""
    if scene.dirty is not None:
        way = scene.dirty.way(scene.dirty.advised) if scene.dirty.advised else None
        return way.leaves if way else None
    return scene.version if scene.lost is None else scene.lost.version


def _under_way(diagnosis: Diagnosis, scene: Scene, release: str) -> Way:
    session = scene.migrator or scene.waiting
    assert session is not None
    pid = session.session.pid
    last = scene.known(release)
    if scene.blockers or scene.orphans:
        because = f"backend {pid} migrates, and waits for somebody: it goes on once they are out of the way"
        return Way(
            course=Course.AWAIT,
            direction=Direction.FORWARD,
            because=because,
            release=release,
            ends_at=last.last if last else None,
        )
    text = diagnosis.migrating.text if diagnosis.migrating else f"backend {pid} migrates"
    calm = "" if "not stuck" in text else "it is not stuck, and "
    return Way(
        course=Course.NOTHING,
        direction=Direction.NONE,
        because=f"{text}: {calm}whatever ends it loses what it has done",
        release=release,
    )


def _as_asked(scene: Scene, asked: str, version: int | None) -> Way:
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
    return Way(
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


def _to_what_fits(scene: Scene, version: int | None) -> Way:
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
    return Way(
        course=Course.ROLL if scene.serving(chosen) else Course.RESTART,
        direction=Direction.FORWARD,
        because=f"the schema is at migration {version}: {release} lacks it, and {chosen} ends there",
        release=chosen,
        ends_at=version,
        warnings=warnings,
    )


def _at_its_end(scene: Scene, version: int | None, codes: set[str]) -> Way:
    """The right release over its own schema."""
    release, workload = scene.workload.release, scene.workload
    where = f"{release} ends at migration {version}, where the schema is"
    if workload.replicas == 0:
        return Way(
            course=Course.SCALE, direction=Direction.FORWARD, because=f"{where}, and no replica is asked for", release=release,
            ends_at=version,
        )  # fmt: skip
    if scene.whole:
        return Way(
            course=Course.NOTHING, direction=Direction.NONE, because=f"{where}, and all replicas serve", release=release,
            ends_at=version,
        )  # fmt: skip
    silent = bool(codes & SILENT) and not scene.serving(release)
    said = "no replica of it serves" if not scene.serving(release) else "not all replicas of it serve"
    return Way(
        course=Course.RESTART if silent else Course.ROLL,
        direction=Direction.FORWARD,
        because=f"{where}, and {said}",
        release=release,
        ends_at=version,
    )


def _forward(scene: Scene, version: int | None, codes: set[str]) -> Way:
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
    return Way(
        course=Course.RESTART,
        direction=Direction.FORWARD,
        because=because,
        release=release,
        ends_at=known.last if known else None,
    )
