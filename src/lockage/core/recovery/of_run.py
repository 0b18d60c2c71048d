"""The way out of a run that is part-way: back or forward, decided by the schema (``lockage.recovery/1``).

Not for doing (``flows.recover``). The surprising thing: what the user would like has no say. A schema that has moved goes
forward only, because no old release starts on it, and one that has not moved goes back without loss.
"""

from __future__ import annotations

import msgspec

from lockage.core.facts import LedgerReading, LedgerState, Workload
from lockage.core.plan.steps import GuardMigration, Hop, Plan
from lockage.core.recovery.hop import recovers
from lockage.core.recovery.steps import Direction, Recovery, RecoveryStep
from lockage.core.release.profile import Profile
from lockage.core.release.route import last_migration
from lockage.core.run import Notes
from lockage.errors import HaltedError, RefusedError


def recovery(deployment: str, *, workload: Workload, notes: Notes, ledger: LedgerReading, profile: Profile) -> Recovery:
    """The way out, from what stands on the object and in the ledger.

    Raises ``RefusedError`` while the ledger cannot tell: being migrated (LK570), or not to be read (LK571);
    ``HaltedError`` (LK572) when it fits neither end of the hop.
    """
    if notes.run is None:
        return Recovery(deployment=deployment, direction=Direction.NONE, because="no run stands on the object")
    plan, hop = notes.run.plan, notes.run.plan.hops[notes.run.hop]
    if recovers(hop) and ledger.state is LedgerState.MIGRATING:
        return _go_on(deployment, plan, hop, None)  # whoever migrates was started by it, or is about to be taken down by it
    version = _version(ledger, deployment)
    if recovers(hop):
        return _go_on(deployment, plan, hop, version)
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
    if guard is not None and recovers(hop):  # the image that it comes from may be a wrong one
        return guard.ledger_before, guard.ledger
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
    reason = f"the ledger is still at {version}, where {hop.from_release} ends"
    steps = (
        *((_taken_down(deployment, hop),) if workload.release == hop.to_release else ()),
        _CLEARED,
        RecoveryStep(
            action="put-back",
            target=f"{hop.from_release} with {replicas} replicas",
            reason=reason,
            undo=f"lockage upgrade {deployment} --to {notes.run.plan.to_release}",
        ),
        _RESTORED,
    )
    return Recovery(
        deployment=deployment,
        direction=Direction.BACK,
        because=f"the ledger is at {version}: the schema is still that of {hop.from_release}",
        ledger=version,
        release=hop.from_release,
        replicas=replicas,
        liveness=liveness,
        steps=steps,
    )


def _taken_down(deployment: str, hop: Hop) -> RecoveryStep:
    return RecoveryStep(
        action="take-down",
        target=f"replicas of {hop.to_release}",
        reason="one that starts would migrate the schema under the old release",
        undo=f"lockage upgrade {deployment}",
        destructive=True,
    )


_CLEARED = RecoveryStep(
    action="clear-sessions",
    target="backends of dead clients",
    reason="they keep locks, and may still commit",
    undo="cannot be undone: what a dead client had open rolls back, or has committed by itself",
    destructive=True,
)

_RESTORED = RecoveryStep(
    action="restore", target="notes, lease, autoscalers", reason="nothing of the run stays", undo="not needed"
)


def _go_on(deployment: str, plan: Plan, hop: Hop, version: int | None) -> Recovery:
    """A recovery that was begun is finished: its release was chosen by the schema, whichever way it leads."""
    begun = _forward(deployment, plan, hop, version)
    at = "is being migrated" if version is None else f"is at {version}"
    because = f"a recovery to {hop.to_release} was begun, and the ledger {at}"
    reason = "the release was chosen by the schema; what is done already is not done again"
    step = msgspec.structs.replace(begun.steps[0], reason=reason)
    return msgspec.structs.replace(begun, because=because, steps=(step,))


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
