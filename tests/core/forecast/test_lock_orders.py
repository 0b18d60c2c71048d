"""The order in which transactions lock, from looks at what they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from lockage.core.facts import RelationLock, Session
from lockage.core.forecast.traffic import LockOrder, orders_between

BASE = Session(
    pid=1,
    backend_start=datetime(2026, 1, 1, tzinfo=UTC),
    user="app",
    database="app",
    application_name="",
    client_address=None,
    client_port=None,
    state="active",
    wait_event_type=None,
    wait_event=None,
    transaction_age_s=1.0,
    statement_age_s=1.0,
    state_age_s=1.0,
    query="update b set x = 'secret'",
)


def held(*relations: str, age_s: float = 1.0, awaited: str | None = None) -> Session:
    locks = [RelationLock(relation=name, mode="RowExclusiveLock", granted=True) for name in relations]
    locks += [RelationLock(relation=awaited, mode="RowExclusiveLock", granted=False)] if awaited else []
    return replace(BASE, transaction_age_s=age_s, relation_locks=tuple(locks))


def order(first: str, second: str) -> LockOrder:
    mode = "RowExclusiveLock"
    return LockOrder(first=first, first_mode=mode, second=second, second_mode=mode, text="update b set x = $1")


def test_what_is_awaited_comes_after_what_is_held() -> None:
    assert list(orders_between((), [held("a", awaited="b")])) == [order("a", "b")]


def test_what_is_new_at_the_second_look_comes_after_what_was_held_at_the_first() -> None:
    assert list(orders_between([held("a")], [held("a", "b", age_s=1.1)])) == [order("a", "b")]


def test_one_look_at_two_locks_tells_no_order_and_neither_does_another_transaction() -> None:
    assert not list(orders_between((), [held("a", "b")]))
    assert not list(orders_between([held("a", age_s=1.0)], [held("a", "b", age_s=0.01)]))
    other = replace(held("a"), backend_start=datetime(2025, 1, 1, tzinfo=UTC))
    assert not list(orders_between([other], [held("a", "b", age_s=1.1)]))
