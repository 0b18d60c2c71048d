"""Forecasts for a deployment: its profile's migrations, its live database, its running release's statements, put together.

Not for tracing (``flows.forecast``). The surprising thing: a later hop is forecast on today's database with the earlier hops'
scripts applied on the shadow, and with the rows that an advisory says they will leave behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lockage.core.facts import LedgerState, Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.calibration.past import PastRun
from lockage.core.forecast.traffic import Traffic
from lockage.core.forecast.unseen import unseen
from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import Plan
from lockage.core.release.profile import Profile
from lockage.core.release.route import Leg, knowing, last_migration
from lockage.core.release.statements import RunningRelease, running_release
from lockage.flows.calibrate import Measure, calibrating
from lockage.flows.check_data import as_it_is
from lockage.flows.compare import compare_strategies
from lockage.flows.forecast import Beside, forecast_database
from lockage.flows.propose import HopQuestion, propose
from lockage.flows.survey import survey
from lockage.flows.world import World
from lockage.interfaces import wiring
from lockage.interfaces.checking import asking
from lockage.interfaces.deployments import Deployment
from lockage.interfaces.hazards import hazard_question
from lockage.interfaces.wiring import form_of, migrations_of, shadows_of
from lockage.interfaces.wiring_statements import statements_running
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


def known_here(deployment: Deployment, seen: Survey, *, target: str) -> Profile:
    """The deployment's profile with what it does not say of two releases, where that can be seen here.

    The running release's last migration is where the ledger is; the target's is the last of the folder that the user named.
    """
    profile = deployment.profile
    ledger = seen.ledger
    if seen.release is not None and ledger.state is LedgerState.READ and ledger.version is not None and not ledger.dirty:
        profile = knowing(profile, seen.release, ledger.version)
    if deployment.migrations is not None:
        profile = knowing(profile, target, migrations_of(deployment)[-1].version)
    return profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecaster:
    """Forecasts hops of one deployment."""

    deployment: Deployment
    profile: Profile  # of the deployment, as ``known_here`` gives it
    narrate: Narrate
    measure: Measure | None = None  # what may be timed on the database
    check_data: bool = False  # ask the database whether the script would fail on its rows
    past: Sequence[PastRun] = ()  # of earlier runs of the deployment, oldest first
    statements: RunningRelease | None = None  # of the running release; None: the profile's, else those that were counted

    def step(self, world: World, seen: Survey, *, running: str, target: str) -> Forecast:
        """The forecast of one step from here, with who would wait if it began now, and what each strategy would cost."""
        deployment = self.deployment
        self.narrate("looking who is at work in the database")
        now = wiring.traffic(deployment.database_url, settings=world.settings, password=deployment.database_password)
        made = self.between(running, target, traffic=now)
        return compare_strategies(
            made,
            survey=seen,
            profile=self.profile,
            leg=Leg(from_release=running, to_release=target),
            ask=world.database.ask,
            narrate=self.narrate,
            settings=world.settings,
        )

    def between(
        self,
        from_release: str,
        to_release: str,
        *,
        at_version: int | None = None,
        rows: Mapping[str, float] | None = None,
        traffic: Traffic | None = None,
        running: bool = True,
    ) -> Forecast:
        """The forecast of one hop. ``at_version``: where the database stands, when that is before ``from_release``.

        ``running``: ``from_release`` is what runs, so that the statements which the database has counted are its own.

        Where nobody knows which migrations the hop applies, everything about it is unknown; where only the first of them is
        not known, those of the hops before it are counted too.
        """
        first, last = (last_migration(self.profile, release) for release in (from_release, to_release))
        begin = at_version if first is None else first
        migrations = migrations_of(self.deployment)
        if begin is None or last is None or not migrations:
            reason = f"which migrations lead from {from_release} to {to_release} is not known"
            return unseen(reason=reason, typical_s=self.profile.vendor.typical_s)
        made = forecast_database(
            migrations,
            url=self.deployment.database_url,
            form=form_of(self.deployment),
            shadows=shadows_of(self.deployment),
            narrate=self.narrate,
            from_version=begin,
            to_version=last,
            at_version=at_version,
            transaction=self.profile.migrations.transaction,
            ledger=self.profile.migrations.ledger,
            statements=self._statements_of(from_release, running=running),
            rows=rows,
            beside=self._beside(traffic),
        )
        named = self.deployment.migrations
        made = replace(made, script=replace(made.script, folder=str(named) if named else None))
        if first is not None:
            return made
        counted = f"where {from_release} ends is not known, so every migration after {begin} is counted, those before it too"
        return replace(made, assumptions=(*made.assumptions, counted))

    def _beside(self, traffic: Traffic | None) -> Beside:
        url, password = self.deployment.database_url, self.deployment.database_password
        target = wiring.target(url, password=password)
        return Beside(
            hazards=hazard_question(url, password=password),
            calibrate=calibrating(target, measure=self.measure, past=self.past, narrate=self.narrate),
            traffic=traffic,
            ask_data=asking(url, narrate=self.narrate, password=password) if self.check_data else as_it_is,
        )

    def hop(self, question: HopQuestion) -> Forecast:
        """The answer to a planner's question."""
        first = question.before[0] if question.before else question.leg
        at_version = last_migration(self.profile, first.from_release)
        return self.between(
            question.leg.from_release,
            question.leg.to_release,
            at_version=at_version,
            rows=question.rows,
            running=not question.before,
        )

    def _statements_of(self, release: str, *, running: bool) -> RunningRelease:
        if not running:
            return running_release(wiring.statements_of(self.deployment, release))
        return self.statements or statements_running(self.deployment, release)


def proposer(
    world: World, deployment: Deployment, *, narrate: Narrate, past: Sequence[PastRun] = ()
) -> Callable[[str, Wishes], Plan]:
    """Gives a fresh plan from where the deployment is to a target, each time it is asked; ``past`` are its earlier runs."""

    def fresh(target: str, wishes: Wishes) -> Plan:
        seen = look(world)
        profile = known_here(deployment, seen, target=target)
        return propose(
            survey=seen,
            profile=profile,
            target=target,
            forecast_hop=Forecaster(deployment=deployment, profile=profile, narrate=narrate, past=past).hop,
            ask=world.database.ask,
            clock=world.clock,
            narrate=narrate,
            settings=world.settings,
            wishes=wishes,
        )

    return fresh
