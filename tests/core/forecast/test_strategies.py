"""What strategies cost users, in seconds and in statements."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast, Seconds, Stretch
from lockage.core.forecast.strategies import (
    Outage,
    Timing,
    blocked,
    outage_of_rolling,
    outage_of_scale_to_one,
    outage_of_scale_to_zero,
    requests_that_wait,
    requests_without_service,
    without_writes_s,
)
from lockage.core.forecast.waiting_records import Queue, Waiting
from support.plan_material import blocked as relation_blocked
from support.plan_material import forecast

LEDGER = "public.schema_migrations"


def exactly(seconds: float) -> Seconds:
    return Seconds(low=seconds, likely=seconds, high=seconds)


TIMING = Timing(termination=exactly(2), start=exactly(1), boot=exactly(4))


def stretched(name: str, *stretches: tuple[Blocks, float, int]) -> RelationForecast:
    """A relation blocked in stretches of (level, seconds, transaction)."""
    order = list(Blocks)
    worst = min((blocks for blocks, _, _ in stretches), key=order.index)
    lasting = sum(seconds for blocks, seconds, _ in stretches if blocks is worst)
    return replace(
        relation_blocked(f"public.{name}", worst, exactly(lasting)),
        stretches=tuple(
            Stretch(
                blocks=blocks,
                from_s=exactly(0),
                until_s=exactly(seconds),
                lasts_s=exactly(seconds),
                transaction=transaction,
            )
            for blocks, seconds, transaction in stretches
        ),
    )


def of(*relations: RelationForecast, transactions: int = 1, total_s: float = 1000.0) -> Forecast:
    return replace(forecast(relations=relations, total_s=exactly(total_s)), transactions=transactions)


def test_writers_wait_while_an_index_is_built_though_readers_are_stopped_for_a_moment_only() -> None:
    built = stretched("users", (Blocks.WRITES, 60, 1), (Blocks.READS, 0.1, 1))
    assert built.blocked_s.likely == 0.1
    assert without_writes_s(built).likely == 60.1
    found = blocked(of(built), LEDGER)
    assert (found.without_reads_s.likely, found.without_writes_s.likely) == (0.1, 60.1)
    assert found.unavailable_s.likely == 60.1


def test_in_one_transaction_all_relations_are_blocked_at_once() -> None:
    found = blocked(of(stretched("users", (Blocks.READS, 5, 1)), stretched("keys", (Blocks.WRITES, 9, 1))), LEDGER)
    assert found == Outage(without_reads_s=exactly(5), without_writes_s=exactly(9))


def test_over_several_the_longest_of_each_add_up() -> None:
    users = stretched("users", (Blocks.READS, 5, 1), (Blocks.READS, 1, 2))
    keys = stretched("keys", (Blocks.READS, 3, 1), (Blocks.WRITES, 4, 2))
    found = blocked(of(users, keys, transactions=2), LEDGER)
    assert (found.without_reads_s.likely, found.without_writes_s.likely) == (6, 9)


def test_they_are_never_more_than_the_whole_script() -> None:
    many = (relation_blocked(f"public.t{n}", Blocks.READS, exactly(8)) for n in range(4))
    assert blocked(of(*many, transactions=9, total_s=10), LEDGER).unavailable_s == exactly(10)


def test_the_ledger_is_nobodys() -> None:
    assert blocked(of(), LEDGER).unavailable_s == exactly(0)
    assert blocked(of(), None).unavailable_s.likely == 10.0


def test_a_script_that_nobody_has_seen_blocks_as_long_as_it_takes() -> None:
    unseen = replace(of(total_s=420), script=replace(forecast().script, known=False))
    assert blocked(unseen, LEDGER).without_reads_s == exactly(420)


def test_broken_statements_cost_until_the_old_replicas_are_replaced() -> None:
    waiting = Outage(without_reads_s=exactly(0), without_writes_s=exactly(3))
    assert outage_of_rolling(waiting, TIMING, breaks=False, waves=3) == waiting
    assert outage_of_rolling(waiting, TIMING, breaks=True, waves=3).unavailable_s == exactly(18)
    assert outage_of_rolling(waiting, TIMING, breaks=True, waves=None).without_reads_s == replace(exactly(5), high=None)
    assert outage_of_scale_to_one(waiting, TIMING, breaks=True).without_writes_s == exactly(7)
    assert outage_of_scale_to_one(waiting, TIMING, breaks=False) == waiting


def test_scale_to_zero_costs_everything() -> None:
    assert outage_of_scale_to_zero(of(total_s=10), TIMING).unavailable_s == exactly(17)


def queued(relation: RelationForecast, calls_s: float) -> RelationForecast:
    queue = Queue(calls_s=calls_s, waiting=0, waiting_most=None, free_connections=None, fills_s=None)
    return replace(relation, waiting=Waiting(queue=queue))


def test_statements_that_wait_longer_than_a_second_are_counted_once_at_most() -> None:
    users, keys = (queued(relation_blocked(f"public.{n}", Blocks.READS, exactly(11)), 20) for n in ("users", "keys"))
    short = relation_blocked("public.short", Blocks.READS, exactly(0.5))
    counted = replace(of(users, short), calls_s=100.0)
    assert requests_that_wait(counted, LEDGER, longer_than_s=1.0) == 200.0
    assert requests_that_wait(replace(of(users, keys), calls_s=25.0), LEDGER, longer_than_s=1.0) == 275.0


def test_statements_that_nobody_counted_are_not_known() -> None:
    long = relation_blocked("public.users", Blocks.READS, exactly(11))
    assert requests_that_wait(of(long), LEDGER, longer_than_s=1.0) is None
    assert requests_that_wait(of(), LEDGER, longer_than_s=1.0) == 0.0
    nobody = Outage(without_reads_s=exactly(7), without_writes_s=exactly(7))
    assert requests_without_service(of(), nobody) is None
    assert requests_without_service(replace(of(), calls_s=3.0), nobody) == 21.0
