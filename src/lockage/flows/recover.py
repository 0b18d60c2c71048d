"""Get a deployment out of a run that is part-way, with nothing but what stands on its object: what ``lockage recover`` means.

Not for deciding (``core.recovery``). The surprising thing: the schema is read again after the new release has been taken down,
because a migrator that was killed may commit all the same; then the way back is closed, and the answer is forward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from lockage.core.facts import LedgerState
from lockage.core.plan.steps import HandOver, LeaveWhen, Plan, RaiseReplicas, Restore
from lockage.core.recovery.of_run import Direction, Recovery, ledger_ends, recovery
from lockage.core.run import RunNote, RunReport, WaiverNote, read_notes
from lockage.errors import HaltedError, RefusedError
from lockage.flows import contend, quiesce, revise
from lockage.flows.account import journal_of
from lockage.flows.carry_out import Order, carry_out
from lockage.flows.fence import hold_fence
from lockage.flows.tenure import Tenure
from lockage.flows.unfinished import Unfinished
from lockage.flows.verify import await_verified
from lockage.flows.world import World
from lockage.ports import Journal, Journals


def way_out(world: World) -> Recovery:
    """The recovery that the object and the ledger ask for now; changes nothing. Raises as ``core.recovery`` does.

    A migration lock that a dead client's backend holds is no migration: that backend goes first, and the ledger is read again
    behind it, so until then the schema counts as not moved.
    """
    workload = world.platform.workload()
    notes = read_notes(workload)
    ledger = world.database.ledger(world.profile)
    if ledger.state is LedgerState.MIGRATING and notes.run is not None:
        dead = {b.session.pid for b in quiesce.orphans_in_the_way(world) if b.session is not None}
        if ledger.holder_pid in dead:
            version, _ = ledger_ends(notes.run.plan.hops[notes.run.hop], world.profile)
            ledger = replace(ledger, state=LedgerState.READ, version=version)
    return recovery(world.deployment, workload=workload, notes=notes, ledger=ledger, profile=world.profile)


def recover(world: World, journals: Journals, *, host: str) -> RunReport:
    """The report of a run that was taken back, or whose hop was finished; nothing of ours is left on the object.

    Raises ``RefusedError``: LK315 no run is part-way; LK311, LK312, LK313 while somebody carries it out; as ``way_out``.
    ``HaltedError`` (LK573) when the schema moves while it is being taken back: the same call again goes forward.
    """
    note = read_notes(world.platform.workload()).run
    if note is None:
        raise RefusedError(f"no run of {world.deployment} is part-way", code="LK315", hint=f"lockage survey {world.deployment}")
    found = way_out(world)
    with journal_of(journals, world.deployment, note.id) as journal:
        holder = f"{host}:{note.id}"
        if found.direction is Direction.FORWARD:
            return _finish_the_hop(world, journal, note, holder=holder)
        return _PuttingBack(Tenure(world, journal, holder=holder), journal, note).to_the_end()


def _finish_the_hop(world: World, journal: Journal, note: RunNote, *, holder: str) -> RunReport:
    order = Order(
        holder=holder,
        waiver=WaiverNote(),  # the object has it since the hop began
        facts_changed=lambda _: (),
        replan=lambda plan, _: plan,
    )
    start = Unfinished(run_id=note.id, plan=_ending_with_this_hop(note), hop=note.hop, begun=True)
    return carry_out(world, journal, order, start=start)


def _ending_with_this_hop(note: RunNote) -> Plan:
    """The plan without what would begin after the hop, and with the restoring that a last hop has."""
    plan, hop = note.plan, note.plan.hops[note.hop]
    steps = tuple(step for step in hop.steps if not isinstance(step, LeaveWhen))
    if not any(isinstance(step, Restore) for step in steps):
        template = next((s for later in plan.hops for s in later.steps if isinstance(s, Restore)), None)
        steps = (*steps, template or Restore(undo="not needed: only our own notes go", expected_s=4.0, limit_s=33.0))
    last = msgspec.structs.replace(hop, steps=steps)
    return msgspec.structs.replace(plan, to_release=hop.to_release, hops=(*plan.hops[: note.hop], last))


class _PuttingBack:
    """One process's part in taking a run back."""

    def __init__(self, tenure: Tenure, journal: Journal, note: RunNote) -> None:
        self._tenure = tenure
        self._hold, self._say = tenure.hold, tenure.say
        self.world, self.journal, self.note = tenure.world, journal, note

    def to_the_end(self) -> RunReport:
        self._hold()
        hold_fence(self.world, between=self._hold)
        if not any(e.kind == "plan" for e in self.journal.entries()):
            self._say("plan", f"route {' → '.join(self.note.plan.route)}", data=self.note.plan)
        self._say("run", f"run {self.note.id} is taken back")
        self._take_down()
        quiesce.clear_orphans(self.world, limit_s=self.world.settings.limits.sessions_gone_s, between=self._hold)
        found = way_out(self.world)
        if found.direction is not Direction.BACK:
            raise HaltedError(
                f"there is no way back any more: {found.because}",
                code="LK573",
                hint=f"lockage recover {self.world.deployment}",
            )
        self._serve_again(found)
        contend.unpin(self.world, index=self.note.hop)
        self._tenure.patience.wait_out(lambda: revise.restore(self._tenure.impatient))
        report = self._report(found)
        self._tenure.let_go()
        self._say("ended", f"recovered: {found.release} serves again", data=report)
        return report

    def _take_down(self) -> None:
        """No replica of the new release is left where none of the old serves; where one does, the rollout back ends the new."""
        hop, workload = self.note.plan.hops[self.note.hop], self.world.platform.workload()
        old_serve = any(r.ready and r.release == hop.from_release for r in self.world.platform.replicas())
        if workload.release != hop.to_release or old_serve or self._owners:
            return
        limit_s = workload.grace_s + self.world.settings.limits.replicas_gone_margin_s
        self._step("take-down", lambda: quiesce.leave_only(self.world, 0, limit_s=limit_s, between=self._hold))

    def _serve_again(self, found: Recovery) -> None:
        assert found.release is not None
        assert found.replicas is not None
        assert found.ledger is not None
        release, ledger, limits = found.release, found.ledger, self.world.settings.limits
        step = RaiseReplicas(
            release=release, replicas=found.replicas, liveness=found.liveness, undo="not needed", expected_s=1.0,
            limit_s=limits.rollout_s,
        )  # fmt: skip
        contend.raise_pins(self.world, found.replicas, index=self.note.hop)
        if self._owners:
            self._step("put-back", lambda: self._hand_back(step))
        else:
            self._step("put-back", lambda: revise.raise_replicas(self.world, step, between=self._hold))
        # What the rollout back has ended may have left a backend behind, which may yet commit.
        quiesce.clear_orphans(self.world, limit_s=limits.sessions_gone_s, between=self._hold)
        self._step(
            "verify",
            lambda: await_verified(self.world, release=release, ledger=ledger, limit_s=limits.look_s, between=self._hold),
        )

    @property
    def _owners(self) -> tuple[str, ...]:
        """Whose change the hop was, and its taking back is; nobody: ours."""
        steps = self.note.plan.hops[self.note.hop].steps
        return next((step.owners for step in steps if isinstance(step, HandOver)), ())

    def _hand_back(self, step: RaiseReplicas) -> None:
        asked = HandOver(
            owners=self._owners, release=step.release, replicas=step.replicas, liveness=step.liveness, complete=True,
            undo=step.undo, expected_s=step.expected_s, limit_s=self.world.settings.limits.hand_over_s,
        )  # fmt: skip
        back = msgspec.structs.replace(self.note.plan.hops[self.note.hop], to_release=step.release)
        contend.hand_over(self.world, asked, back, index=self.note.hop, between=self._hold)

    def _report(self, found: Recovery) -> RunReport:
        assert found.release is not None
        return RunReport(
            id=self.note.id,
            deployment=self.world.deployment,
            outcome="recovered",
            from_release=self.note.plan.from_release,
            to_release=found.release,
            route=(),
            began_at=self.journal.entries()[0].at,
            ended_at=self.world.clock.now(),
            hops=(),
        )

    def _step(self, name: str, act: Callable[[], None]) -> None:
        self._hold()
        self._say("step-begun", name, step=name)
        act()
        self._say("step-done", name, step=name)
