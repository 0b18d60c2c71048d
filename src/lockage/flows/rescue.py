"""Carry out a recovery that was decided from a diagnosis: sessions, the ledger, the replicas, and then the proof.

Not for deciding (``core.recovery.decide``). The surprising thing: what concerns the replicas is carried out as a run of one
hop, so that a machine that dies in the middle leaves a note behind, and the same command goes on from it.

Codes: LK585 nothing to do for Lockage · LK589 a session stays · LK590 the backup failed · LK591 the schema moved meanwhile ·
LK635 the rest is a person's · LK636 Helm's record is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from lockage.core.blockers import PREPARED_TRANSACTION_PID, commits_by_itself, roots
from lockage.core.facts import LedgerState, OwnedSession
from lockage.core.plan.contending import autoscalers
from lockage.core.plan.steps import Plan
from lockage.core.recovery.hop import as_plan
from lockage.core.recovery.scene import Scene
from lockage.core.recovery.steps import Course, Recovery, RecoveryStep
from lockage.core.release.fits import Fit
from lockage.core.run import RunNote, RunReport, WaiverNote, read_notes
from lockage.errors import HaltedError, LockageError, RefusedError
from lockage.flows import contend, quiesce, revise
from lockage.flows.account import journal_of
from lockage.flows.carry_out import Order, carry_out
from lockage.flows.dirty import is_dirty
from lockage.flows.fence import hold_fence
from lockage.flows.tenure import Tenure
from lockage.flows.unfinished import Unfinished
from lockage.flows.verify import await_verified
from lockage.flows.waiting import wait_until
from lockage.flows.world import Sight, World, see
from lockage.ports import Journal, Journals

YIELDS_S = 5.0
"""How long a session that was cancelled gets before more force is used: its statement ends at the next interrupt check, which
even a slow scan reaches in well under a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a rescue is given beside what was found."""

    host: str
    run_id: str
    back_up: Callable[[], None] | None = None  # runs the backup command; raises LK590 when it fails
    mark_failed: Callable[[int], None] | None = None  # a revision of Helm's that is pending for ever; None: not here
    named: frozenset[str] = frozenset()  # what a person has typed: the deployment, prepared transactions


def rescue(world: World, journals: Journals, found: Recovery, scene: Scene, means: Means) -> RunReport:
    """The report of a recovery that ended healthy.

    Raises ``RefusedError`` (LK585) where there is nothing for Lockage to do, LK590 before anything is changed, and what a run
    raises; the same command again goes on from what there is then.
    """
    if not found.acts:
        raise a_persons(found)
    for step in found.steps:
        if step.named is not None and step.named not in means.named:
            raise RefusedError(
                f"{step.action} must be named: type {step.named}", code="LK592", hint=f"lockage recover {found.deployment}"
            )
    waiver = WaiverNote(restore_point="by --backup-command") if means.back_up else WaiverNote(waived_at=world.clock.now())
    if means.back_up is not None and found.destroys:
        means.back_up()
    with journal_of(journals, world.deployment, means.run_id) as journal:
        holder = f"{means.host}:{means.run_id}"
        rescuing = _Rescuing(Tenure(world, journal, holder=holder), journal, found, scene, waiver, holder, means)
        try:
            rescuing.before_the_replicas()
            report = rescuing.of_the_replicas()
            rescuing.behind_them()
        except LockageError:
            rescuing.tenure.let_go()
            raise
        rescuing.end(report)
        return report


def a_persons(found: Recovery) -> RefusedError:
    """The refusal (LK585) for what only a person can end; its hint is what to do first."""
    return RefusedError(
        f"nothing that Lockage may do ends this: {found.because}",
        code="LK585",
        hint=next((step.target for step in found.by_hand), f"lockage diagnose {found.deployment}"),
    )


def goes_on(world: World) -> bool:
    """Whether a run stands on the object that can be gone on with: not over a dirty ledger, which must be mended first."""
    return read_notes(world.platform.workload()).run is not None and not is_dirty(world.database.ledger(world.profile))


class _Rescuing:
    """One process's part in a recovery."""

    def __init__(
        self, tenure: Tenure, journal: Journal, found: Recovery, scene: Scene, waiver: WaiverNote, holder: str, means: Means
    ) -> None:
        self.tenure, self.journal, self.found, self.scene = tenure, journal, found, scene
        self._waiver, self._holder, self._means = waiver, holder, means
        self.world, self._hold, self._say = tenure.world, tenure.hold, tenure.say
        self._began_at = tenure.world.clock.now()
        self._moving: list[RecoveryStep] = []  # sessions that are to be out of the way

    def before_the_replicas(self) -> None:
        """Sessions, then the ledger."""
        self._hold()
        hold_fence(self.world, between=self._hold)
        self._say("saw", f"recovery of {self.found.deployment}: {self.found.because}")
        orphans = [step for step in self.found.steps if step.action == "end-orphan" or (step.action == "wait" and step.pid)]
        restarts = self.found.course is Course.RESTART
        if orphans and not restarts:  # a restart clears them when the replicas are gone, with those that it leaves itself
            self._step("clear-sessions", self._clear_orphans)
        for step in self.found.steps:
            match step.action:
                case "cancel" | "terminate":
                    self._moving.append(step)
                    self._step(step.action, lambda step=step: self._move_on(step))
                case "mark-failed":
                    self._step(step.action, lambda step=step: self._mark_failed(step))
                case "end-all-others":
                    self._step(step.action, self._end_all_others)
                case "end-prepared":
                    self._step(step.action, lambda step=step: self._mend(step, lock=None))
                case "mend-ledger":
                    if restarts:  # a replica that starts again and again would take the lock in between
                        self._step("note-former-state", self._note)
                        self._step("take-down", self._take_down)
                        self._step("clear-sessions", self._clear_orphans)
                    self._step(step.action, lambda step=step: self._mend(step, lock=self._lock))
                case _:
                    pass

    def of_the_replicas(self) -> RunReport:
        """The replicas, by the way that was decided; the proof is part of it."""
        match self.found.course:
            case Course.NOTHING:
                if self.scene.whole:
                    self._step("verify", self._verify)
                elif self.found.by_hand:
                    raise HaltedError(
                        f"what Lockage may do is done, and the rest is a person's: {self.found.because}",
                        code="LK635",
                        hint=self.found.by_hand[0].target,
                    )
            case Course.AWAIT:
                self._step("await", self._await_whole)
            case Course.SCALE:
                self._step("scale", self._scale)
            case Course.ROLL | Course.RESTART:
                self._refuse_moved()
                order = Order(holder=self._holder, waiver=self._waiver, facts_changed=lambda _: (), replan=lambda plan, _: plan)
                start = Unfinished(run_id=self.journal.run_id, plan=self._plan, hop=0, begun=False)
                return carry_out(self.tenure.impatient, self.journal, order, start=start)
        return self._report()

    @cached_property
    def _plan(self) -> Plan:
        return as_plan(
            self.found,
            workload=self.scene.workload,
            profile=self.world.profile,
            newest_replica_at=self.scene.newest_replica_at,
            autoscalers=tuple(c.object for c in autoscalers(self.world.platform.contenders())),
            settings=self.world.settings,
        )

    def behind_them(self) -> None:
        """Indexes and what runs have left."""
        self._hold()
        for step in self.found.steps:
            match step.action:
                case "mend-index":
                    self._step(step.action, lambda step=step: self._mend(step, lock=None))
                case "mend-catalog":
                    self._step(step.action, lambda step=step: self._mend(step, lock=self._lock))
                case "put-back":
                    self._step(step.action, self._put_back)
                case _:
                    pass

    def end(self, report: RunReport) -> None:
        """Give back what was held, and say so."""
        self.tenure.let_go()
        if not any(entry.kind == "ended" for entry in self.journal.entries()):
            self._say("ended", f"recovered: {report.to_release}", data=report)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def _clear_orphans(self) -> None:
        quiesce.clear_orphans(self.world, limit_s=self.world.settings.limits.sessions_gone_s, between=self._hold)

    def _move_on(self, step: RecoveryStep) -> None:
        """The one session is out of the way, or was asked to be; nothing where it is by now."""
        if step.pid is None or step.backend_start is None or not self._blocks(step):
            return
        act = self.world.database.cancel if step.action == "cancel" else self.world.database.terminate
        if act(pid=step.pid, backend_start=step.backend_start).sent:
            self._say("acted", f"{step.action} sent to {step.target}", step=step.action)
        until = self.world.clock.monotonic() + YIELDS_S
        while self._blocks(step) and self.world.clock.monotonic() < until:
            self._hold()
            self.world.clock.sleep(self.world.settings.watching.poll_s)
        if step.action == "terminate" and self._blocks(step):
            raise HaltedError(
                f"{step.target} still stands in the way {YIELDS_S:g} s after it was ended",
                code="LK589",
                hint=f"lockage diagnose {self.world.deployment}",
            )

    def _blocks(self, step: RecoveryStep) -> bool:
        activity = self.world.database.activity()
        session = activity.session(step.pid or PREPARED_TRANSACTION_PID)
        if session is None or session.backend_start != step.backend_start:
            return False
        return any(step.pid in roots(activity, s.pid) for s in activity.sessions if s.waits_for_lock)

    def _end_all_others(self) -> None:
        sight = see(self.world, see(self.world))
        for owned in sight.owned:
            if self._may_be_ended(owned, sight):
                pid, start = owned.session.pid, owned.session.backend_start
                if self.world.database.terminate(pid=pid, backend_start=start).sent:
                    name = owned.replica or owned.session.application_name or owned.session.user
                    self._say("acted", f"terminate sent to pid {pid} of {name}", step="end-all-others")

    def _may_be_ended(self, owned: OwnedSession, sight: Sight) -> bool:
        """Never ours, nor a living client's migration, nor what commits by itself for a dead one."""
        session, lock = owned.session, self.world.profile.migrations.advisory_lock
        migrates = not owned.orphan and (
            lock in session.advisory_locks
            or (lock is None and owned.replica is not None and session.in_transaction and self._starting(owned, sight))
        )
        return not (owned.ours or migrates or (owned.orphan and commits_by_itself(session)))

    @staticmethod
    def _starting(owned: OwnedSession, sight: Sight) -> bool:
        return any(r.name == owned.replica and not r.ready for r in sight.replicas)

    def _mark_failed(self, step: RecoveryStep) -> None:
        if self._means.mark_failed is None or step.revision is None:
            raise RefusedError(
                f"{step.target}, and where Helm keeps it is not known here",
                code="LK636",
                hint=f"helm history, then: kubectl delete secret -l owner=helm,version={step.revision},name=RELEASE",
            )
        self._means.mark_failed(step.revision)

    # --- database -----------------------------------------------------------------------------------------------------

    @property
    def _lock(self) -> int | None:
        return self.world.profile.migrations.advisory_lock

    def _mend(self, step: RecoveryStep, *, lock: int | None) -> None:
        self._say("acted", f"executes: {'; '.join(step.sql)}", step=step.action)
        self.tenure.impatient.database.mend(step.sql, together=step.together, lock=lock)  # not tried a second time

    def _refuse_moved(self) -> None:
        """The schema is still where the way was decided from: what a dead client committed meanwhile may have moved it."""
        found, ledger = self.found, self.world.database.ledger(self.world.profile)
        moved = ledger.state is LedgerState.READ and ledger.version != found.ledger and found.ledger is not None
        if not moved or ledger.version is None or found.dirty is not None or found.release is None:
            return
        if self.scene.fit(found.release, ledger.version) in (Fit.LACKS, Fit.UNKNOWN) and ledger.version != found.ends_at:
            raise HaltedError(
                f"{ledger.table} went from {found.ledger} to {ledger.version} meanwhile, which {found.release} does not have",
                code="LK591",
                hint=f"lockage recover {found.deployment}",
            )

    # --- replicas -----------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        """How the object was stands on it before anything of it changes; the run itself finds it there."""
        plan = self._plan
        note = RunNote(id=self.journal.run_id, plan_digest=plan.content_digest, hop=0, holder=self._holder, plan=plan)
        self.tenure.patience.wait_out(lambda: revise.note_former_state(self.tenure.impatient, note, self._waiver))

    def _take_down(self) -> None:
        limit_s = self.scene.workload.grace_s + self.world.settings.limits.replicas_gone_margin_s
        quiesce.leave_only(self.world, 0, limit_s=limit_s, between=self._hold)

    def _scale(self) -> None:
        assert self.found.replicas is not None
        if self.world.platform.workload().replicas < self.found.replicas:
            self.world.platform.scale(self.found.replicas)
        self._await_whole()

    def _await_whole(self) -> None:
        """Every replica that is asked for serves, and everything verifies."""
        release, limits = self.found.release or "", self.world.settings.limits
        limit_s = max(limits.rollout_s, self.world.profile.max_kill_budget_s) + limits.ready_margin_s

        def whole() -> bool | None:
            for step in self._moving:  # a migrator that gives up and comes again was perhaps just not waiting
                self._move_on(step)
            replicas = self.world.platform.replicas()
            ready = sum(1 for r in replicas if r.ready and r.release == release)
            self.world.glimpse(f"{ready} of {self.world.platform.workload().replicas} replicas of {release} are ready")
            return True if revise.complete(self.world.platform.workload(), replicas) else None

        wait_until(
            whole,
            clock=self.world.clock,
            limit_s=lambda: limit_s,
            pause_s=self.world.settings.watching.poll_s,
            too_late=lambda waited: HaltedError(
                f"not all replicas of {release} serve after {waited:.0f} s",
                code="LK341",
                hint=f"lockage diagnose {self.world.deployment}",
            ),
            between=self._hold,
        )
        self._verify()

    def _verify(self) -> None:
        await_verified(
            self.world,
            release=self.found.release or "",
            ledger=self.found.ends_at,
            ledger_before=self.found.ledger,
            foreign=self.scene.ledger.foreign,
            limit_s=self.world.settings.limits.look_s,
            between=self._hold,
        )

    def _put_back(self) -> None:
        contend.unpin(self.world, index=-1)
        self.tenure.patience.wait_out(lambda: revise.restore(self.tenure.impatient))

    # --- telling ------------------------------------------------------------------------------------------------------

    def _report(self) -> RunReport:
        release = self.found.release or self.scene.workload.release
        return RunReport(
            id=self.journal.run_id,
            deployment=self.found.deployment,
            outcome="recovered",
            from_release=self.scene.workload.release,
            to_release=release,
            route=(),
            began_at=self._began_at,
            ended_at=self.world.clock.now(),
            hops=(),
        )

    def _step(self, name: str, act: Callable[[], None]) -> None:
        self._hold()
        self._say("step-begun", name, step=name)
        act()
        self._say("step-done", name, step=name)
