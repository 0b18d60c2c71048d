"""Look on while somebody else upgrades: a person, GitOps or CI; say what the guard would see, and touch nothing.

Not for a run of Lockage's own, whose journal says more (``recount``). The surprising thing: nobody says where the upgrade is
going, so the target is whatever the workload asks for at each look, and "done" is that all of it serves on its ledger. Takes no
lease, no lock and no session that anybody could wait for; acts never.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from lockage.core.facts import LedgerReading, LedgerState, Replica, ReplicaPhase, Workload
from lockage.core.plan.budget import probe_that_fits
from lockage.core.plan.wording import probe_in_words
from lockage.core.progress import MigrationText
from lockage.core.release.chart_values import settable_fields
from lockage.core.run import RunEvent, read_notes
from lockage.core.wording import counted, duration
from lockage.errors import LockageError, UnreachableError
from lockage.flows.guard import View, glimpse_of, view_of
from lockage.flows.world import Sight, World, see

CRASH_LOOP = 3
"""Restarts of one replica that make a crash loop: the third is no accident."""

PROBE_WARNING_RATIO = 0.5
"""Part of its kill budget that a replica has spent without answering when that is said: most have long answered by then."""

SETTLED_LOOKS = 2
"""Looks in a row that must agree that all is well: one alone may fall between two acts of the other."""


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What was seen so far."""

    began: float
    sight: Sight | None = None
    asked: tuple[object, ...] | None = None  # release, replicas and probe at the last look
    most: int = 0  # replicas that were asked for at any look
    busy: bool = False  # something was under way at some look
    settled: int = 0
    migrating: bool = False
    ledger: int | None = None  # before the migration that is under way, or the next one
    restarts: dict[str, int] = field(default_factory=dict[str, int])
    said: set[str] = field(default_factory=set[str])
    silent: bool = False  # the world did not answer at the last look


def look_on(world: World, *, target: str | None = None) -> bool:
    """Watch until all replicas serve on the ledger of their release (of ``target``, when it is given), and say so.

    False when nothing was under way at all. Without ``target`` and without an upgrade it ends at once; with one, it waits for
    it to begin. There is no limit: the upgrade is not ours to give up. Raises nothing for a world that does not answer.
    """
    seen = _Seen(began=world.clock.monotonic())
    while True:
        try:
            if _look(world, seen, target):
                return seen.busy
        except UnreachableError as error:
            if not seen.silent:
                _say(world, f"it cannot be seen for now: {error.message}")
            seen.silent, seen.settled = True, 0
        else:
            if seen.silent:
                _say(world, "it can be seen again")
            seen.silent = False
        world.clock.sleep(1.0 / world.settings.watching.guard_looks_per_s)


def _look(world: World, seen: _Seen, target: str | None) -> bool:
    """One look; True when there is nothing more to see."""
    seen.sight, earlier = see(world, seen.sight), seen.sight
    sight = seen.sight
    going_to = target or sight.workload.release
    _say_what_is_asked(world, seen, sight.workload)
    if seen.ledger is None:
        seen.ledger = world.database.ledger(world.profile).version
    view = view_of(
        world,
        sight,
        earlier,
        target=going_to,
        script=_script(world, seen, sight, going_to),
        elapsed_s=world.clock.monotonic() - seen.began,
        likely_s=None,
    )
    _say_the_migration(world, seen, view, going_to)
    _say_the_replicas(world, seen, sight, going_to)
    ledger = _settled(world, view, sight, going_to)
    if ledger is not None and sight.workload.replicas < seen.most:
        text = f"{going_to} serves with {counted(sight.workload.replicas, 'replica')}; {seen.most} were asked for before"
        _say_once(world, seen, f"{text}, and are waited for")
        ledger = None
    seen.settled = seen.settled + 1 if ledger else 0
    if ledger is not None and seen.settled >= SETTLED_LOOKS:
        _say(world, _end(seen, sight, ledger), kind="ended")
        return True
    if ledger is None:
        seen.busy = seen.busy or sight.workload.release == going_to
        world.glimpse(_glimpse(view, sight, going_to))
    return False


