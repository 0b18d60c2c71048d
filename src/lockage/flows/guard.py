"""Watch a migration while it runs: where it is, who stands in its way, and the least force against that.

Not for starting or ending it: a migration is never killed by its guard. The surprising thing: the session that holds the
advisory lock may be an orphan of an earlier attempt; then it is not "the migration" but what the migration waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lockage.core.blockers import Blocker, Remedy, Who, blockers_of, classify, remedy
from lockage.core.facts import LedgerState, OwnedSession, Replica, ReplicaPhase
from lockage.core.plan.steps import GuardMigration, Hop, OnBlocker
from lockage.core.progress import MigrationText, Pace, Position, migration_session, pace, position
from lockage.core.run import RunEvent
from lockage.core.wording import counted
from lockage.errors import HaltedError, UnreachableError
from lockage.flows.burden import Burden
from lockage.flows.verify import fits
from lockage.flows.world import Sight, World, see, without_ready_target

MAX_CRASHES = 3
"""A target replica whose own process ended so often will not come up by itself; the third time is no accident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one look says of the migration, for people and for ``watch``."""

    migrator: OwnedSession | None
    position: Position | None
    pace: Pace | None
    blockers: tuple[Blocker, ...]
    queue: int  # sessions that wait behind the migration
    elapsed_s: float
    left_s: float | None  # None: no migration, or no forecast of it


@dataclass(slots=True, kw_only=True)
class Watch:
    """What the guard remembers from look to look."""

    began: float
    looked_at: float = 0.0
    sight: Sight | None = None
    cancelled: set[int] = field(default_factory=set[int])
    said: set[str] = field(default_factory=set[str])
    restarts: dict[str, int] = field(default_factory=dict[str, int])  # of each replica when it was first seen
    migration_began: float | None = None
    migration_seen: float | None = None
    migration_ended: float | None = None
    burden: Burden = field(default_factory=Burden)

    @property
    def migration_s(self) -> float | None:
        """Seconds from the migration's transaction start to its end, as far as seen (a look apart at the most)."""
        if self.migration_began is None or self.migration_ended is None:
            return None
        return max(0.0, self.migration_ended - self.migration_began)


def guard(
    world: World,
    hop: Hop,
    step: GuardMigration,
    *,
    index: int,
    on_blocker: OnBlocker,
    between: Callable[[], None] = lambda: None,
) -> Watch:
    """Watch until the ledger is at the target and a target replica is ready.

    Where the target ends is not always known: then nobody migrates, and the ledger is clean and has not gone back.

    Raises ``HaltedError``: LK331 when the target's process keeps ending by itself, LK332 when the limit has passed.
    """
    script = _script_of(world, hop, step)
    watch = Watch(began=world.clock.monotonic())
    while True:
        try:
            if _look(world, watch, hop, step, script=script, index=index, on_blocker=on_blocker):
                return watch
        except UnreachableError:  # the migration goes on without us, so nothing is gained by leaving it
            watch.looked_at = world.clock.monotonic()
        _stop_if_hopeless(world, watch, hop, step)
        between()
        world.clock.sleep(_pause_s(world, watch.looked_at - watch.began))


def _look(
    world: World,
    watch: Watch,
    hop: Hop,
    step: GuardMigration,
    *,
    script: tuple[MigrationText, ...],
    index: int,
    on_blocker: OnBlocker,
) -> bool:
    """Look once, say what is new, use the least force that helps; True when the migration is done and served."""
    watch.sight, earlier = see(world, watch.sight), watch.sight
    for replica in watch.sight.replicas:
        watch.restarts.setdefault(replica.name, replica.restarts)
    now = world.clock.monotonic()
    view = view_of(
        world,
        watch.sight,
        earlier,
        target=hop.to_release,
        script=script,
        elapsed_s=now - watch.began,
        likely_s=hop.forecast.total_s.likely,
    )
    _time_the_migration(watch, view, now)
    watch.looked_at = now
    if _arrived(world, hop, step, view, watch.sight):
        return True
    new = [r for r in watch.sight.replicas if r.release == hop.to_release]
    watch.burden.look(world.platform, world.clock)
    world.glimpse(glimpse_of(view, hop.to_release) + watch.burden.glimpse(new))
    watch.burden.tell(new, lambda key, text: _say_once(world, watch, key=key, text=text, index=index))
    _tell(world, watch, view, step, index=index)
    _free(world, watch, view, hop, index=index, on_blocker=on_blocker)
    return False


def _pause_s(world: World, elapsed_s: float) -> float:
    watching = world.settings.watching
    early = elapsed_s < watching.guard_closely_s
    return 1.0 / (watching.guard_close_looks_per_s if early else watching.guard_looks_per_s)


