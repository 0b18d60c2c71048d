"""The steps of a plan, and the plan: data that a person can read, approve and keep (``lockage.plan/1``).

Not for deciding (``planner``) nor for doing (``flows.carry_out``). The surprising thing: a step says what shall be true,
not what to call; carrying it out is look, do if needed, look again, so each can be begun any number of times.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from lockage.core.facts import Probe, UpdateKind
from lockage.core.forecast.assess import Blocks, Seconds


class Strategy(StrEnum):
    """How a hop replaces replicas, from gentlest to hardest."""

    ROLLING = "rolling"
    SCALE_TO_ONE = "scale-to-one"
    SCALE_TO_ZERO = "scale-to-zero"

    @property
    def hardness(self) -> int:
        """Its place from gentlest (0) to hardest."""
        return list(Strategy).index(self)


class OnBlocker(StrEnum):
    """What is done with other people's sessions that stand in the way."""

    WAIT = "wait"
    CANCEL = "cancel"  # its statement, once; then it is waited for
    TERMINATE = "terminate"
    STOP = "stop"  # the run is stopped at once: refused before the outage, halted in it

    @property
    def signals(self) -> bool:
        """Whether anything is sent to those sessions."""
        return self in (OnBlocker.CANCEL, OnBlocker.TERMINATE)


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True):
    """What every step has: how it is undone (or why it cannot be), and how long it should take."""

    undo: str
    expected_s: float
    limit_s: float


class CheckFacts(Step, frozen=True, kw_only=True, tag="check-facts"):
    """The facts the plan stands on still hold."""


class AdvisoryCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One read-only question of an advisory, and the answer with which the run may go on."""

    code: str  # of the advisory
    sql: str  # giving one boolean
    expected: bool
    text: str  # what is not so when the answer is another one


class CheckAdvisories(Step, frozen=True, kw_only=True, tag="check-advisories"):
    """What the advisories of the jump ask for has been done, and what they forbid does not concern this deployment."""

    conditions: tuple[AdvisoryCondition, ...]


class Prepare(Step, frozen=True, kw_only=True, tag="prepare"):
    """The rollout would be accepted, and its replicas could start: image, rights, quota and room are there."""

    release: str
    replicas: int
    liveness: Probe | None


class BackUp(Step, frozen=True, kw_only=True, tag="back-up"):
    """A restore point is named, or its absence is accepted in writing."""


class SettleForeignSessions(Step, frozen=True, kw_only=True, tag="settle-foreign-sessions"):
    """No session of other people holds a lock, or a transaction, that the migration would wait for."""

    relations: tuple[str, ...]  # that the script locks so that readers or writers conflict


class NoteFormerState(Step, frozen=True, kw_only=True, tag="note-former-state"):
    """What we shall change stands on the object itself as it was."""


class PinContenders(Step, frozen=True, kw_only=True, tag="pin-contenders"):
    """Every autoscaler keeps exactly this number of replicas; raising the replicas raises it too."""

    replicas: int
    autoscalers: tuple[str, ...]


class HandOver(Step, frozen=True, kw_only=True, tag="hand-over"):
    """The owners of the workload ask for this, by a change of their own; Lockage changes nothing."""

    owners: tuple[str, ...]
    release: str
    replicas: int
    liveness: Probe | None
    complete: bool  # and every replica is so, none else being left


class ScaleDown(Step, frozen=True, kw_only=True, tag="scale-down"):
    """Only so many old replicas are left, and the others' processes have ended."""

    replicas: int  # 0 or 1


class ClearSessions(Step, frozen=True, kw_only=True, tag="clear-sessions"):
    """No backend of a dead client holds a lock, and no old replica's session stands in the way."""


class RollOut(Step, frozen=True, kw_only=True, tag="roll-out"):
    """The target release is asked for with this number of replicas and this liveness probe."""

    release: str
    replicas: int
    liveness: Probe | None


