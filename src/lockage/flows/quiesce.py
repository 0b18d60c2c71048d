"""Take the old release out of the way: foreign sessions first, then replicas, then what dead clients left behind.

Not for the migration itself (``guard``). The surprising thing: a backend outlives its client, so "all replicas are gone" is
not the end; the next step is "no backend of a dead client holds a lock".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from lockage.core.blockers import Blocker, Remedy, Who, classify, remedy, yields_by_itself
from lockage.core.facts import OwnedSession
from lockage.core.plan.steps import ClearSessions, Hop, OnBlocker, ScaleDown, SettleForeignSessions, Strategy
from lockage.core.run import RunEvent
from lockage.errors import HaltedError, LockageError, RefusedError, UnreachableError
from lockage.flows.waiting import wait_until
from lockage.flows.world import Sight, World, see

Between = Callable[[], None]


def settle_foreign_sessions(
    world: World, step: SettleForeignSessions, hop: Hop, *, index: int, on_blocker: OnBlocker, between: Between
) -> None:
    """Nobody from outside holds a lock on the relations that the script locks; nothing is down meanwhile.

    Raises ``RefusedError`` (LK320) naming the session that stays.
    """

    def standing(sight: Sight) -> list[Blocker]:
        return _foreigners(sight, step.relations)

    def too_late(waited: float, blocker: Blocker) -> LockageError:
        return RefusedError(
            f"the migration would wait for {blocker.sentence}; it is still there after {waited:.0f} s",
            code="LK320",
            hint=f"end it, or: lockage upgrade {world.deployment} --on-blocker terminate",
        )

    _wait_for_none(
        world, standing, hop.strategy, index=index, step="settle-foreign-sessions", limit_s=step.limit_s,
        on_blocker=on_blocker, too_late=too_late, between=between,
    )  # fmt: skip


def asked_already(world: World, hop: Hop, *, anew: datetime | None) -> bool:
    """Whether the release that a hop leads to has been asked for already.

    ``anew``: the hop starts a release that was there before once more; replicas made until then were there before.
    """
    workload = world.platform.workload()
    if workload.release != hop.to_release:
        return False
    return anew is None or (workload.replicas > 0 and all(r.created_at > anew for r in world.platform.replicas()))


def scale_down(world: World, step: ScaleDown, hop: Hop, *, between: Between, anew: datetime | None = None) -> None:
    """Only ``step.replicas`` old replicas are left, and no other is still terminating.

    Raises ``HaltedError`` (LK321) naming the replica that does not end.
    """
    if not asked_already(world, hop, anew=anew):
        leave_only(world, step.replicas, limit_s=step.limit_s, between=between)


def leave_only(world: World, replicas: int, *, limit_s: float, between: Between) -> None:
    """Only so many replicas are left, whatever they run, and no other is still terminating.

    Raises ``HaltedError`` (LK321) naming the replica that does not end.
    """
    if world.platform.workload().replicas > replicas:
        world.platform.scale(replicas)

    def gone() -> bool | None:
        return True if len(world.platform.replicas()) <= replicas else None

    def too_late(waited: float) -> LockageError:
        names = ", ".join(r.name for r in world.platform.replicas()) or "(none)"
        return HaltedError(
            f"replicas {names} of {world.deployment} are still there {waited:.0f} s after scaling to {replicas}",
            code="LK321",
            hint=f"look why they do not end, then: lockage upgrade {world.deployment}",
        )

    wait_until(
        gone,
        clock=world.clock,
        limit_s=lambda: limit_s,
        pause_s=world.settings.watching.poll_s,
        too_late=too_late,
        between=between,
    )


def clear_sessions(
    world: World,
    step: ClearSessions,
    hop: Hop,
    *,
    index: int,
    on_blocker: OnBlocker,
    between: Between,
    anew: datetime | None = None,
) -> None:
    """No backend of a dead client has a transaction or a lock, and no one else stands in the way.

    Orphans that can only roll back are terminated one by one; one that works and commits by itself is waited for.
    Raises ``HaltedError`` (LK322) naming the session that stays.
    """
    if asked_already(world, hop, anew=anew):
        return

    def standing(sight: Sight) -> list[Blocker]:
        return [*_orphans(sight), *_foreigners(sight, hop.forecast.blocked)]

    def too_late(waited: float, blocker: Blocker) -> LockageError:
        return HaltedError(
            f"{blocker.sentence} still stands in the way after {waited:.0f} s",
            code="LK322",
            hint=f"lockage survey {world.deployment}; then end it, or: "
            f"lockage upgrade {world.deployment} --on-blocker terminate",
        )

    _wait_for_none(
        world, standing, hop.strategy, index=index, step="clear-sessions", limit_s=step.limit_s,
        on_blocker=on_blocker, too_late=too_late, between=between,
    )  # fmt: skip


def orphans_in_the_way(world: World) -> tuple[Blocker, ...]:
    """Backends of dead clients that have a transaction or a lock now, each an orphan by two looks."""
    return tuple(_orphans(see(world, see(world))))


def clear_orphans(world: World, *, limit_s: float, between: Between) -> None:
    """No backend of a dead client has a transaction or a lock: what a plan needs that such a one keeps from being made.

    Treated as ``clear_sessions`` treats them; other people's sessions are let alone. Raises ``RefusedError`` (LK318) naming the
    one that stays.
    """

    def too_late(waited: float, blocker: Blocker) -> LockageError:
        return RefusedError(
            f"{blocker.sentence} still keeps the database from being read after {waited:.0f} s",
            code="LK318",
            hint=f"lockage survey {world.deployment}; then end it",
        )

    # Replicas are neither asked nor ended here, so the gentlest strategy is the one.
    _wait_for_none(
        world, _orphans, Strategy.ROLLING, index=-1, step="plan", limit_s=limit_s,
        on_blocker=OnBlocker.WAIT, too_late=too_late, between=between,
    )  # fmt: skip


def _orphans(sight: Sight) -> list[Blocker]:
    orphans = [o for o in sight.owned if o.orphan and _holds_anything(o)]
    return [Blocker(who=classify(o, replicas={}, target=""), session=o.session) for o in orphans]


def _wait_for_none(
    world: World,
    standing: Callable[[Sight], list[Blocker]],
    strategy: Strategy,
    *,
    index: int,
    step: str,
    limit_s: float,
    on_blocker: OnBlocker,
    too_late: Callable[[float, Blocker], LockageError],
    between: Between,
) -> None:
    """Look until nobody stands in the way, using the least force against each who does."""
    last: list[Sight] = []
    named: set[int] = set()
    cancelled: set[int] = set()
    left: list[Blocker] = []

    def look() -> bool | None:
        # Two looks at least: an orphan is only called one when both agree.
        first_look = not last
        last[:] = [see(world, last[0] if last else None)]
        left[:] = standing(last[0])
        for blocker in left:
            act = _deal_with(
                world, blocker, strategy, index=index, step=step, on_blocker=on_blocker, named=named, cancelled=cancelled
            )
            if act is Remedy.STOP:
                raise too_late(0.0, blocker)
        return None if left or first_look else True

    wait_until(
        look,
        clock=world.clock,
        limit_s=lambda: _limit(world, limit_s, left),
        pause_s=world.settings.watching.poll_s,
        too_late=lambda waited: too_late(waited, left[0]) if left else _blind(world, waited),
        between=between,
    )


def _limit(world: World, limit_s: float, left: Iterable[Blocker]) -> float:
    works = any(b.who is Who.WORKING_ORPHAN for b in left)
    return max(limit_s, world.settings.limits.working_orphan_s) if works else limit_s


def _blind(world: World, waited: float) -> LockageError:
    return UnreachableError(
        f"the database of {world.deployment} did not answer for {waited:.0f} s",
        code="LK333",
        hint=f"see that it is up, then: lockage upgrade {world.deployment}",
    )


def _deal_with(
    world: World,
    blocker: Blocker,
    strategy: Strategy,
    *,
    index: int,
    step: str,
    on_blocker: OnBlocker,
    named: set[int],
    cancelled: set[int],
) -> Remedy:
    """Name it, and use the least force that helps; gives what that is."""
    assert blocker.session is not None
    pid = blocker.session.pid
    if pid not in named:
        named.add(pid)
        text = f"in the way: {blocker.sentence}"
        world.tell(RunEvent(at=world.clock.now(), kind="saw", hop=index, step=step, text=text))
    act = remedy(blocker, strategy=strategy, on_blocker=on_blocker, already_cancelled=pid in cancelled)
    match act:
        case Remedy.CANCEL:
            cancelled.add(pid)
            sent = world.database.cancel(pid=pid, backend_start=blocker.session.backend_start).sent
        case Remedy.TERMINATE:
            sent = world.database.terminate(pid=pid, backend_start=blocker.session.backend_start).sent
        case _:
            sent = False
    if sent:
        text = f"{act} sent to {blocker.sentence}"
        world.tell(RunEvent(at=world.clock.now(), kind="acted", hop=index, step=step, text=text))
    return act


def _foreigners(sight: Sight, relations: Iterable[str]) -> list[Blocker]:
    """Other people's sessions that hold a lock on one of the relations, and will not yield by themselves."""
    return [
        Blocker(who=Who.THIRD_PARTY, session=o.session)
        for o in sight.owned
        if o.replica is None and not o.orphan and not o.ours
        if _holds_one_of(o, relations) and not yields_by_itself(o.session)
    ]


def _holds_anything(owned: OwnedSession) -> bool:
    s = owned.session
    return s.in_transaction or bool(s.relation_locks) or bool(s.advisory_locks)


def _holds_one_of(owned: OwnedSession, relations: Iterable[str]) -> bool:
    wanted = set(relations)
    return any(lock.granted and lock.relation in wanted for lock in owned.session.relation_locks)