def view_of(
    world: World,
    sight: Sight,
    earlier: Sight | None,
    *,
    target: str,
    script: tuple[MigrationText, ...],
    elapsed_s: float,
    likely_s: float | None,
) -> View:
    """What one look (and the one before it) says of a migration to ``target``; ``likely_s``: None without a forecast."""
    key = world.profile.migrations.advisory_lock
    migrator = migration_session(sight.owned, sight.replicas, advisory_lock=key, target=target)
    waiting_pid = _who_waits(migrator, sight, target)
    blockers = (
        blockers_of(
            waiting_pid,
            activity=sight.activity,
            owned=sight.owned,
            replicas=sight.replicas,
            target=target,
        )
        if waiting_pid is not None
        else ()
    )
    seconds = migrator.session.transaction_age_s if migrator else None
    return View(
        migrator=migrator,
        position=position(migrator.session, script) if migrator else None,
        pace=pace(migrator.session.pid, earlier.activity, sight.activity) if migrator and earlier else None,
        blockers=blockers,
        queue=sum(1 for s in sight.activity.sessions if migrator and migrator.session.pid in s.blocked_by),
        elapsed_s=elapsed_s,
        left_s=max(0.0, likely_s - seconds) if likely_s is not None and seconds is not None else None,
    )


def glimpse_of(view: View, target: str) -> str:
    """One look in one line."""
    if view.migrator is None:
        return f"{target} starts; {view.elapsed_s:.0f} s"
    where = f"migration {view.position.index} of {view.position.count}, {view.position.name}" if view.position else "migrating"
    running_s = view.migrator.session.transaction_age_s or 0.0
    left = "" if view.left_s is None else f", about {view.left_s:.0f} s left" if view.left_s else ", longer than likely"
    queue = f"; {counted(view.queue, 'session')} {'waits' if view.queue == 1 else 'wait'} behind it" if view.queue else ""
    waits = f"; waits for pid {', '.join(str(b.session.pid) for b in view.blockers if b.session)}" if view.blockers else ""
    return f"{where}: {running_s:.0f} s{left}{queue}{waits}"


def _script_of(world: World, hop: Hop, step: GuardMigration) -> tuple[MigrationText, ...]:
    first = world.profile.migrations.releases.get(hop.from_release, step.ledger_before or 0)
    return tuple(m for m in world.migrations if first < m.version and (step.ledger is None or m.version <= step.ledger))


def _who_waits(migrator: OwnedSession | None, sight: Sight, target: str) -> int | None:
    """The session whose way must be cleared: the migrator itself, or the new replica that waits for an orphan's lock."""
    if migrator is not None and not migrator.orphan and migrator.session.waits_for_lock:
        return migrator.session.pid
    new = {r.name for r in sight.replicas if r.release == target}
    return next((o.session.pid for o in sight.owned if o.replica in new and o.session.waits_for_lock), None)


def _time_the_migration(watch: Watch, view: View, now: float) -> None:
    migrates = view.migrator is not None and not view.migrator.orphan
    if migrates and view.migrator is not None:
        if watch.migration_began is None:
            watch.migration_began = now - (view.migrator.session.transaction_age_s or 0.0)
        watch.migration_seen = now
        watch.migration_ended = None
    elif watch.migration_seen is not None and watch.migration_ended is None:
        # It ended somewhere between the last look that saw it and this one: the middle is at most half a look off.
        watch.migration_ended = (watch.migration_seen + now) / 2


def _arrived(world: World, hop: Hop, step: GuardMigration, view: View, sight: Sight) -> bool:
    if view.migrator is not None or without_ready_target(sight.replicas, hop.to_release):
        return False
    ledger = world.database.ledger(world.profile)
    return ledger.state is LedgerState.READ and not ledger.dirty and fits(ledger.version, step)


def _tell(world: World, watch: Watch, view: View, step: GuardMigration, *, index: int) -> None:
    if view.position and not (view.migrator and view.migrator.orphan):
        left = f", about {view.left_s:.0f} s left" if view.left_s is not None else ""
        text = f"migration {view.position.index} of {view.position.count}: {view.position.name}"
        _say_once(world, watch, key=text, text=text + left, index=index)
    for blocker in view.blockers:
        pid = blocker.session.pid if blocker.session else 0
        _say_once(world, watch, key=f"blocked {pid}", text=f"the migration waits for {blocker.sentence}", index=index)
    late = _lateness(world, watch, view, step)
    if late:
        _say_once(world, watch, key=late[0], text=late[1], index=index)


