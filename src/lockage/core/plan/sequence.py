"""The steps of one hop, in order, for each strategy, with undo, expected seconds and limits.

Not for choosing the strategy (``strategy``) nor for doing. The surprising thing: raising the replicas is a second rollout, not
a scaling, because putting the probe back is a change of the revision, and both belong into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from lockage.core.facts import Probe
from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.seconds import added, rounded, times
from lockage.core.forecast.strategies import Timing
from lockage.core.plan.steps import (
    AdvisoryCondition,
    AnyStep,
    BackUp,
    CheckAdvisories,
    CheckFacts,
    ClearSessions,
    GuardMigration,
    HandOver,
    LeaveWhen,
    NoteFormerState,
    OnBlocker,
    PinContenders,
    Prepare,
    RaiseReplicas,
    Restore,
    RollOut,
    ScaleDown,
    SettleForeignSessions,
    Strategy,
    Verify,
)
from lockage.core.release.advisories import Detour
from lockage.settings import Settings

NOTHING_CHANGED = "nothing is changed"
"""The undo of a step that only looks."""


SLOWER = 3.0
"""A step may take so many times what this deployment showed, where the settings' limit is shorter than that: thirty replicas
that boot for half a minute are not late after ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HopOutline:
    """Everything that the steps of one hop are made from."""

    from_release: str
    to_release: str
    strategy: Strategy
    replicas: int
    waves: int  # rounds that a rolling update takes
    grace_s: float
    liveness: Probe | None  # as it is
    migrating_liveness: Probe | None  # as the migrating replica gets it
    kill_budget_s: float
    ledger: int | None  # the target's last migration; None: not known
    ledger_before: int | None  # where it is now; None: not known
    conditions: tuple[AdvisoryCondition, ...]  # that the advisories set
    migration_s: Seconds
    timing: Timing
    blocked: tuple[str, ...]  # relations whose users the script makes wait
    orphans: bool  # the survey saw backends of dead clients
    on_blocker: OnBlocker
    detours: tuple[Detour, ...]  # that made the target a stop
    last: bool  # no hop follows
    autoscalers: tuple[str, ...] = ()  # that are not paused
    owners: tuple[str, ...] = ()  # whose change the upgrade is


def steps_of(hop: HopOutline, settings: Settings) -> tuple[AnyStep, ...]:
    """All steps of the hop, in order."""
    look = (settings.expected.look_s, settings.limits.look_s)
    return (
        CheckFacts(undo=NOTHING_CHANGED, expected_s=look[0], limit_s=look[1]),
        *_advised(hop, look),
        _prepare(hop, settings),
        _settle(hop, settings),
        BackUp(undo=NOTHING_CHANGED, expected_s=0.0, limit_s=look[1]),
        NoteFormerState(undo="remove the lockage.dev annotations", expected_s=look[0], limit_s=look[1]),
        *_pin(hop, settings),
        *_make_room(hop, settings),
        _roll_out(hop, settings),
        _guard(hop, settings),
        _verify(hop, settings),
        _raise(hop, settings),
        *_leave(hop.detours, settings),
        *(_restore(settings) if hop.last else ()),
    )


def _advised(hop: HopOutline, look: tuple[float, float]) -> tuple[AnyStep, ...]:
    if not hop.conditions:
        return ()
    return (CheckAdvisories(conditions=hop.conditions, undo=NOTHING_CHANGED, expected_s=look[0], limit_s=look[1]),)


def _prepare(hop: HopOutline, settings: Settings) -> Prepare:
    return Prepare(
        release=hop.to_release,
        replicas=_first(hop),
        liveness=hop.migrating_liveness,
        undo=NOTHING_CHANGED,
        expected_s=settings.expected.prepare_s,
        limit_s=settings.limits.prepare_s,
    )


def _pin(hop: HopOutline, settings: Settings) -> tuple[AnyStep, ...]:
    if not hop.autoscalers:
        return ()
    # At 0 an autoscaler rests by itself, so 1 is the number that is right before, in and after the migration.
    pin = PinContenders(
        replicas=_first(hop),
        autoscalers=hop.autoscalers,
        undo="put them back as they were noted on the object",
        expected_s=settings.expected.look_s,
        limit_s=settings.limits.look_s,
    )
    return (pin,)


def _first(hop: HopOutline) -> int:
    """Replicas of the target that are asked for first."""
    return hop.replicas if hop.strategy is Strategy.ROLLING else 1


def _settle(hop: HopOutline, settings: Settings) -> SettleForeignSessions:
    ended = "sessions that were ended have rolled back; their clients may try again"
    return SettleForeignSessions(
        relations=hop.blocked,
        undo=ended if hop.on_blocker.signals else NOTHING_CHANGED,
        expected_s=settings.expected.look_s,
        limit_s=settings.limits.foreign_sessions_s,
    )


