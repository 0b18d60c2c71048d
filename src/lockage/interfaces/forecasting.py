"""Forecasts for a deployment: its profile's migrations, its live database, its running release's statements, put together.

Not for tracing (``flows.forecast``). The surprising thing: a later hop is forecast on today's database with the earlier hops'
scripts applied on the shadow, and with the rows that an advisory says they will leave behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import Plan
from lockage.flows.forecast import forecast_database
from lockage.flows.propose import HopQuestion, propose
from lockage.flows.survey import survey
from lockage.flows.world import World
from lockage.interfaces.deployments import Deployment
from lockage.interfaces.wiring import form_of, migrations_of, shadows_of, statements_of
from lockage.ports import Narrate


def look(world: World) -> Survey:
    """A survey of the world, now."""
    return survey(
        deployment=world.deployment,
        profile=world.profile,
        platform=world.platform,
        database=world.database,
        service=world.service,
        clock=world.clock,
        settings=world.settings,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecaster:
    """Forecasts hops of one deployment."""

    deployment: Deployment
    narrate: Narrate

    def between(
        self, from_release: str, to_release: str, *, at_version: int | None = None, rows: Mapping[str, float] | None = None
    ) -> Forecast:
        """The forecast of one hop. ``at_version``: where the database stands, when that is before ``from_release``."""
        profile = self.deployment.profile
        releases = profile.migrations.releases
        return forecast_database(
            migrations_of(self.deployment),
            url=self.deployment.database_url,
            form=form_of(self.deployment),
            shadows=shadows_of(self.deployment),
            narrate=self.narrate,
            from_version=releases[from_release],
            to_version=releases[to_release],
            at_version=at_version,
            transaction=profile.migrations.transaction,
            ledger=profile.migrations.ledger,
            statements=statements_of(self.deployment, from_release),
            rows=rows,
        )

    def hop(self, question: HopQuestion) -> Forecast:
        """The answer to a planner's question."""
        first = question.before[0] if question.before else question.leg
        at_version = self.deployment.profile.migrations.releases[first.from_release]
        return self.between(question.leg.from_release, question.leg.to_release, at_version=at_version, rows=question.rows)


def proposer(world: World, deployment: Deployment, *, narrate: Narrate) -> Callable[[str, Wishes], Plan]:
    """Gives a fresh plan from where the deployment is to a target, each time it is asked."""
    forecaster = Forecaster(deployment=deployment, narrate=narrate)

    def fresh(target: str, wishes: Wishes) -> Plan:
        return propose(
            survey=look(world),
            profile=world.profile,
            target=target,
            forecast_hop=forecaster.hop,
            ask=world.database.ask,
            clock=world.clock,
            narrate=narrate,
            settings=world.settings,
            wishes=wishes,
        )

    return fresh
