"""Say of a forecast who would wait, and what each strategy would cost, as a plan for the same step would.

Not for planning (``propose``): a deployment that is not fit for an upgrade now has a forecast all the same. The surprising
thing: it asks the database what the advisories want to know, for an advisory may forbid that old and new overlap.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.names import LISTED_KINDS
from lockage.core.forecast.trace import CatalogRules, Trace
from lockage.core.forecast.traffic import Traffic
from lockage.core.forecast.waiting import with_waiting
from lockage.core.forecast.waiting_statements import keys_by_name
from lockage.core.plan.advised import questions
from lockage.core.plan.compared import compared, without_deployment
from lockage.core.plan.planner import situation_of
from lockage.core.release.profile import Profile
from lockage.core.release.route import Leg
from lockage.flows.propose import Ask, answered
from lockage.ports import Narrate
from lockage.settings import Settings


def compare_strategies(
    forecast: Forecast, *, survey: Survey, profile: Profile, leg: Leg, ask: Ask, narrate: Narrate, settings: Settings
) -> Forecast:
    """The forecast of ``leg`` with the strategies that this deployment has for it, and the one that a plan would take."""
    answers = answered(questions(profile, (leg,)), ask, narrate)
    return compared(situation_of(survey, profile, leg, forecast, settings=settings, answers=answers))


def with_waits(
    forecast: Forecast,
    *,
    trace: Trace,
    rules: CatalogRules,
    statements: Sequence[str],
    traffic: Traffic | None,
    settings: Settings,
) -> Forecast:
    """The forecast with what is known of waiting.

    ``rules`` are those before the script; ``traffic`` None: nobody looked at a live database.
    """
    return with_waiting(
        forecast,
        traffic,
        statements=statements,
        relations=(r.relation for r in trace.start.relations.values() if r.kind in LISTED_KINDS),
        keys=keys_by_name(trace.start, rules),
        limits=settings.waits,
    )


def appraised(forecast: Forecast, *, settings: Settings) -> Forecast:
    """The forecast with the strategies as far as they can be told without a deployment."""
    return compared(without_deployment(forecast, ledger=forecast.script.ledger, settings=settings))
