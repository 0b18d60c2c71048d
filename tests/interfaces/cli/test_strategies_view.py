"""Waiting and strategies in a forecast, as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks, Forecast, Seconds
from lockage.core.forecast.waiting_records import Deadlock, InTheWay, LongStatement, Queue, Waiting
from lockage.core.plan.compared import compared, without_deployment
from lockage.interfaces.cli.forecast_view import show_forecast
from lockage.settings import Settings
from support.plan_material import blocked, breaking, harmless
from support.printed import printed

LEDGER = "public.schema_migrations"
IDLE = InTheWay(
    pid=4711,
    user="report",
    application="metabase",
    what="idle in transaction",
    since_s=3600.0,
    holds="AccessShareLock",
    statement="SELECT $1 FROM users",
)
WAITING = Waiting(
    in_the_way=(IDLE, replace(IDLE, pid=None, application="", what="prepared transaction half"), IDLE, IDLE),
    long_statements=(LongStatement(statement="SELECT * FROM users", mean_s=1.0, max_s=45.0, calls_s=0.1),),
    queue=Queue(calls_s=12.5, waiting=106.0, waiting_most=250.0, free_connections=80, fills_s=6.4),
    deadlocks=(
        Deadlock(
            first="public.users",
            second="public.api_keys",
            transaction=1,
            file="000014_x.up.sql",
            line=1,
            because="a statement locks public.api_keys first, and public.users then",
            statement="INSERT INTO api_keys …",
        ),
    ),
    lock_timeout_s=0.5,
)


def shown(found: Forecast, *, terminal: bool = False) -> str:
    return printed(lambda console: show_forecast(found, console), terminal=terminal)


def with_all() -> Forecast:
    keys = blocked("public.api_keys", Blocks.READS, Seconds(low=4.0, likely=8.5, high=20.0))
    found = replace(breaking(), relations=(replace(keys, waiting=WAITING),), calls_s=100.0)
    return compared(without_deployment(found, ledger=LEDGER, settings=Settings()))


@pytest.mark.parametrize(
    "sentence",
    [
        "12.5 statements a second would wait: 106 likely, 250 at most; after 6.4 s all 80 free connections would be taken",
        "in its way now: pid 4711, user report, metabase: idle in transaction for 60 min with AccessShareLock",
        "in its way now: user report: prepared transaction half for 60 min",
        "and 2 more in its way",
        "may wait up to 45 s for: SELECT * FROM users",
        "possible deadlock: transaction 1 locks public.users and then this at 000014_x.up.sql:1, but a statement locks "
        "public.api_keys first, and public.users then: INSERT INTO api_keys …",
        "where the migrator allows it, lock_timeout 500ms with retries would keep the queues short",
        "What each strategy costs: scale-to-zero is recommended",
        "* scale-to-zero",
        "- not rolling: 2 of 20 statements of the running release fail after it",
        "- scale-to-zero: nothing of the running release runs while the schema moves",
    ],
)
def test_a_pipe_gets_every_sentence_of_waiting_and_of_strategies(sentence: str) -> None:
    assert sentence in shown(with_all())


def test_a_terminal_of_80_columns_holds_the_table_of_strategies_in_one_line_each() -> None:
    lines = shown(with_all(), terminal=True).splitlines()
    assert max(len(line) for line in lines) <= 80
    (row,) = [line.split() for line in lines if line.startswith("* scale-to-zero")]
    assert row[:3] == ["*", "scale-to-zero", "yes"]
    assert row[-1] == "1600"


def test_where_too_little_is_known_none_is_recommended_and_nothing_is_counted() -> None:
    found = compared(without_deployment(replace(harmless(), statements_checked=0), ledger=LEDGER, settings=Settings()))
    text = shown(found)
    assert "What each strategy costs: too little is known to recommend one" in text
    assert "requests" not in text
    assert "how long replicas take to stop, start and boot is a guess: no deployment was named" in text
    assert "* " not in text


def test_for_whom_a_script_that_blocks_nobody_would_wait_is_said() -> None:
    building = blocked("public.api_keys", Blocks.NONE, Seconds(low=0.0, likely=0.0, high=0.0))
    waits = Waiting(in_the_way=(replace(IDLE, holds=None),))
    text = shown(replace(harmless(), relations=(replace(building, waiting=waits),)))
    assert "For whom the script itself would wait now" in text
    assert "- public.api_keys: pid 4711, user report, metabase: idle in transaction for 60 min with an older snapshot" in text