# --- what is said ---------------------------------------------------------------------------------------------------------


def _say_what_is_asked(world: World, seen: _Seen, workload: Workload) -> None:
    asked = (workload.release, workload.replicas, workload.liveness)
    seen.most = max(seen.most, workload.replicas)
    if seen.asked == asked:
        return
    if seen.asked is not None:
        seen.busy = True
        if seen.asked[0] != workload.release:
            seen.began = world.clock.monotonic()
    seen.asked = asked
    probe = probe_in_words(workload.liveness)
    _say(world, f"asked for: {workload.release} with {counted(workload.replicas, 'replica')} and {probe}")
    with suppress(LockageError):  # a note that cannot be read is not ours to judge here
        note = read_notes(workload).run
        if note is not None:
            _say_once(world, seen, f"a run of Lockage holds the object: {note.id} of {note.holder}")


def _say_the_migration(world: World, seen: _Seen, view: View, going_to: str) -> None:
    migrator = view.migrator
    if migrator is not None and migrator.orphan:
        query = " ".join(migrator.session.query.split())[:80]
        _say_once(
            world,
            seen,
            f"backend {migrator.session.pid} of a dead client holds the migration's lock, and the next replica waits for it; "
            f"its query: {query}",
        )
    elif migrator is not None:
        seen.busy = True
        _say_once(world, seen, f"{migrator.replica or 'somebody'} migrates, as backend {migrator.session.pid}")
        if view.position:
            _say_once(world, seen, f"migration {view.position.index} of {view.position.count}: {view.position.name}")
        _say_if_late(world, seen, view)
    elif seen.migrating:
        ledger = world.database.ledger(world.profile)
        seen.ledger = ledger.version
        _say_how_it_ended(world, ledger, going_to)
    seen.migrating = migrator is not None and not migrator.orphan
    for blocker in view.blockers:
        pid = blocker.session.pid if blocker.session else 0
        _say_once(world, seen, f"the migration waits for {blocker.sentence}", key=f"blocked by {pid}")


def _say_if_late(world: World, seen: _Seen, view: View) -> None:
    """Nobody forecast it, so the vendor's typical time is what there is."""
    typical_s = world.profile.vendor.typical_s
    took_s = view.migrator.session.transaction_age_s if view.migrator else None
    if took_s is None or took_s <= typical_s or view.pace is None:
        return
    text = f"late: {duration(took_s)}, typically at most {duration(typical_s)}; the migration {view.pace}"
    _say_once(world, seen, text, key=f"late, {view.pace}")


def _say_how_it_ended(world: World, ledger: LedgerReading, going_to: str) -> None:
    wanted = world.profile.migrations.releases.get(going_to)
    if ledger.state is not LedgerState.READ:
        return
    if wanted is None or ledger.version == wanted:
        _say(world, f"the migration is over: {ledger.table} is at {ledger.version}")
    else:
        _say(world, f"the migration ended, and {ledger.table} is at {ledger.version}, not at {wanted}")


def _say_the_replicas(world: World, seen: _Seen, sight: Sight, going_to: str) -> None:
    for replica in sight.replicas:
        if replica.release != going_to:
            continue
        before = seen.restarts.setdefault(replica.name, replica.restarts)
        if replica.restarts > before:
            seen.restarts[replica.name] = replica.restarts
            seen.busy = True
            _say_the_restart(world, seen, replica, sight.workload)
        _warn_of_the_probe(world, seen, sight.workload, replica)


