"""When locks are held and users wait, in seconds since the script began."""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.forecast.assess import Blocks, Seconds, Stretch
from lockage.core.forecast.seconds import Totals
from lockage.core.forecast.stretches import Moments, merged, spans, stretches
from lockage.core.forecast.timeline import Hold
from support.traces import USERS, Script

READS, WRITES, ROWS, NONE = Blocks.READS, Blocks.WRITES, Blocks.ROWS, Blocks.NONE


def moments(script: Script, *likely: float, unknown_from: int | None = None) -> Moments:
    seconds = [
        Seconds(low=s / 2, likely=s, high=None if unknown_from is not None and i >= unknown_from else 2 * s)
        for i, s in enumerate(likely or [1.0] * len(script.steps))
    ]
    return Moments(script.trace(), Totals(seconds))


def hold(blocks: Blocks, first: int, last: int, *, mode: str | None = "ShareLock", because: str | None = None) -> Hold:
    return Hold(oid=USERS, mode=mode, blocks=blocks, first=first, last=last, because=because)


def one_transaction(statements: int) -> Script:
    script = Script()
    for _ in range(statements):
        script.did("SELECT 1")
    return script


def brief(found: Sequence[Stretch]) -> list[tuple[Blocks, float, float]]:
    return [(s.blocks, s.from_s.likely, s.until_s.likely) for s in found]


def test_users_wait_from_the_start_of_the_statement_to_the_end_of_the_last() -> None:
    (found,) = stretches([hold(READS, 1, 2)], moments(one_transaction(4), 1.0, 2.0, 4.0, 8.0))
    assert (found.from_s.likely, found.until_s.likely, found.lasts_s.likely) == (1.0, 7.0, 6.0)
    assert found.from_s.low < 1.0 < (found.from_s.high or 0)


def test_within_a_transaction_it_gets_worse_at_the_statement_that_takes_the_stronger_lock() -> None:
    found = stretches([hold(ROWS, 0, 3), hold(READS, 2, 3, mode="AccessExclusiveLock")], moments(one_transaction(4)))
    assert brief(found) == [(ROWS, 0.0, 2.0), (READS, 2.0, 4.0)]
    assert [s.mode for s in found] == ["ShareLock", "AccessExclusiveLock"]


def test_a_rollback_to_a_savepoint_leaves_the_milder_lock_alone_again() -> None:
    found = stretches([hold(ROWS, 0, 3), hold(READS, 1, 2)], moments(one_transaction(4)))
    assert brief(found) == [(ROWS, 0.0, 1.0), (READS, 1.0, 3.0), (ROWS, 3.0, 4.0)]


def test_locks_of_one_level_are_one_stretch_named_after_the_strongest() -> None:
    held = [hold(WRITES, 0, 2), hold(WRITES, 1, 2, mode="ExclusiveLock")]
    (found,) = stretches(held, moments(one_transaction(3)))
    assert (found.mode, found.from_s.likely, found.until_s.likely) == ("ExclusiveLock", 0.0, 3.0)


def test_a_commit_lets_users_through_so_two_transactions_are_two_stretches() -> None:
    script = Script().did("SELECT 1", open_behind=False).did("SELECT 2", transaction=2)
    found = stretches([hold(READS, 0, 0), hold(READS, 1, 1)], moments(script))
    assert [(s.transaction, s.from_s.likely, s.until_s.likely) for s in found] == [(1, 0.0, 1.0), (2, 1.0, 2.0)]


def test_a_commit_within_one_number_counts_too() -> None:
    # The migrator's own notes bear the number of their migration.
    script = Script().did("SELECT 1", open_behind=False).did("SELECT 2")
    assert len(stretches([hold(READS, 0, 0), hold(READS, 1, 1)], moments(script))) == 2


def test_a_wait_without_a_lock_of_its_own_says_why() -> None:
    (found,) = stretches([hold(WRITES, 0, 0, mode=None, because="refers to public.keys")], moments(one_transaction(1)))
    assert (found.mode, found.because) == (None, "refers to public.keys")


def test_locks_that_stop_nobody_make_no_stretch() -> None:
    assert stretches([hold(NONE, 0, 3)], moments(one_transaction(4))) == ()


def test_what_follows_something_unknown_has_no_latest_moment() -> None:
    found = stretches([hold(READS, 0, 0), hold(WRITES, 1, 2)], moments(one_transaction(3), unknown_from=1))
    assert [(s.from_s.high is None, s.until_s.high is None) for s in found] == [(False, False), (False, True)]


def test_a_transaction_spans_its_statements() -> None:
    script = Script().did("SELECT 1").did("SELECT 2", open_behind=False).did("SELECT 3", transaction=2)
    first, second = spans(moments(script, 1.0, 2.0, 4.0))
    assert (first.transaction, first.from_s.likely, first.until_s.likely, first.statements) == (1, 0.0, 3.0, 2)
    assert (second.transaction, second.from_s.likely, second.until_s.likely, second.statements) == (2, 3.0, 7.0, 1)
    assert (first.file, first.line) == ("1_a.sql", 1)


def test_a_thousand_transactions_are_a_thousand_stretches_each_with_its_own_lock() -> None:
    script = Script()
    for number in range(1, 1001):
        script.did("SELECT 1", transaction=number, open_behind=False)
    modes = ["ShareLock", "ExclusiveLock"]
    found = stretches([hold(WRITES, i, i, mode=modes[i % 2]) for i in range(1000)], moments(script))
    assert [s.mode for s in found] == modes * 500


def test_ranges_that_overlap_or_touch_become_one() -> None:
    assert list(merged([(5, 6), (0, 1), (2, 3), (1, 2), (6, 9)])) == [(0, 3), (5, 9)]
    assert list(merged([])) == []
