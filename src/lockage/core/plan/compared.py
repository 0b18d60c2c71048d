"""The strategies of a forecast beside each other, by the very rules by which a plan chooses among them.

Not for the rules (``strategy``) nor for steps. The surprising thing: without a deployment one strategy may be recommended all
the same, since a statement that breaks, or readers that wait for a minute, speak against a rolling update on every platform;
and where nothing but ignorance does, none is. Nor is any for a script that fails for certain.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from lockage.core.forecast.assess import Forecast, Hazard, StrategyForecast
from lockage.core.forecast.hazards.find import certain_failures
from lockage.core.forecast.seconds import rounded
from lockage.core.forecast.strategies import (
    Outage,
    requests_that_break,
    requests_that_wait,
    requests_without_service,
    without_writes_s,
)
from lockage.core.plan.situation import Situation, blocked_s, noticeable, old_release_breaks, used_relations
from lockage.core.plan.steps import Strategy, StrategyVerdict
from lockage.core.plan.strategy import choose, consider, outages
from lockage.core.plan.timing import guessed_timing
from lockage.settings import Settings

_TAKEN = "a replica is taken to need "
"""How the assumption begins that a deployment, where it is known later, does away with."""


def compared(situation: Situation) -> Forecast:
    """The situation's forecast with every strategy's cost, and the one that a plan would take."""
    costs = outages(situation)
    fails = certain_failures(situation.forecast.hazards)
    nothing = fails or _hangs_on_the_unknown(situation)
    return replace(
        situation.forecast,
        strategies=tuple(
            _with_costs(situation, verdict if not fails else _impossible(verdict, fails[0]), costs[verdict.strategy])
            for verdict in consider(situation)
        ),
        recommended=None if nothing else choose(situation).strategy.value,
        assumptions=(*(a for a in situation.forecast.assumptions if not a.startswith(_TAKEN)), *_assumed(situation)),
    )


def _impossible(verdict: StrategyVerdict, failure: Hazard) -> StrategyVerdict:
    """No strategy helps a script that fails: the first thing to say of each."""
    why = f"the script fails at {failure.file}:{failure.line}: {failure.sentence.removeprefix('it fails: ')}"
    others = () if verdict.possible else verdict.reasons
    return msgspec.structs.replace(verdict, possible=False, reasons=(why, *others))


def without_deployment(forecast: Forecast, *, ledger: str | None, settings: Settings) -> Situation:
    """What is known where nothing but migrations, and perhaps a database, was given."""
    return Situation(
        from_release="the running release",
        to_release="the next release",
        workload=None,
        forecast=forecast,
        timing=guessed_timing(settings.expected),
        ledger_table=ledger,
        one_migrator=True,  # whether a platform starts several at once is not known either
        limits=settings.strategy,
    )


def _with_costs(situation: Situation, verdict: StrategyVerdict, outage: Outage) -> StrategyForecast:
    return StrategyForecast(
        name=verdict.strategy.value,
        possible=verdict.possible,
        unavailable_s=verdict.unavailable_s,
        without_reads_s=rounded(outage.without_reads_s),
        without_writes_s=rounded(outage.without_writes_s),
        reasons=(*verdict.reasons, *(_guesses(situation, verdict.strategy) if verdict.possible else ())),
        requests=_requests(situation, verdict.strategy, outage),
    )


def _guesses(situation: Situation, strategy: Strategy) -> tuple[str, ...]:
    """That the seconds beside the migration's are no measurement, where they are in the figures."""
    replaced = strategy is Strategy.SCALE_TO_ZERO or old_release_breaks(situation.forecast)
    if situation.workload is not None or not replaced:
        return ()
    return ("how long replicas take to stop, start and boot is a guess: no deployment was named",)


def _assumed(situation: Situation) -> tuple[str, ...]:
    """What every strategy's figures stand on where there is no deployment."""
    if situation.workload is not None or not situation.forecast.script.migrations:
        return ()
    timing = situation.timing
    stop, start, boot = (f"{part.likely:g} s" for part in (timing.termination, timing.start, timing.boot))
    return (
        f"{_TAKEN}{stop} to stop, {start} to start and {boot} to boot, and nobody knows how long at most:"
        " a forecast of the deployment itself measures it (lockage forecast NAME)",
    )


def _requests(situation: Situation, strategy: Strategy, outage: Outage) -> float | None:
    forecast = situation.forecast
    if strategy is Strategy.SCALE_TO_ZERO:
        return requests_without_service(forecast, outage)
    waiting = requests_that_wait(forecast, situation.ledger_table, longer_than_s=situation.limits.blocked_likely_s)
    if not old_release_breaks(forecast):
        return waiting
    failing = requests_that_break(forecast, outage.unavailable_s.likely - blocked_s(situation).likely)
    return None if waiting is None or failing is None else waiting + failing


def _hangs_on_the_unknown(situation: Situation) -> bool:
    """Whether a rolling update has nothing against it but what is not known without a deployment or a database."""
    forecast, limits = situation.forecast, situation.limits
    if situation.workload is not None:
        return False
    if forecast.broken or forecast.unknown:
        return False
    waits = [without_writes_s(relation) for relation in used_relations(situation)]
    if any(wait.likely > limits.blocked_likely_s or (wait.high or 0.0) > limits.blocked_high_s for wait in waits):
        return False
    return old_release_breaks(forecast) or any(noticeable(wait, limits) for wait in waits)
