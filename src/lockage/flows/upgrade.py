"""Begin a run, or go on with the one that has not ended: what ``lockage upgrade`` means.

Not for the steps themselves (``carry_out``). The surprising thing: the user's target is a wish only at the beginning; once a
run has changed the object, that run is finished first, and another target is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from lockage.core.blockers import Blocker
from lockage.core.facts import Survey, Workload
from lockage.core.plan.approval import worse_than_approved
from lockage.core.plan.digest import facts_hold
from lockage.core.plan.planner import Wishes, wishes_of
from lockage.core.plan.steps import OnBlocker, Plan
from lockage.core.plan.window import Window
from lockage.core.run import RunReport, WaiverNote, read_notes
from lockage.errors import RefusedError
from lockage.flows.account import journal_of
from lockage.flows.appointment import await_begin, begins_in, refuse_over, refuse_too_short
from lockage.flows.carry_out import Order, carry_out
from lockage.flows.fence import hold_fence
from lockage.flows.patience import Patience
from lockage.flows.quiesce import clear_orphans, orphans_in_the_way
from lockage.flows.unfinished import Unfinished, unfinished_run
from lockage.flows.world import World
from lockage.ports import JournalEntry, Journals

UNREADABLE = frozenset({"LK228", "LK421"})
"""Codes of refusals to plan that somebody's lock on the ledger, or on a table that a shadow needs, is the cause of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    target: str | None = None  # None: go on with what there is
    approved: Plan | None = None  # a plan file, as it stands
    goes_on: bool = False  # … or what has become of its run meanwhile: who starts us again and again cannot know
    restore_point: str | None = None
    no_restore_point: bool = False
    on_blocker: OnBlocker | None = None  # None: as the plan says
    wishes: Wishes = field(default_factory=Wishes)  # for the first plan; later ones are made by what the plan itself says
    window: Window | None = None  # in which it shall begin and end; None: now
    host: str  # who carries out: the name of this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the flow asks of its neighbours while it goes."""

    propose: Callable[[str, Wishes], Plan]  # a fresh plan from here to a target
    survey: Callable[[], Survey]
    confirm: Callable[[Plan, Unfinished | None], bool]  # shown before the first change of this process
    stop: Callable[[], bool]  # whether to stop at the next safe place
    new_run_id: Callable[[], str]
    # Whether backends of dead clients may be ended so that a plan can be made at all.
    clear: Callable[[tuple[Blocker, ...]], bool] = lambda _: False


