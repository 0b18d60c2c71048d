"""Deadlocks that are possible between a script and the application."""

from __future__ import annotations

from lockage.core.forecast.assess import Blocks, Forecast, LockTaken, MigrationRef, RelationForecast, Script, Seconds
from lockage.core.forecast.waiting_deadlocks import Order, deadlocks, orders_of_keys
from lockage.core.forecast.waiting_records import Deadlock
from lockage.core.forecast.waiting_statements import KeyBetween, KnownRelations, touches

SECONDS = Seconds(low=0.1, likely=0.2, high=0.3)
KEY = KeyBetween(
    name="keys_user",
    child="public.keys",
    parent="public.users",
    child_columns=("user_id",),
    parent_columns=("id",),
    on_delete="c",
    on_update="a",
)


def forecast(*locks: tuple[str, str, str, int, int]) -> Forecast:
    """Of (relation, mode, file, line, transaction)."""
    relations: dict[str, list[LockTaken]] = {}
    for relation, mode, file, line, transaction in locks:
        lock = LockTaken(mode=mode, file=file, line=line, statement="ALTER …", transaction=transaction, blocks=Blocks.READS)
        relations.setdefault(f"public.{relation}", []).append(lock)
    files = sorted({lock[2] for lock in locks})
    return Forecast(
        script=Script(migrations=tuple(MigrationRef(version=n, name=f, file=f) for n, f in enumerate(files))),
        relations=tuple(
            RelationForecast(relation=name, locks=tuple(taken), blocks=Blocks.READS, blocked_s=SECONDS)
            for name, taken in relations.items()
        ),
        operations=(),
        unknown=(),
        broken=(),
        statements_checked=0,
        total_s=SECONDS,
        transactions=max(lock[4] for lock in locks),
    )


def found(made: Forecast, *texts: str, keys: tuple[KeyBetween, ...] = ()) -> list[Deadlock]:
    known = KnownRelations(["public.users", "public.keys"])
    orders = [Order(touches=touches(text, known, keys), text=text) for text in texts]
    return [one for those in deadlocks(made, orders).values() for one in those]


USERS_THEN_KEYS = forecast(("users", "AccessExclusiveLock", "1.sql", 9, 1), ("keys", "AccessExclusiveLock", "2.sql", 3, 1))
JOIN = "SELECT * FROM keys JOIN users ON users.id = keys.user_id WHERE keys.id = 'secret'"


def test_a_statement_in_the_opposite_order_may_deadlock_at_the_scripts_second_lock() -> None:
    (deadlock,) = found(USERS_THEN_KEYS, JOIN, JOIN)
    assert (deadlock.first, deadlock.second, deadlock.file, deadlock.line) == ("public.users", "public.keys", "2.sql", 3)
    assert deadlock.because == "a statement locks public.keys first, and public.users then"
    assert "secret" not in deadlock.statement


def test_the_same_order_does_not() -> None:
    assert not found(USERS_THEN_KEYS, "SELECT * FROM users JOIN keys ON users.id = keys.user_id")


def test_two_transactions_do_not() -> None:
    apart = forecast(("users", "AccessExclusiveLock", "1.sql", 9, 1), ("keys", "AccessExclusiveLock", "2.sql", 3, 2))
    assert not found(apart, JOIN)


def test_a_lock_that_lets_the_statement_through_does_not() -> None:
    weak = forecast(("users", "ShareLock", "1.sql", 9, 1), ("keys", "AccessExclusiveLock", "2.sql", 3, 1))
    assert not found(weak, JOIN)


def test_an_insert_looks_at_its_parent_last() -> None:
    (deadlock,) = found(USERS_THEN_KEYS, "INSERT INTO keys (id, user_id) VALUES (1, 2)", keys=(KEY,))
    assert deadlock.because.endswith("public.users then through keys_user")


def test_a_foreign_key_alone_tells_both_orders_where_no_statement_is_known() -> None:
    one = deadlocks(USERS_THEN_KEYS, tuple(orders_of_keys((KEY,), statements_known=False)))
    assert [(d.second, d.because, d.statement) for d in one["public.keys"]] == [
        ("public.keys", "whoever inserts into public.keys looks at public.users then (keys_user)", "")
    ]
    keys_first = forecast(("keys", "AccessExclusiveLock", "1.sql", 1, 1), ("users", "AccessExclusiveLock", "1.sql", 2, 1))
    other = deadlocks(keys_first, tuple(orders_of_keys((KEY,), statements_known=False)))
    assert other["public.users"][0].because == "whoever deletes from public.users changes public.keys then (keys_user)"


def test_a_foreign_key_alone_says_nothing_where_the_statements_are_known() -> None:
    assert not list(orders_of_keys((KEY,), statements_known=True))