class GuardMigration(Step, frozen=True, kw_only=True, tag="guard-migration"):
    """The ledger is at the target's last migration, and a replica of the target is ready."""

    ledger: int | None  # None: where the target ends is not known; then it must not be below ``ledger_before``
    ledger_before: int | None = None  # where it is before the migration; None: not known
    late_after_s: float | None  # the forecast's high end; None: unknown


class Verify(Step, frozen=True, kw_only=True, tag="verify"):
    """Version by every source, ledger, health and service are those of the target."""

    release: str
    ledger: int | None  # None, and the other one: as ``GuardMigration`` has them
    ledger_before: int | None = None


class RaiseReplicas(Step, frozen=True, kw_only=True, tag="raise-replicas"):
    """All replicas run the target with the liveness probe they had, and no old one is left."""

    release: str
    replicas: int
    liveness: Probe | None


class LeaveWhen(Step, frozen=True, kw_only=True, tag="leave-when"):
    """The condition under which this hop is left holds."""

    condition: str  # SQL giving one boolean
    text: str


class Restore(Step, frozen=True, kw_only=True, tag="restore"):
    """Nothing of ours is left on the object, and the deployment has stayed healthy for a while."""


AnyStep = (
    CheckFacts
    | CheckAdvisories
    | Prepare
    | BackUp
    | SettleForeignSessions
    | NoteFormerState
    | PinContenders
    | HandOver
    | ScaleDown
    | ClearSessions
    | RollOut
    | GuardMigration
    | Verify
    | RaiseReplicas
    | LeaveWhen
    | Restore
)


class HopForecast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a forecast that a plan keeps."""

    migrations: int | None  # None: nobody knows which there are
    total_s: Seconds
    worst: Blocks
    blocked: tuple[str, ...]  # relations whose readers or writers are blocked
    broken: int  # statements of the running release that fail after it
    statements_checked: int
    unknown: int


class StrategyVerdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One strategy considered for a hop."""

    strategy: Strategy
    possible: bool
    unavailable_s: Seconds
    reasons: tuple[str, ...]


class Hop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One hop of the route."""

    from_release: str
    to_release: str
    strategy: Strategy
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]  # what would change the choice
    considered: tuple[StrategyVerdict, ...]
    forecast: HopForecast
    kill_budget_s: float  # that the migrating replica gets
    steps: tuple[AnyStep, ...]
    advisory: str | None = None  # code of the advisory that put it here
    provisional: bool = False  # a later hop: it will be planned anew on arrival


class Tolerances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far numbers may move before an approved plan no longer holds."""

    forecast_factor: float = 2.0  # of a hop's likely seconds
    forecast_slack_s: float = 5.0


class PlanFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The discrete facts that a plan stands on: any other value of any of them, and the plan no longer holds."""

    release: str
    image: str
    replicas: int
    liveness: Probe | None
    readiness: Probe | None
    update: UpdateKind
    max_surge: int
    max_unavailable: int
    owners: tuple[str, ...]
    ledger_version: int | None  # None: it could not be read because a migrator holds its lock
    ledger_dirty: bool
    database: str
    database_major: int


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one deployment gets from its release to the target."""

    schema: Literal["lockage.plan/1"] = "lockage.plan/1"
    deployment: str
    created_at: datetime
    from_release: str
    to_release: str
    replicas: int
    liveness: Probe | None
    migrations: int | None  # over all hops; None: not known of one of them
    minors: int  # minor releases crossed
    hops: tuple[Hop, ...]
    warnings: tuple[str, ...]
    on_blocker: OnBlocker
    strategy_asked: Strategy | None = None  # by the user, for every hop; None: Lockage chooses
    probe_budget_asked_s: float | None = None  # by the user; None: by the forecast
    tolerances: Tolerances
    facts: PlanFacts | None = None  # None: only their digest is known
    facts_digest: str  # over ``facts``
    content_digest: str = ""  # over the whole file, this field empty

    @property
    def route(self) -> tuple[str, ...]:
        """Releases in order, without the running one, the target last."""
        return tuple(hop.to_release for hop in self.hops)