def upgrade(world: World, journals: Journals, wanted: Wanted, asking: Asking) -> RunReport:
    """The report of the run, begun or gone on with.

    With a window everything is asked and refused at once; then it is waited for, everything is looked at again, and carried
    out if it is no worse than what was confirmed.

    Raises ``RefusedError``: LK327 another target while a run is part-way, LK315 nothing to go on with, LK328 no restore
    point and no waiver, LK329 not confirmed, LK325 worse than confirmed, LK547 not in that window; and what ``carry_out``
    raises.
    """
    window = wanted.window
    if wanted.goes_on and read_notes(world.platform.workload()).run is not None:
        window = None  # it began in its window; what is part-way is not left so because the window has ended
    if window is None:
        return _upgrade(world, journals, wanted, asking)
    refuse_over(window, world)
    by_day = _choose(world, journals, wanted, asking)
    if not by_day.plan.hops:
        return _nothing_to_do(world, by_day.plan)
    if not by_day.start.begun:
        refuse_too_short(by_day.plan, window, world)
    _refuse_unless_confirmed(by_day, world, asking)
    await_begin(window, world, stop=asking.stop)
    # A machine that was suspended needs a moment until its network is back.
    limit_s = world.settings.limits.unreachable_s
    awaited = Patience(what="the deployment", limit_s=limit_s, clock=world.clock, tell=world.tell).wait_out(asking.survey)
    if not by_day.start.begun:
        _refuse_what_no_longer_fits(facts_hold(by_day.plan, awaited), by_day.plan)
    return _upgrade(world, journals, wanted, dataclasses.replace(asking, confirm=_as_confirmed(by_day)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What would be carried out."""

    unfinished: Unfinished | None  # the run that is gone on with
    start: Unfinished  # that run, or a new one
    plan: Plan
    waiver: WaiverNote


def _upgrade(world: World, journals: Journals, wanted: Wanted, asking: Asking) -> RunReport:
    chosen = _choose(world, journals, wanted, asking)
    if not chosen.plan.hops:
        return _nothing_to_do(world, chosen.plan)
    _refuse_unless_confirmed(chosen, world, asking)
    with journal_of(journals, world.deployment, chosen.start.run_id) as journal:
        order = Order(
            holder=f"{wanted.host}:{chosen.start.run_id}",
            waiver=chosen.waiver,
            facts_changed=lambda current: facts_hold(current, asking.survey()),
            # That orphans go first is part of what was approved.
            replan=lambda current, between: _proposed(
                world, current.to_release, wishes_of(current), asking, clear=lambda _: True, between=between
            ),
            stop=asking.stop,
            may_begin=begins_in(wanted.window, world),
        )
        return carry_out(world, journal, order, start=dataclasses.replace(chosen.start, plan=chosen.plan))


def _choose(world: World, journals: Journals, wanted: Wanted, asking: Asking) -> _Chosen:
    workload = world.platform.workload()
    unfinished = unfinished_run(workload, _runs(journals, world.deployment))
    if unfinished is not None and not _fits(unfinished, wanted):
        if unfinished.begun:
            raise _part_way(unfinished, wanted, world.deployment)
        unfinished = None
    if unfinished is None:
        _refuse_without_a_wish(wanted, world.deployment)
    already_there = unfinished is None and workload.release == wanted.target
    # Asked for before anything is forecast, so that nobody waits to be told what was missing from the command.
    waiver = WaiverNote() if already_there else _restore_point(workload, unfinished, wanted, journals, world)
    start = unfinished or Unfinished(run_id=asking.new_run_id(), plan=_first_plan(world, wanted, asking), hop=0, begun=False)
    plan = start.plan if wanted.on_blocker is None else replace(start.plan, on_blocker=wanted.on_blocker)
    return _Chosen(unfinished=unfinished, start=start, plan=plan, waiver=waiver)


def _refuse_unless_confirmed(chosen: _Chosen, world: World, asking: Asking) -> None:
    if not asking.confirm(chosen.plan, chosen.unfinished):
        raise RefusedError(
            "the plan was not confirmed; nothing was changed by this command",
            code="LK329",
            hint=f"to keep it: lockage plan {world.deployment} --to {chosen.plan.to_release} -o FILE",
        )


def _as_confirmed(by_day: _Chosen) -> Callable[[Plan, Unfinished | None], bool]:
    """Confirms what is no worse than what a person has confirmed before the window, and raises LK325 otherwise."""

    def confirm(fresh: Plan, unfinished: Unfinished | None) -> bool:
        begun = unfinished is not None and unfinished.begun
        if begun != by_day.start.begun:
            said = f"run {unfinished.run_id} was begun meanwhile" if unfinished else "the run was ended meanwhile"
            _refuse_what_no_longer_fits((said,), by_day.plan)
        if not begun:
            _refuse_what_no_longer_fits(worse_than_approved(by_day.plan, fresh), by_day.plan)
        return True

    return confirm


def _refuse_what_no_longer_fits(changed: tuple[str, ...], plan: Plan) -> None:
    if changed:
        raise RefusedError(
            f"the plan no longer fits: {'; '.join(changed)}",
            code="LK325",
            hint=f"lockage plan {plan.deployment} --to {plan.to_release}",
        )


def _runs(journals: Journals, deployment: str) -> list[tuple[str, tuple[JournalEntry, ...]]]:
    # Only the newest can be unfinished, and old journals are not worth reading.
    return [(run_id, journals.read(run_id)) for run_id in journals.runs(deployment)[-1:]]


def _fits(unfinished: Unfinished, wanted: Wanted) -> bool:
    if wanted.approved is not None:
        # On arrival at a hop the plan is made anew, and so has another digest.
        same_run = wanted.goes_on and unfinished.begun and wanted.approved.to_release == unfinished.plan.to_release
        return same_run or wanted.approved.content_digest == unfinished.plan.content_digest
    return wanted.target in {None, unfinished.plan.to_release}


def _part_way(unfinished: Unfinished, wanted: Wanted, deployment: str) -> RefusedError:
    asked = wanted.approved.to_release if wanted.approved else wanted.target
    hop = unfinished.plan.hops[unfinished.hop]
    return RefusedError(
        f"run {unfinished.run_id} from {unfinished.plan.from_release} to {unfinished.plan.to_release} is part-way, in the hop "
        f"to {hop.to_release}; {asked} was asked for",
        code="LK327",
        hint=f"lockage upgrade {deployment}",
    )


def _refuse_without_a_wish(wanted: Wanted, deployment: str) -> None:
    if wanted.approved is None and wanted.target is None:
        raise RefusedError(
            f"no run of {deployment} is part-way, and no release was named",
            code="LK315",
            hint=f"lockage upgrade {deployment} --to RELEASE",
        )


def _first_plan(world: World, wanted: Wanted, asking: Asking) -> Plan:
    assert wanted.target is not None or wanted.approved is not None
    return wanted.approved or _proposed(world, wanted.target or "", wanted.wishes, asking, clear=asking.clear)


def _proposed(
    world: World,
    target: str,
    wishes: Wishes,
    asking: Asking,
    *,
    clear: Callable[[tuple[Blocker, ...]], bool],
    between: Callable[[], None] = lambda: None,
) -> Plan:
    """A fresh plan, also where what a dead migrator left behind keeps the database from being read: that goes first.

    It is removed under the fence alone where there is no run yet whose lease could be held: a lease would outlive a crash.
    """
    try:
        return asking.propose(target, wishes)
    except RefusedError as error:
        if error.code not in UNREADABLE:
            raise
        orphans = orphans_in_the_way(world)
        if not orphans or not clear(orphans):
            raise
    hold_fence(world, between=between)
    clear_orphans(world, limit_s=world.settings.limits.sessions_gone_s, between=between)
    return asking.propose(target, wishes)


def _restore_point(
    workload: Workload, unfinished: Unfinished | None, wanted: Wanted, journals: Journals, world: World
) -> WaiverNote:
    """What is recorded of the backup: said now, or when the run began."""
    if wanted.restore_point:
        return WaiverNote(restore_point=wanted.restore_point)
    if wanted.no_restore_point:
        return WaiverNote(waived_at=world.clock.now())
    noted = read_notes(workload).waiver
    if noted is None and unfinished is not None and unfinished.run_id in journals.runs(world.deployment):
        begun = [e for e in journals.read(unfinished.run_id) if e.kind == "run"]
        noted = msgspec.json.decode(begun[0].data, type=WaiverNote) if begun else None
    if noted is None:
        raise RefusedError(
            "an upgrade that migrates cannot be rolled back, and no restore point was named",
            code="LK328",
            hint=f"lockage upgrade {world.deployment} … --restore-point NAME, or --no-restore-point to accept that",
        )
    return noted


def _nothing_to_do(world: World, plan: Plan) -> RunReport:
    now = world.clock.now()
    return RunReport(
        id="",
        deployment=plan.deployment,
        outcome="nothing-to-do",
        from_release=plan.from_release,
        to_release=plan.to_release,
        route=(),
        began_at=now,
        ended_at=now,
        hops=(),
    )