def _lateness(world: World, watch: Watch, view: View, step: GuardMigration) -> tuple[str, str] | None:
    """That it takes longer than the forecast's high end, and whether the migration waits, works or hangs; None in time.

    The forecast is of the migration's own time, so the seconds until it began do not count. Where no session migrates at all
    and no replica serves, the time to start and to boot is granted first.
    """
    if step.late_after_s is None:
        return None
    if view.migrator is not None and not view.migrator.orphan:
        took_s = view.migrator.session.transaction_age_s or 0.0
        if took_s <= step.late_after_s or view.pace is None:
            return None
        says = f"the migration {view.pace}"
    elif watch.migration_began is not None:
        return None  # it is over; whether the replica becomes ready is another question, with a limit of its own
    else:
        took_s = view.elapsed_s
        expected = world.settings.expected
        if took_s <= step.late_after_s + expected.start_s + expected.boot_s:
            return None
        says = "no session migrates"
    return f"late, {says}", f"late: {took_s:.1f} s, forecast at most {step.late_after_s:.1f} s; {says}"


def _say_once(world: World, watch: Watch, *, key: str, text: str, index: int) -> None:
    if key not in watch.said:
        watch.said.add(key)
        world.tell(RunEvent(at=world.clock.now(), kind="saw", hop=index, step="guard-migration", text=text))


def _free(world: World, watch: Watch, view: View, hop: Hop, *, index: int, on_blocker: OnBlocker) -> None:
    for blocker in (*view.blockers, *_doomed_migrator(view, hop)):
        pid = blocker.session.pid if blocker.session is not None else None
        act = remedy(blocker, strategy=hop.strategy, on_blocker=on_blocker, already_cancelled=pid in watch.cancelled)
        if act is Remedy.STOP:
            raise _stopped_by(world, blocker, hop)
        if act is Remedy.WAIT or blocker.session is None or pid is None:
            continue
        match act:
            case Remedy.CANCEL:
                watch.cancelled.add(pid)
                killed = world.database.cancel(pid=pid, backend_start=blocker.session.backend_start)
            case Remedy.TERMINATE:
                killed = world.database.terminate(pid=pid, backend_start=blocker.session.backend_start)
        if killed.sent:
            text = f"{act} sent to {blocker.sentence}"
            world.tell(RunEvent(at=world.clock.now(), kind="acted", hop=index, step="guard-migration", text=text))


def _stopped_by(world: World, blocker: Blocker, hop: Hop) -> HaltedError:
    return HaltedError(
        f"the migration to {hop.to_release} waits for {blocker.sentence}; the run was to stop then",
        code="LK593",
        hint=f"the migration itself goes on waiting; end the blocker, then: lockage upgrade {world.deployment}",
    )


def _doomed_migrator(view: View, hop: Hop) -> tuple[Blocker, ...]:
    """An orphan that holds the advisory lock stands in the next attempt's way, though nobody may wait for it yet."""
    if view.migrator is None or not view.migrator.orphan:
        return ()
    who = classify(
        view.migrator,
        replicas={},
        target=hop.to_release,
    )
    return (Blocker(who=who, session=view.migrator.session),) if who is Who.DOOMED_ORPHAN else ()


def _stop_if_hopeless(world: World, watch: Watch, hop: Hop, step: GuardMigration) -> None:
    elapsed = watch.looked_at - watch.began
    replicas = watch.sight.replicas if watch.sight else ()
    # What it did before we came is no news: whoever goes on with a run may just have removed the cause.
    crashed = next((r for r in replicas if _gave_up(r, hop.to_release) and r.restarts > watch.restarts[r.name]), None)
    if crashed is not None and crashed.last_exit is not None:
        raise HaltedError(
            f"replica {crashed.name} of {hop.to_release} ended {counted(crashed.restarts, 'time')} by itself, last with "
            f"exit code {crashed.last_exit.code} ({crashed.last_exit.reason}); limit {MAX_CRASHES}",
            code="LK331",
            hint=f"read its log; the last lines: {_last_lines(world, crashed)}",
        )
    if elapsed > step.limit_s:
        raise HaltedError(
            f"the migration to {hop.to_release} is not done after {elapsed:.0f} s; limit {step.limit_s:.0f} s",
            code="LK332",
            hint=f"lockage watch {world.deployment}; to go on waiting: lockage upgrade {world.deployment}",
        )


def _gave_up(replica: Replica, target: str) -> bool:
    return (
        replica.release == target
        and replica.phase is ReplicaPhase.BACK_OFF
        and replica.restarts >= MAX_CRASHES
        and replica.last_exit is not None
    )


def _last_lines(world: World, replica: Replica) -> str:
    lines = world.platform.log(replica.name, previous=True).strip().splitlines()
    return " | ".join(line.strip() for line in lines[-3:]) or "(no lines)"
