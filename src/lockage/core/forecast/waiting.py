"""What is known of waiting at each relation of a forecast: who stands in the way now, who would queue, what may deadlock.

Not for looking: a look at the live database comes in (``traffic``), or none. The surprising thing: the queue is longest before
the lock is had. A request for a strong lock that waits for one long transaction makes everybody behind it wait as long, so a
migration of a millisecond can stop an application for an hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lockage.core.facts import Session
from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast
from lockage.core.forecast.lock_modes import MODES, SELECT_TAKES, conflict
from lockage.core.forecast.traffic import StatementLoad, Traffic
from lockage.core.forecast.waiting_deadlocks import Order, deadlocks, orders_of_keys, orders_seen
from lockage.core.forecast.waiting_records import InTheWay, LongStatement, Queue, Waiting
from lockage.core.forecast.waiting_statements import KeyBetween, KnownRelations, Touch, shown, touches
from lockage.settings import Waits

AWAITED_BY_BUILDS = "ShareLock"
"""Whose holders a concurrent build of an index waits for, without a lock of that mode of its own.

Source: PostgreSQL 18, src/backend/commands/indexcmds.c, DefineIndex: WaitForLockers (heaplocktag, ShareLock)."""


@dataclass(frozen=True, slots=True)
class _Application:
    """A statement of the application with what it locks; ``load`` None: nobody has counted it."""

    text: str
    touches: tuple[Touch, ...]
    load: StatementLoad | None


_Users = Mapping[str, Sequence[tuple[_Application, Touch]]]
"""By relation, the counted statements that lock it, each with how it does."""


def with_waiting(
    forecast: Forecast,
    traffic: Traffic | None,
    *,
    statements: Sequence[str],
    relations: Iterable[str],
    keys: Sequence[KeyBetween],
    limits: Waits,
) -> Forecast:
    """The forecast with ``waiting`` at each relation of which anything is known, and what could not be seen as assumptions.

    ``statements`` are those of the running release that are known from elsewhere; ``relations`` all that there are.
    """
    known = KnownRelations(relations)
    application = tuple(_application(forecast, traffic, statements, known, keys))
    users = _users(application)
    orders = [Order(touches=one.touches, text=one.text) for one in application if len(one.touches) > 1]
    if traffic is not None:
        orders += orders_seen(traffic.orders)
    counted = bool(statements) or (traffic is not None and bool(traffic.statements))
    possible = deadlocks(forecast, (*orders, *orders_of_keys(keys, statements_known=counted)))
    found: list[RelationForecast] = []
    for relation in forecast.relations:
        # Nobody but migrators uses the ledger.
        mine = relation.relation != forecast.script.ledger
        waiting = _waiting(relation, traffic, users, limits) if traffic is not None and mine else Waiting()
        waiting = replace(waiting, deadlocks=possible.get(relation.relation, ()))
        found.append(replace(relation, waiting=waiting) if waiting != Waiting() else relation)
    rates = {load.text: load.calls_s for load in (traffic.statements or () if traffic else ())}
    return replace(
        forecast,
        relations=tuple(found),
        broken=tuple(replace(broken, calls_s=rates.get(broken.query)) for broken in forecast.broken),
        calls_s=traffic.calls_s if traffic else None,
        assumptions=(*forecast.assumptions, *_remarks(traffic)),
    )


def _application(
    forecast: Forecast,
    traffic: Traffic | None,
    statements: Sequence[str],
    known: KnownRelations,
    keys: Sequence[KeyBetween],
) -> Iterator[_Application]:
    """The application's statements that name a relation of the forecast; to parse five thousand others takes a second."""
    bare = {relation.relation.split(".", 1)[-1].lower() for relation in forecast.relations}
    loads = {load.text: load for load in (traffic.statements or () if traffic else ())}
    for text in dict.fromkeys((*loads, *statements)):
        lowered = text.lower()
        if any(name in lowered for name in bare):
            found = touches(text, known, keys)
            if found:
                yield _Application(text, found, loads.get(text))


def _users(application: Iterable[_Application]) -> _Users:
    users: defaultdict[str, list[tuple[_Application, Touch]]] = defaultdict(list)
    for one in application:
        for touch in one.touches:
            users[touch.relation].append((one, touch))
    return users


def _remarks(traffic: Traffic | None) -> Iterator[str]:
    if traffic is None:
        return
    yield from traffic.problems
    if traffic.statements is None:
        return
    if traffic.counted_since is None:
        yield "statements a second are those of one second, just now"
    else:
        since = traffic.counted_since.strftime("%Y-%m-%d %H:%M UTC")
        yield f"statements a second are averages since {since} (pg_stat_statements): at a busy hour more would wait"
    if traffic.free_connections is not None:
        free = traffic.free_connections
        are = "connection is" if free == 1 else "connections are"
        yield f"{free} {are} free for statements that wait: an application's own pool may be full sooner"


def _waiting(relation: RelationForecast, traffic: Traffic, users: _Users, limits: Waits) -> Waiting:
    modes = {lock.mode for lock in relation.locks if lock.mode != SELECT_TAKES}
    queue = _queue(relation, traffic, users) if relation.blocks is not Blocks.NONE else None
    return Waiting(
        in_the_way=tuple(_in_the_way(relation, modes, traffic, limits)),
        long_statements=tuple(_long_statements(relation, modes, users, limits)),
        queue=queue,
        lock_timeout_s=_lock_timeout(queue, limits) if _is_waited_for(relation) else None,
    )


