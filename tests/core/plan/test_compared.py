"""The strategies of a forecast beside each other, with a deployment and without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks, Forecast, Hazard, Seconds, Severity, StrategyForecast
from lockage.core.forecast.waiting_records import Queue, Waiting
from lockage.core.plan.compared import compared, without_deployment
from lockage.core.plan.planner import plan, situation_of
from lockage.core.release.route import Leg
from lockage.settings import Settings
from support.plan_material import NOW, blocked, breaking, forecast, harmless, survey, towpath

LEDGER = "public.schema_migrations"


def alone(found: Forecast) -> Forecast:
    return compared(without_deployment(found, ledger=LEDGER, settings=Settings()))


def deployed(found: Forecast, *, release: str = "2.26.6", target: str = "2.27.8") -> Forecast:
    leg = Leg(from_release=release, to_release=target)
    return compared(situation_of(survey(release), towpath(), leg, found, settings=Settings(), answers={}))


def of(made: Forecast, name: str) -> StrategyForecast:
    return next(strategy for strategy in made.strategies if strategy.name == name)


@pytest.mark.parametrize(
    "found", [harmless(), breaking(), forecast(unknown=("?",)), forecast(checked=0), forecast(migrations=0)]
)
def test_a_forecast_never_contradicts_the_plan_for_the_same_step(found: Forecast) -> None:
    made = deployed(found)
    (hop,) = plan(survey("2.26.6"), towpath(), target="2.27.8", forecasts=[found], now=NOW, settings=Settings()).hops
    assert made.recommended == hop.strategy
    assert [(s.name, s.possible, s.unavailable_s, s.reasons) for s in made.strategies] == [
        (v.strategy, v.possible, v.unavailable_s, v.reasons) for v in hop.considered
    ]


def test_readers_and_writers_are_told_apart() -> None:
    written = forecast(relations=(blocked("public.keys", Blocks.WRITES, Seconds(low=20.0, likely=30.0, high=40.0)),))
    one = of(deployed(written), "scale-to-one")
    assert one.without_reads_s == Seconds(low=0.0, likely=0.0, high=0.0)
    assert one.without_writes_s == one.unavailable_s == Seconds(low=20.0, likely=30.0, high=40.0)
    zero = of(deployed(written), "scale-to-zero")
    assert zero.without_reads_s == zero.without_writes_s == zero.unavailable_s


def test_statements_are_counted_where_somebody_did() -> None:
    queue = Queue(calls_s=10.0, waiting=0, waiting_most=None, free_connections=None, fills_s=None)
    keys = blocked("public.keys", Blocks.READS, Seconds(low=20.0, likely=31.0, high=40.0))
    found = replace(forecast(relations=(replace(keys, waiting=Waiting(queue=queue)),)), calls_s=50.0)
    made = deployed(found)
    assert of(made, "rolling").requests == of(made, "scale-to-one").requests == 300.0
    assert of(made, "scale-to-zero").requests == round(50.0 * of(made, "scale-to-zero").unavailable_s.likely, 1)
    assert of(deployed(replace(found, broken=breaking().broken)), "rolling").requests is None
    counted = tuple(replace(broken, calls_s=4.0) for broken in breaking().broken)
    # Two that fail, four times a second each, until one replica has booted in 1.5 s.
    assert of(deployed(replace(found, broken=counted)), "scale-to-one").requests == 300.0 + 2 * 4.0 * 1.5


# --- without a deployment ---------------------------------------------------------------------------------------------


def test_without_a_deployment_what_replicas_take_is_a_guess_without_an_end() -> None:
    made = alone(breaking())
    zero, one = of(made, "scale-to-zero"), of(made, "scale-to-one")
    assert zero.unavailable_s == Seconds(low=4.0, likely=16.0, high=None)
    assert one.unavailable_s == Seconds(low=4.0, likely=11.5, high=None)
    guess = "how long replicas take to stop, start and boot is a guess: no deployment was named"
    assert zero.reasons[-1] == one.reasons[-1] == guess
    assert made.recommended == "scale-to-zero"
    assert made.assumptions[-1].startswith(
        "a replica is taken to need 2 s to stop, 2 s to start and 3 s to boot, and nobody knows"
    )
    assert not [said for said in deployed(breaking()).assumptions if "replica" in said]


def test_a_harmless_script_rolls_wherever_the_platform_keeps_some_serving() -> None:
    made = alone(harmless())
    rolling = of(made, "rolling")
    assert made.recommended == "rolling"
    assert rolling.possible
    assert rolling.unavailable_s.high == 0.2
    assert rolling.reasons[-1] == "whether some replicas keep serving is the platform's to say: no deployment was named"


@pytest.mark.parametrize(
    ("found", "recommended"),
    [
        (forecast(checked=0), None),  # nothing speaks against rolling but that nobody tried a statement
        (forecast(relations=(blocked("public.t", Blocks.READS, Seconds(low=0.0, likely=0.1, high=None)),)), None),  # no sizes
        (
            forecast(checked=0, relations=(blocked("public.t", Blocks.READS, Seconds(low=9, likely=30, high=60)),)),
            "scale-to-zero",
        ),
        (forecast(unknown=("a branch did not run",)), "scale-to-zero"),
        (forecast(migrations=0, checked=0), "rolling"),
    ],
)
def test_nothing_is_recommended_where_only_ignorance_speaks_against_rolling(found: Forecast, recommended: str | None) -> None:
    made = alone(found)
    assert made.recommended == recommended
    assert [strategy.name for strategy in made.strategies] == ["rolling", "scale-to-one", "scale-to-zero"]


@pytest.mark.parametrize("make", [alone, deployed])
def test_no_strategy_is_possible_for_a_script_that_fails_for_certain(make: Callable[[Forecast], Forecast]) -> None:
    fails = Hazard(
        code="H043", severity=Severity.ERROR, relation=None, file="2_x.sql", line=7, sentence="it fails: no t", remedy=""
    )
    made = make(replace(harmless(), hazards=(fails,)))
    assert made.recommended is None
    assert [strategy.possible for strategy in made.strategies] == [False, False, False]
    assert {strategy.reasons[0] for strategy in made.strategies} == {"the script fails at 2_x.sql:7: no t"}
    assert make(replace(harmless(), hazards=(replace(fails, severity=Severity.WARNING, code="H041"),))).recommended == "rolling"
