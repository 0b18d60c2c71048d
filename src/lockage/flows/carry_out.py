"""Carry out a plan: look, do what is missing, look again, hop by hop, from any state that a crash can leave.

Not for deciding what the plan is (``propose``). The surprising thing: starting is resuming. There is no separate resume code:
a run begins by asking the object, then the journal, which hop has begun, and every step begins by looking whether it is
already so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import assert_never

import msgspec

from lockage.core.facts import LedgerState
from lockage.core.plan import steps as s
from lockage.core.recovery.hop import recovers
from lockage.core.recovery.of_run import ledger_ends
from lockage.core.run import RunNote, RunReport, WaiverNote, read_notes
from lockage.errors import HaltedError, LockageError, RefusedError, UnreachableError
from lockage.flows import contend, heed, quiesce, revise
from lockage.flows.account import report_of
from lockage.flows.fence import hold_fence
from lockage.flows.guard import guard
from lockage.flows.tenure import Tenure
from lockage.flows.unfinished import Unfinished
from lockage.flows.verify import await_verified, soak
from lockage.flows.vigil import Vigil, watched
from lockage.flows.waiting import wait_until
from lockage.flows.world import World
from lockage.ports import Journal

IN_THE_OUTAGE = (s.ClearSessions, s.RollOut, s.GuardMigration, s.Verify, s.RaiseReplicas)
"""Steps before which a run does not stop when asked to: less than all replicas may be serving. Whoever wants to stop there
asks twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user ordered, and what the flow needs from its neighbours."""

    holder: str  # who carries out: host and run, the same after a restart on the same machine
    waiver: WaiverNote  # the restore point, or that its absence was accepted
    facts_changed: Callable[[s.Plan], tuple[str, ...]]  # sentences: what is no longer as the plan says
    replan: Callable[[s.Plan, Callable[[], None]], s.Plan]  # from here to the same target; what to call while it waits
    stop: Callable[[], bool] = lambda: False  # whether the user wants us to stop at the next safe place
    may_begin: Callable[[s.Plan, int], None] = lambda _plan, _index: None  # raises when it must not


def carry_out(world: World, journal: Journal, order: Order, *, start: Unfinished) -> RunReport:
    """The report of a run that ended healthy.

    Raises ``RefusedError`` when nothing was changed, ``HaltedError`` when it stopped part-way at a named place; the same call
    again goes on from there.
    """
    return _Carrying(world=world, journal=journal, order=order, start=start).to_the_end()


def _as_long_without_service(was: s.Hop, now: s.Hop, tolerances: s.Tolerances) -> bool:
    """Whether a hop that was to be without service anyhow is so for about as long as was approved."""

    def likely_s(hop: s.Hop) -> float:
        return next((v.unavailable_s.likely for v in hop.considered if v.strategy is hop.strategy), 0.0)

    approved_s = likely_s(was)
    return approved_s > 0 and likely_s(now) <= approved_s * tolerances.forecast_factor + tolerances.forecast_slack_s


class _Carrying:
    """One process's part in a run."""

    def __init__(self, *, world: World, journal: Journal, order: Order, start: Unfinished) -> None:
        self._journal = journal
        self._order = order
        self._plan = start.plan
        self._start = start
        self._named: set[str] = set()  # changes by others that were said
        self._changed = False  # whether this process goes on with, or has made, a change of the object
        self._tenure = tenure = Tenure(world, journal, holder=order.holder)
        self._impatient, self._patience = tenure.impatient, tenure.patience
        self._hold, self._say = tenure.hold, tenure.say
        platform = tenure.world.platform
        self._vigil = Vigil(platform=platform, clock=world.clock)
        self._world = replace(tenure.world, platform=watched(platform, self._vigil))

    def to_the_end(self) -> RunReport:
        world = self._world
        resumed = bool(self._journal.entries())
        began_at = self._journal.entries()[0].at if resumed else world.clock.now()
        if not resumed or not any(e.kind == "plan" for e in self._journal.entries()):
            text = f"run {self._journal.run_id}: {self._plan.from_release} to {self._plan.to_release}"
            self._say("run", text, data=self._order.waiver)
            self._say("plan", f"route {' → '.join(self._plan.route)}", data=self._plan)
        try:
            self._go_through_hops()
        except LockageError as error:
            self._leave(error)
            halted = self._halt(error)
            if halted is error:
                raise
            raise halted from error
        report = report_of(self._journal, self._plan, began_at=began_at, ended_at=world.clock.now())
        # The lease goes first: killed between the two, the next process finds a run without an end and does this again.
        self._tenure.let_go()
        self._say("ended", f"{self._plan.to_release} is healthy", data=report)
        return report

    def _go_through_hops(self) -> None:
        self._hold()
        hold_fence(self._world, between=self._hold)
        self._vigil.accept()
        index = self._start.hop
        begun = self._start.begun
        while index < len(self._plan.hops):
            if index > 0 and not begun:
                self._plan_anew(index)
            self._carry_out_hop(index, begun=begun)
            index, begun = index + 1, False

    def _leave(self, error: LockageError) -> None:
        try:
            changed = read_notes(self._impatient.platform.workload()).run is not None
            # Nobody acts any more: whoever comes next, on whatever machine, need not wait for it to run out.
            self._impatient.platform.drop_lease(holder=self._order.holder)
            self._say("halted" if changed else "ended", error.message)
        except LockageError as second:
            error.add_note(f"while leaving: {second}")

    def _halt(self, error: LockageError) -> LockageError:
        """The error as its class must be: a refusal promises that nothing was changed."""
        match error:
            case UnreachableError() if self._changed:
                return HaltedError(
                    f"the run is part-way, and cannot go on: {error.message}",
                    code="LK323",
                    hint=f"see that it answers, then: lockage upgrade {self._plan.deployment}",
                )
            case RefusedError() if self._changed:
                return HaltedError(error.message, code=error.code, hint=error.hint)
            case _:
                return error

    # --- one at a time ------------------------------------------------------------------------------------------------

    def _between(self, step: s.AnyStep, hop: s.Hop, index: int) -> None:
        """Hold the lease, and see what somebody else has changed. Raises as ``Vigil.notice``."""
        self._hold()
        said = self._vigil.notice(step, hop, changed=self._changed, deployment=self._plan.deployment)
        if said is not None:
            self._name(said, index, step)

    def _name(self, said: str, index: int, step: s.AnyStep) -> None:
        if said not in self._named:
            self._named.add(said)
            self._say("saw", said, index, str(step.__struct_config__.tag))

    # --- hops ---------------------------------------------------------------------------------------------------------

    def _plan_anew(self, index: int) -> None:
        """Replace this hop and the later ones by a fresh plan, which must not be worse than what was approved."""
        fresh = self._order.replan(self._plan, self._hold)
        was, now = self._plan.hops[index], fresh.hops[0]
        tolerances = self._plan.tolerances
        limit_s = (was.forecast.total_s.likely * tolerances.forecast_factor) + tolerances.forecast_slack_s
        harder = now.strategy.hardness > was.strategy.hardness and not _as_long_without_service(was, now, tolerances)
        slower = not was.provisional and now.forecast.total_s.likely > limit_s
        accepted = self._start.hop == index
        if (harder or slower) and not accepted:
            raise HaltedError(
                f"planned anew on arrival at {now.from_release}, the hop to {now.to_release} is {now.strategy} with "
                f"{now.forecast.total_s.likely:.1f} s of migration; the plan had {was.strategy} with "
                f"{was.forecast.total_s.likely:.1f} s (limit {limit_s:.1f} s)",
                code="LK326",
                hint=f"nothing is down; to accept it: lockage upgrade {self._plan.deployment}",
            )
        self._plan = msgspec.structs.replace(self._plan, hops=(*self._plan.hops[:index], *fresh.hops))
        self._say("plan", f"planned anew: {now.from_release} to {now.to_release} by {now.strategy}", index, data=self._plan)

    def _carry_out_hop(self, index: int, *, begun: bool) -> None:
        hop = self._plan.hops[index]
        remaining = list(hop.steps)
        if begun:  # what stands before the note was true when it was written
            at = next(i for i, step in enumerate(remaining) if isinstance(step, s.NoteFormerState))
            remaining = remaining[at + 1 :]
            self._changed = True
        for step in remaining:
            if not isinstance(step, IN_THE_OUTAGE):
                self._stop_if_asked(step, index)
            if isinstance(step, (s.CheckFacts, s.NoteFormerState)):  # what stands between the two may have taken its time
                self._order.may_begin(self._plan, index)
            self._between(step, hop, index)
            name = step.__struct_config__.tag
            assert isinstance(name, str)
            self._say("step-begun", name, index, name)
            self._take(step, hop, index)
            self._say("step-done", name, index, name)

    def _take(self, step: s.AnyStep, hop: s.Hop, index: int) -> None:  # noqa: C901, PLR0912 an arm a step, no other logic
        world, blockers, between = self._world, self._plan.on_blocker, partial(self._between, step, hop, index)
        match step:
            case s.CheckFacts():
                self._check_facts(index)
            case s.Prepare():
                contend.prepare(world, step, index=index, between=self._hold)
            case s.CheckAdvisories():
                heed.check_advisories(world, step, release=hop.to_release)
            case s.BackUp():
                self._back_up(index)
            case s.SettleForeignSessions():
                quiesce.settle_foreign_sessions(world, step, hop, index=index, on_blocker=blockers, between=between)
            case s.NoteFormerState():
                self._note_former_state(index)
            case s.PinContenders():
                contend.pin_contenders(world, step, hop, index=index)
            case s.HandOver():
                contend.hand_over(world, step, hop, index=index, between=between)
                self._vigil.accept()
            case s.ScaleDown():
                self._scale_down(step, hop, index, between)
            case s.ClearSessions():
                self._clear_sessions(step, hop, index, between)
            case s.RollOut():
                self._roll_out(step, index, between)
            case s.GuardMigration():
                watch = guard(world, hop, step, index=index, on_blocker=blockers, between=between)
                self._measure(index, migration_s=watch.migration_s)
            case s.Verify():
                self._verify(step, index, between)
            case s.RaiseReplicas():
                self._raise_replicas(step, index, between)
            case s.LeaveWhen():
                self._leave_when(step, hop, index)
            case s.Restore():
                soak(world, between=between)
                self._let_go(index)
            case _:
                assert_never(step)

    def _anew(self, hop: s.Hop) -> datetime | None:
        """Until when replicas were there before a recovery that starts their own release anew; None for any other hop."""
        return self._plan.created_at if recovers(hop) and hop.from_release == hop.to_release else None

    def _let_go(self, index: int) -> None:
        contend.refuse_to_let_go(self._world, between=self._hold)
        contend.unpin(self._world, index=index)
        self._patience.wait_out(lambda: revise.restore(self._impatient))

    def _stop_if_asked(self, step: s.AnyStep, index: int) -> None:
        if not self._order.stop():
            return
        hop = self._plan.hops[index]
        if not self._changed:
            raise RefusedError(
                f"stopped as asked, before {step.__struct_config__.tag}; nothing was changed",
                code="LK347",
                hint=f"lockage upgrade {self._plan.deployment} --to {self._plan.to_release}",
            )
        raise HaltedError(
            f"stopped as asked, before {step.__struct_config__.tag} of the hop to {hop.to_release}; nothing is down",
            code="LK345",
            hint=f"lockage upgrade {self._plan.deployment}",
        )

    # --- steps that are a few lines -----------------------------------------------------------------------------------

    def _scale_down(self, step: s.ScaleDown, hop: s.Hop, index: int, between: Callable[[], None]) -> None:
        asked = self._world.clock.monotonic()
        quiesce.scale_down(self._world, step, hop, between=between, anew=self._anew(hop))
        if step.replicas == 0:
            self._measure(index, termination_s=self._world.clock.monotonic() - asked)

    def _clear_sessions(self, step: s.ClearSessions, hop: s.Hop, index: int, between: Callable[[], None]) -> None:
        blockers, anew = self._plan.on_blocker, self._anew(hop)
        quiesce.clear_sessions(self._world, step, hop, index=index, on_blocker=blockers, between=between, anew=anew)
        self._read_what_orphans_left(hop, index)

    def _roll_out(self, step: s.RollOut, index: int, between: Callable[[], None]) -> None:
        asked_at = revise.roll_out(self._world, step)
        if asked_at is not None:
            self._measure_start(index, step.release, asked_at, between=between)

    def _verify(self, step: s.Verify, index: int, between: Callable[[], None]) -> None:
        await_verified(
            self._world,
            release=step.release,
            ledger=step.ledger,
            ledger_before=step.ledger_before,
            limit_s=step.limit_s,
            between=between,
        )
        self._note_ledger(index)

    def _raise_replicas(self, step: s.RaiseReplicas, index: int, between: Callable[[], None]) -> None:
        contend.raise_pins(self._world, step.replicas, index=index)
        first = self._first_replica(step.release)
        revise.raise_replicas(self._world, step, between=between)
        self._measure(index, boot_s=revise.boot_seconds(self._world.platform.replicas(), step.release, first=first))

    def _check_facts(self, index: int) -> None:
        changed = self._order.facts_changed(self._plan) if index == 0 else ()
        if changed:
            raise RefusedError(
                f"the plan no longer fits: {'; '.join(changed)}",
                code="LK325",
                hint=f"lockage plan {self._plan.deployment} --to {self._plan.to_release}",
            )

    def _back_up(self, index: int) -> None:
        point = self._order.waiver.restore_point
        text = f"restore point {point}" if point else "no restore point: accepted"
        self._say("saw", text, index, "back-up")

    def _note_former_state(self, index: int) -> None:
        note = RunNote(
            id=self._journal.run_id,
            plan_digest=self._plan.content_digest,
            hop=index,
            holder=self._order.holder,
            plan=self._plan,
        )
        self._patience.wait_out(lambda: revise.note_former_state(self._impatient, note, self._order.waiver))
        self._changed = True

    def _read_what_orphans_left(self, hop: s.Hop, index: int) -> None:
        """Before the new release is asked for: a migrator whose client is dead may have committed since the plan was made."""
        if self._world.platform.workload().release == hop.to_release:
            return
        reading = self._world.database.ledger(self._world.profile)
        was, last = ledger_ends(hop, self._world.profile)
        if reading.state is not LedgerState.READ:
            return
        if was is not None and reading.version != was:
            text = f"{reading.table} went from {was} to {reading.version}: a migrator whose client is dead has committed"
            self._say("saw", text, index, "clear-sessions")
        if last is not None and reading.version is not None and reading.version > last:
            raise HaltedError(
                f"{reading.table} is at {reading.version}, beyond {last}, where {hop.to_release} ends: it would not start",
                code="LK346",
                hint="roll out the release that has this schema; nothing else starts on it",
            )
        if reading.dirty:
            raise HaltedError(
                f"{reading.table} says migration {reading.version} is dirty: an earlier attempt committed a part of it",
                code="LK324",
                hint=f"compare the schema with the file of migration {reading.version} before going on to {hop.to_release}",
            )

    def _leave_when(self, step: s.LeaveWhen, hop: s.Hop, index: int) -> None:
        def holds() -> bool | None:
            rows = self._world.database.ask(step.condition)
            return True if rows and next(iter(rows[0].values())) is True else None

        began = self._world.clock.monotonic()

        def hold_or_stop() -> None:
            self._world.glimpse(f"waiting until {step.text}: {self._world.clock.monotonic() - began:.0f} s")
            self._between(step, hop, index)
            self._stop_if_asked(step, index)

        wait_until(
            holds,
            clock=self._world.clock,
            limit_s=lambda: step.limit_s,
            pause_s=1.0,
            too_late=lambda waited: HaltedError(
                f"after {waited:.0f} s it is still not so that {step.text or step.condition}",
                code="LK342",
                hint=f"nothing is down; to go on waiting: lockage upgrade {self._plan.deployment}",
            ),
            between=hold_or_stop,
        )

    # --- figures ------------------------------------------------------------------------------------------------------

    def _first_replica(self, release: str) -> str | None:
        there = [r for r in self._world.platform.replicas() if r.release == release]
        return min(there, key=lambda r: r.created_at).name if there else None

    def _note_ledger(self, index: int) -> None:
        reading = self._world.database.ledger(self._world.profile)
        if reading.version is not None:
            self._say("measured", f"{reading.table} is at {reading.version}", index, data={"ledger": reading.version})

    def _measure_start(self, index: int, release: str, asked_at: datetime, *, between: Callable[[], None]) -> None:
        started_at = revise.first_start(self._world, release, between=between)
        self._measure(index, start_s=max(0.0, (started_at - asked_at).total_seconds()))

    def _measure(self, index: int, **figures: float | None) -> None:
        known = {name: value for name, value in figures.items() if value is not None}
        if known:
            text = ", ".join(f"{name.removesuffix('_s').replace('_', ' ')} {value:.2f} s" for name, value in known.items())
            self._say("measured", text, index, data=known)
