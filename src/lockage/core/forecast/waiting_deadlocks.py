"""Deadlocks that are possible: a transaction of the script locks two relations in one order, the application in the other.

Not for certainty: two must meet, and an order is read from a statement's text (``waiting_statements``). The surprising thing:
no statement is needed where there is a foreign key. Whoever inserts into the child locks it first and looks at the parent then,
and whoever deletes from the parent goes the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from lockage.core.forecast.assess import Blocks, Forecast, LockTaken
from lockage.core.forecast.lock_modes import SELECT_FOR_UPDATE_TAKES, SELECT_TAKES, WRITE_TAKES, conflict
from lockage.core.forecast.trace import LOOKS_ONLY
from lockage.core.forecast.traffic import LockOrder
from lockage.core.forecast.waiting_records import Deadlock
from lockage.core.forecast.waiting_statements import KeyBetween, Touch, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Relations that one statement of the application locks, in order."""

    touches: tuple[Touch, ...]
    text: str  # of the statement; "": of every statement that a foreign key makes look elsewhere
    because: str = ""


def deadlocks(forecast: Forecast, orders: Sequence[Order]) -> Mapping[str, tuple[Deadlock, ...]]:
    """The possible deadlocks, by the relation that the script locks second; one for each transaction and pair."""
    script = dict(_taken(forecast))
    where: dict[str, set[int]] = {}
    for transaction, taken in script.items():
        for relation in taken:
            where.setdefault(relation, set()).add(transaction)
    found: dict[tuple[int, str, str], Deadlock] = {}
    # Five thousand statements have far fewer orders.
    for order in {order.touches: order for order in reversed(orders)}.values():
        for earlier, later in combinations(order.touches, 2):
            for transaction in where.get(earlier.relation, set()) & where.get(later.relation, set()):
                taken = script[transaction]
                second, first = _against(earlier, taken), _against(later, taken)
                # The script's first lock is on what the statement comes to last.
                if first is None or second is None or first.place >= second.place:
                    continue
                place = (transaction, later.relation, earlier.relation)
                if place not in found:
                    found[place] = Deadlock(
                        first=later.relation,
                        second=earlier.relation,
                        transaction=transaction,
                        file=second.lock.file,
                        line=second.lock.line,
                        because=order.because or _in_words(earlier, later),
                        statement=shown(order.text) if order.text else "",
                    )
    by_relation: dict[str, tuple[Deadlock, ...]] = {}
    for deadlock in found.values():
        by_relation[deadlock.second] = (*by_relation.get(deadlock.second, ()), deadlock)
    return by_relation


def orders_of_keys(keys: Sequence[KeyBetween], *, statements_known: bool) -> Iterator[Order]:
    """The orders in which foreign keys alone make users lock; none where their statements are known and say it themselves."""
    if statements_known:
        return
    for key in keys:
        if key.child == key.parent:
            continue
        yield Order(
            touches=(
                Touch(relation=key.child, mode=WRITE_TAKES),
                Touch(relation=key.parent, mode=SELECT_FOR_UPDATE_TAKES, because=key.name),
            ),
            text="",
            because=f"whoever inserts into {key.child} looks at {key.parent} then ({key.name})",
        )
        looks = key.on_delete in LOOKS_ONLY
        yield Order(
            touches=(
                Touch(relation=key.parent, mode=WRITE_TAKES),
                Touch(relation=key.child, mode=SELECT_FOR_UPDATE_TAKES if looks else WRITE_TAKES, because=key.name),
            ),
            text="",
            because=f"whoever deletes from {key.parent} {'looks at' if looks else 'changes'} {key.child} then ({key.name})",
        )


def orders_seen(seen: Iterable[LockOrder]) -> Iterator[Order]:
    """The orders in which transactions of several statements were met."""
    for one in seen:
        yield Order(
            touches=(Touch(relation=one.first, mode=one.first_mode), Touch(relation=one.second, mode=one.second_mode)),
            text=one.text,
            because=f"a transaction was seen that had locked {one.first} ({one.first_mode}) before {one.second}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """One lock of the script, and its place among all of them."""

    lock: LockTaken
    place: tuple[int, int]  # of its file, and its line there


def _taken(forecast: Forecast) -> Iterator[tuple[int, Mapping[str, tuple[_Taken, ...]]]]:
    """The locks that may stop somebody, by transaction and relation, in the script's order."""
    files = {migration.file: index for index, migration in enumerate(forecast.script.migrations)}
    by_transaction: dict[int, dict[str, list[_Taken]]] = {}
    for relation in forecast.relations:
        for lock in relation.locks:
            # What is held on an index alone stops whoever uses the table only where it says so.
            if lock.mode != SELECT_TAKES and lock.file in files and (lock.via is None or lock.blocks is not Blocks.NONE):
                taken = _Taken(lock=lock, place=(files[lock.file], lock.line))
                by_transaction.setdefault(lock.transaction, {}).setdefault(relation.relation, []).append(taken)
    for transaction, relations in sorted(by_transaction.items()):
        if len(relations) > 1:
            yield transaction, {name: tuple(sorted(those, key=lambda t: t.place)) for name, those in relations.items()}


def _against(touch: Touch, taken: Mapping[str, tuple[_Taken, ...]]) -> _Taken | None:
    """The script's first lock that the statement's own lock on the relation waits for, and the other way round."""
    return next((one for one in taken.get(touch.relation, ()) if conflict(one.lock.mode, touch.mode)), None)


def _in_words(earlier: Touch, later: Touch) -> str:
    through = f" through {later.because}" if later.because else ""
    return f"a statement locks {earlier.relation} first, and {later.relation} then{through}"