def _say_the_restart(world: World, seen: _Seen, replica: Replica, workload: Workload) -> None:
    times = f"restarted {counted(replica.restarts, 'time')}"
    if _was_killed_by_its_probe(world, replica):
        _say(world, f"{replica.name} was killed by its liveness probe before it answered ({times})")
        settable = settable_fields(world.profile.helm, replica.release)
        patient = probe_that_fits(workload.liveness, world.settings.probe_budget.floor_s, settable=settable)
        cure = f"one rollout of {replica.release} with one replica and {probe_in_words(patient)}"
        _say_once(world, seen, f"a migration that outlasts its probe does not mend itself: it needs {cure}", key="cure")
        return
    end = replica.last_exit
    how = f"exit code {end.code}, {end.reason}" if end else "no word of why"
    _say(world, f"{replica.name} ended by itself ({times}; {how})")
    if replica.restarts >= CRASH_LOOP:
        lines = world.platform.log(replica.name, previous=True).strip().splitlines()
        last = " | ".join(line.strip() for line in lines[-3:]) or "(none)"
        _say_once(world, seen, f"{replica.name} is in a crash loop; its last lines: {last}", key=f"loop of {replica.name}")


def _was_killed_by_its_probe(world: World, replica: Replica) -> bool:
    about = [e for e in world.platform.events() if e.subject == f"Pod/{replica.name}" and e.reason == "Killing"]
    return bool(about) and "liveness" in about[-1].text


def _warn_of_the_probe(world: World, seen: _Seen, workload: Workload, replica: Replica) -> None:
    budget_s = workload.kill_budget_s
    if budget_s is None or replica.ready or replica.started_at is None or replica.ready_at is not None:
        return
    spent_s = (world.clock.now() - replica.started_at).total_seconds()
    if spent_s < PROBE_WARNING_RATIO * budget_s or replica.phase is not ReplicaPhase.RUNNING:
        return
    text = (
        f"{replica.name} has not answered for {duration(spent_s)}, and its {'startup' if workload.startup else 'liveness'} "
        f"probe kills it after {duration(budget_s)}"
    )
    _say_once(world, seen, text, key=f"probe of {replica.name}, {replica.restarts}")


def _end(seen: _Seen, sight: Sight, ledger: LedgerReading) -> str:
    release, replicas = sight.workload.release, counted(sight.workload.replicas, "replica")
    state = f"{release} is healthy: {replicas} ready, {ledger.table} at {ledger.version}"
    return state if seen.busy else f"nothing is under way; {state}"


def _glimpse(view: View, sight: Sight, going_to: str) -> str:
    if sight.workload.release != going_to:
        return f"waiting for {going_to} to be asked for"
    if view.migrator is not None:
        return glimpse_of(view, going_to)
    ready = sum(1 for r in sight.replicas if r.ready and r.release == going_to)
    return f"{ready} of {sight.workload.replicas} replicas of {going_to} are ready; {len(sight.replicas)} there are in all"


# --- parts ------------------------------------------------------------------------------------------------------------------


def _script(world: World, seen: _Seen, sight: Sight, going_to: str) -> tuple[MigrationText, ...]:
    """The migrations on the way: from the ledger as it was, else from the lowest release among the replicas."""
    known = world.profile.migrations.releases
    last = known.get(going_to)
    others = [known[r.release] for r in sight.replicas if r.release in known]
    first = min(others, default=0) if seen.ledger is None else seen.ledger
    return tuple(m for m in world.migrations if first < m.version and (last is None or m.version <= last))


def _settled(world: World, view: View, sight: Sight, going_to: str) -> LedgerReading | None:
    """The ledger, where everything is as it should be at the end; None where not."""
    workload = sight.workload
    if workload.release != going_to or not workload.replicas or view.migrator is not None:
        return None
    if len(sight.replicas) != workload.replicas or not all(_serves(r, going_to) for r in sight.replicas):
        return None
    ledger = world.database.ledger(world.profile)
    wanted = world.profile.migrations.releases.get(going_to, ledger.version)
    well = ledger.state is LedgerState.READ and ledger.version == wanted and not ledger.dirty
    return ledger if well else None


def _serves(replica: Replica, release: str) -> bool:
    return replica.ready and replica.release == release and replica.phase is ReplicaPhase.RUNNING


def _say_once(world: World, seen: _Seen, text: str, *, key: str | None = None) -> None:
    if (key or text) not in seen.said:
        seen.said.add(key or text)
        _say(world, text)


def _say(world: World, text: str, *, kind: str = "saw") -> None:
    world.tell(RunEvent(at=world.clock.now(), kind=kind, text=text))
