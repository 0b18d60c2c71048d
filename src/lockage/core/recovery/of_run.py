"""The way out of a run that is part-way: back or forward, decided by the schema (``lockage.recovery/1``).

Not for doing (``flows.recover``). The surprising thing: what the user would like has no say. A schema that has moved goes
forward only, because no old release starts on it, and one that has not moved goes back without loss.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from lockage.core.facts import LedgerReading, LedgerState, Probe, Workload
from lockage.core.plan.steps import GuardMigration, Hop, Plan
from lockage.core.release.profile import Profile
from lockage.core.release.route import last_migration
from lockage.core.run import Notes
from lockage.errors import HaltedError, RefusedError


class Direction(StrEnum):
    """Where a recovery leads."""

    NONE = "none"  # nothing of a run stands on the object
    BACK = "back"  # to the release that fits the schema as it still is
    FORWARD = "forward"  # the hop that has begun is finished: the schema has moved


class RecoveryStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a recovery, for people and programs."""

    action: str  # "take-down", "clear-sessions", "put-back", "verify", "restore", "go-on"
    target: str
    reason: str
    undo: str
    destructive: bool = False  # whether something ends that would not have ended by itself


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How a deployment gets out of a run (``lockage.recovery/1``)."""

    schema: Literal["lockage.recovery/1"] = "lockage.recovery/1"
    deployment: str
    direction: Direction
    because: str  # one sentence
    ledger: int | None = None  # its version, which decided
    release: str | None = None  # that runs in the end
    replicas: int | None = None
    liveness: Probe | None = None
    steps: tuple[RecoveryStep, ...] = ()


def recovery(deployment: str, *, workload: Workload, notes: Notes, ledger: LedgerReading, profile: Profile) -> Recovery:
    """The way out, from what stands on the object and in the ledger.

    Raises ``RefusedError`` while the ledger cannot tell: being migrated (LK570), or not to be read (LK571);
    ``HaltedError`` (LK572) when it fits neither end of the hop.
    """
    if notes.run is None:
        return Recovery(deployment=deployment, direction=Direction.NONE, because="no run stands on the object")
    plan, hop = notes.run.plan, notes.run.plan.hops[notes.run.hop]
    version = _version(ledger, deployment)
    before, behind = ledger_ends(hop, profile)
    if before is None and notes.run.hop == 0 and plan.facts is not None:
        before = plan.facts.ledger_version
    if version == before and not _arrived(workload, hop, version):
        return _back(deployment, workload, hop, notes, version)
    # Where the target ends is not always known: a clean ledger beyond the old release's is then all there is to go by.
    moved = behind is None and version is not None and before is not None and version > before
    if version == behind or moved:
        return _forward(deployment, plan, hop, version)
    raise HaltedError(
        f"{ledger.table} is at {version}, which is neither the schema of {hop.from_release} nor that of {hop.to_release}",
        code="LK572",
        hint=f"lockage survey {deployment}; no release on the way is known to have this schema, so nothing is changed",
    )


def _version(ledger: LedgerReading, deployment: str) -> int | None:
    match ledger.state:
        case LedgerState.MIGRATING:
            raise RefusedError(
                f"backend {ledger.holder_pid} migrates {ledger.table} now: to recover would be to kill it",
                code="LK570",
                hint=f"lockage watch {deployment}; when it has ended: lockage recover {deployment}",
            )
        case LedgerState.READ if not ledger.dirty:
            return ledger.version
        case LedgerState.READ:
            problem = f"migration {ledger.version} is dirty: a part of it was committed"
        case LedgerState.EMPTY:
            problem = "it is empty"
        case _:
            problem = ledger.problem or f"it is {ledger.state}"
    raise RefusedError(
        f"{ledger.table} does not tell which release fits: {problem}",
        code="LK571",
        hint=f"lockage survey {deployment}",
    )


def ledger_ends(hop: Hop, profile: Profile) -> tuple[int | None, int | None]:
    """The ledger of the release that a hop leaves and of the one that it goes to; None where that is not known."""
    guard = next((step for step in hop.steps if isinstance(step, GuardMigration)), None)
    before, behind = last_migration(profile, hop.from_release), last_migration(profile, hop.to_release)
    if guard is None:
        return before, behind
    return (guard.ledger_before if before is None else before), (guard.ledger if behind is None else behind)


def _arrived(workload: Workload, hop: Hop, version: int | None) -> bool:
    """Whether a hop without migrations has been made already: then both ends fit the ledger, and the newer one is there."""
    return hop.forecast.migrations == 0 and version is not None and workload.release == hop.to_release


def _back(deployment: str, workload: Workload, hop: Hop, notes: Notes, version: int | None) -> Recovery:
    assert notes.run is not None
    former = notes.former
    replicas = former.replicas if former else notes.run.plan.replicas
    liveness = former.liveness if former else notes.run.plan.liveness
    steps: list[RecoveryStep] = []
    if workload.release == hop.to_release:
        steps.append(
            RecoveryStep(
                action="take-down",
                target=f"replicas of {hop.to_release}",
                reason="one that starts would migrate the schema under the old release",
                undo=f"lockage upgrade {deployment}",
                destructive=True,
            )
        )
    steps += [
        RecoveryStep(
            action="clear-sessions",
            target="backends of dead clients",
            reason="they keep locks, and may still commit",
            undo="cannot be undone: what a dead client had open rolls back, or has committed by itself",
            destructive=True,
        ),
        RecoveryStep(
            action="put-back",
            target=f"{hop.from_release} with {replicas} replicas",
            reason=f"the ledger is still at {version}, where {hop.from_release} ends",
            undo=f"lockage upgrade {deployment} --to {notes.run.plan.to_release}",
        ),
        RecoveryStep(
            action="restore", target="notes, lease, autoscalers", reason="nothing of the run stays", undo="not needed"
        ),
    ]
    return Recovery(
        deployment=deployment,
        direction=Direction.BACK,
        because=f"the ledger is at {version}: the schema is still that of {hop.from_release}",
        ledger=version,
        release=hop.from_release,
        replicas=replicas,
        liveness=liveness,
        steps=tuple(steps),
    )


def _forward(deployment: str, plan: Plan, hop: Hop, version: int | None) -> Recovery:
    return Recovery(
        deployment=deployment,
        direction=Direction.FORWARD,
        because=f"the ledger is at {version}: the schema is that of {hop.to_release}, where {hop.from_release} does not start",
        ledger=version,
        release=hop.to_release,
        replicas=plan.replicas,
        liveness=plan.liveness,
        steps=(
            RecoveryStep(
                action="go-on",
                target=f"{hop.to_release} with {plan.replicas} replicas",
                reason="forward is the only way that loses nothing; later hops are not begun",
                undo="a restore point, with all that was written since lost",
            ),
        ),
    )