# --- in the way -------------------------------------------------------------------------------------------------------


def _in_the_way(relation: RelationForecast, modes: set[str], traffic: Traffic, limits: Waits) -> Iterator[InTheWay]:
    builds = any(lock.concurrently for lock in relation.locks)
    awaited = modes | {AWAITED_BY_BUILDS} if builds else modes
    found = [
        entry
        for session in traffic.sessions
        if (entry := _session(session, relation.relation, awaited, traffic if builds else None, limits)) is not None
    ]
    for prepared in traffic.prepared:
        holds = _strongest(
            lock.mode for lock in prepared.locks if lock.relation == relation.relation and _stops(lock.mode, awaited)
        )
        if holds is not None:
            what = f"prepared transaction {prepared.gid}"
            found.append(InTheWay(pid=None, user=prepared.user, application="", what=what, since_s=prepared.age_s, holds=holds))
    yield from sorted(found, key=lambda entry: (entry.gives_way, -(entry.since_s if entry.since_s is not None else 1e12)))


def _session(session: Session, relation: str, awaited: set[str], building: Traffic | None, limits: Waits) -> InTheWay | None:
    holds = _strongest(
        lock.mode
        for lock in session.relation_locks
        if lock.granted and lock.relation == relation and _stops(lock.mode, awaited)
    )
    since_s = session.transaction_age_s
    if holds is None and building is not None and session.pid in building.snapshots:
        since_s = building.snapshots[session.pid]
    elif holds is None:
        return None
    if since_s is not None and since_s < limits.transaction_s and not session.is_autovacuum:
        return None  # the queue counts those; one that has begun just now ends as soon
    return InTheWay(
        pid=session.pid,
        user=session.user,
        application=session.application_name,
        what=_doing(session),
        since_s=since_s,
        holds=holds,
        statement="" if session.is_autovacuum else shown(session.query),
        gives_way=session.yields_by_itself,
    )


def _doing(session: Session) -> str:
    if session.is_autovacuum:
        return "autovacuum" if session.yields_by_itself else "autovacuum to prevent wraparound"
    return session.state or "state not visible"


def _stops(mode: str, awaited: Iterable[str]) -> bool:
    return mode in MODES and any(conflict(mode, other) for other in awaited)


def _strongest(modes: Iterable[str]) -> str | None:
    return max(modes, key=MODES.index, default=None)


# --- behind it --------------------------------------------------------------------------------------------------------


def _is_waited_for(relation: RelationForecast) -> bool:
    """Whether a lock of its own makes users wait, so that its request does, too."""
    return any(lock.blocks in {Blocks.READS, Blocks.WRITES} for lock in relation.locks)


def _waits(touch: Touch, relation: RelationForecast) -> bool:
    """Whether a statement that locks the relation so waits while it is blocked; rows: where they are the same."""
    match relation.blocks:
        case Blocks.READS:
            return True
        case Blocks.WRITES:
            blocking = [lock for lock in relation.locks if lock.blocks is Blocks.WRITES]
            return touch.mode != SELECT_TAKES and (not blocking or any(conflict(lock.mode, touch.mode) for lock in blocking))
        case Blocks.ROWS:
            return touch.mode != SELECT_TAKES and not touch.inserts
        case Blocks.NONE:
            return False


def _queue(relation: RelationForecast, traffic: Traffic, users: _Users) -> Queue | None:
    if traffic.statements is None:
        return None
    rates: list[float] = []
    for one, touch in users.get(relation.relation, ()):
        if one.load is not None and touch.because is None and _waits(touch, relation):
            if one.load.calls_s is None:
                return None
            rates.append(one.load.calls_s)
    calls_s = sum(rates)
    seconds, free = relation.blocked_s, traffic.free_connections
    fills_s = free / calls_s if free is not None and calls_s else None
    if fills_s is not None and seconds.high is not None and fills_s > seconds.high:
        fills_s = None
    return Queue(
        calls_s=round(calls_s, 3),
        waiting=round(calls_s * seconds.likely, 1),
        waiting_most=None if seconds.high is None else round(calls_s * seconds.high, 1),
        free_connections=free,
        fills_s=None if fills_s is None else round(fills_s, 3),
    )


def _long_statements(relation: RelationForecast, modes: set[str], users: _Users, limits: Waits) -> Iterator[LongStatement]:
    found = [
        one
        for one, touch in users.get(relation.relation, ())
        if one.load is not None and one.load.max_s >= limits.statement_s and _stops(touch.mode, modes)
    ]
    for one in sorted(found, key=lambda one: -(one.load.max_s if one.load else 0.0)):
        if one.load is not None:
            yield LongStatement(
                statement=shown(one.text), mean_s=one.load.mean_s, max_s=one.load.max_s, calls_s=one.load.calls_s
            )


def _lock_timeout(queue: Queue | None, limits: Waits) -> float:
    """Half of the time in which what queues would take the last connection, and never more than people bear."""
    if queue is None or queue.free_connections is None or not queue.calls_s:
        return limits.lock_timeout_s
    return max(limits.least_lock_timeout_s, min(limits.lock_timeout_s, round(queue.free_connections / queue.calls_s / 2, 3)))