def _make_room(hop: HopOutline, settings: Settings) -> tuple[AnyStep, ...]:
    clear = ClearSessions(
        undo="cannot be undone: what a dead client had open rolls back, or has committed by itself",
        expected_s=settings.expected.look_s,
        limit_s=settings.limits.sessions_gone_s,
    )
    match hop.strategy:
        case Strategy.ROLLING:
            return (clear,) if hop.orphans else ()
        case Strategy.SCALE_TO_ONE:
            left = 1
        case Strategy.SCALE_TO_ZERO:
            left = 0
        case _:
            assert_never(hop.strategy)
    undo = f"scale back to {hop.replicas}: the schema has not moved yet"
    expected_s = hop.timing.termination.likely
    if hop.owners:
        asked = _hand_over(hop, settings, hop.from_release, left, hop.liveness, undo=undo, expected_s=expected_s, complete=True)
        return (asked, clear)
    limit_s = hop.grace_s + settings.limits.replicas_gone_margin_s
    return (ScaleDown(replicas=left, undo=undo, expected_s=expected_s, limit_s=limit_s), clear)


def _roll_out(hop: HopOutline, settings: Settings) -> RollOut | HandOver:
    undo = f"until the migration has committed: roll out {hop.from_release} with {hop.replicas} again; afterwards not at all"
    expected_s = hop.timing.start.likely
    if hop.owners:
        return _hand_over(hop, settings, hop.to_release, _first(hop), hop.migrating_liveness, undo=undo, expected_s=expected_s)
    return RollOut(
        release=hop.to_release,
        replicas=_first(hop),
        liveness=hop.migrating_liveness,
        undo=undo,
        expected_s=expected_s,
        limit_s=max(settings.limits.start_s, SLOWER * expected_s),
    )


def _hand_over(
    hop: HopOutline,
    settings: Settings,
    release: str,
    replicas: int,
    liveness: Probe | None,
    *,
    undo: str,
    expected_s: float,
    complete: bool = False,
) -> HandOver:
    return HandOver(
        owners=hop.owners,
        release=release,
        replicas=replicas,
        liveness=liveness,
        complete=complete,
        undo=undo if undo.startswith("not needed") else f"by the same owner: {undo}",
        expected_s=settings.expected.hand_over_s + expected_s,
        limit_s=settings.limits.hand_over_s + SLOWER * expected_s,
    )


def _guard(hop: HopOutline, settings: Settings) -> GuardMigration:
    return GuardMigration(
        ledger=hop.ledger,
        ledger_before=hop.ledger_before,
        late_after_s=hop.migration_s.high,
        undo="cannot be undone: a schema that has moved goes back only by the restore point",
        expected_s=rounded(added(hop.migration_s, hop.timing.boot)).likely,
        limit_s=hop.kill_budget_s + settings.limits.ready_margin_s,
    )


def _verify(hop: HopOutline, settings: Settings) -> Verify:
    expected_s, limit_s = settings.expected.look_s, settings.limits.look_s
    match hop.strategy:
        case Strategy.ROLLING:  # the others are still being replaced when the first replica serves
            one_round = added(hop.timing.start, hop.timing.boot)
            expected_s += rounded(times(max(0, hop.waves - 1), one_round)).likely
            limit_s = max(settings.limits.rollout_s, SLOWER * expected_s)
        case Strategy.SCALE_TO_ONE:  # the old one has just been asked to end
            limit_s += hop.grace_s + settings.limits.replicas_gone_margin_s
        case Strategy.SCALE_TO_ZERO:
            pass
        case _:
            assert_never(hop.strategy)
    return Verify(
        release=hop.to_release,
        ledger=hop.ledger,
        ledger_before=hop.ledger_before,
        undo=NOTHING_CHANGED,
        expected_s=expected_s,
        limit_s=limit_s,
    )


def _raise(hop: HopOutline, settings: Settings) -> RaiseReplicas | HandOver:
    one_round = added(hop.timing.start, hop.timing.boot)
    rounds = hop.waves if hop.strategy is Strategy.ROLLING or hop.migrating_liveness != hop.liveness else 1
    expected_s = rounded(times(rounds, one_round)).likely
    undo = f"not needed: {hop.to_release} fits the schema with any number of replicas"
    if hop.owners:
        to, replicas, liveness = hop.to_release, hop.replicas, hop.liveness
        return _hand_over(hop, settings, to, replicas, liveness, undo=undo, expected_s=expected_s, complete=True)
    return RaiseReplicas(
        release=hop.to_release,
        replicas=hop.replicas,
        liveness=hop.liveness,
        undo=undo,
        expected_s=expected_s,
        limit_s=max(settings.limits.rollout_s, SLOWER * expected_s),
    )


def _leave(detours: Sequence[Detour], settings: Settings) -> tuple[AnyStep, ...]:
    return tuple(
        LeaveWhen(
            condition=detour.leave_when,
            text=detour.leave_when_text or detour.reason,
            undo=NOTHING_CHANGED,
            expected_s=settings.expected.leave_when_s,
            limit_s=settings.limits.leave_when_s,
        )
        for detour in detours
        if detour.leave_when
    )


def _restore(settings: Settings) -> tuple[AnyStep, ...]:
    soak_s = settings.limits.soak_s
    return (
        Restore(
            undo="not needed: only our own notes go",
            expected_s=soak_s + settings.expected.look_s,
            limit_s=soak_s + settings.limits.look_s,
        ),
    )
