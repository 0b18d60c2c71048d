"""The plan: from what was surveyed and forecast, the ordered steps of every hop of the route.

Not for looking nor for doing: a flow brings the facts, another carries the plan out. The surprising thing: only the first hop
is planned for good; later ones are a promise (``provisional``), since each is planned anew on arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Blocks, Forecast
from lockage.core.plan.budget import kill_budget_s, probe_that_fits
from lockage.core.plan.digest import facts_digest, facts_of, sealed
from lockage.core.plan.preconditions import agreed_release, orphans, refuse_unfit, survey_warnings
from lockage.core.plan.sequence import HopOutline, steps_of
from lockage.core.plan.steps import Hop, HopForecast, OnBlocker, Plan, Strategy, Tolerances
from lockage.core.plan.strategy import Choice, Situation, choose, used_relations
from lockage.core.plan.timing import measured_timing, rounded, waves
from lockage.core.release.advisories import newest_date
from lockage.core.release.profile import Profile
from lockage.core.release.route import Leg, known_releases, last_migration, route
from lockage.core.release.version import minors_crossed, normalised
from lockage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asked for beside the target."""

    strategy: Strategy | None = None  # None: Lockage chooses
    probe_budget_s: float | None = None  # None: by the forecast
    on_blocker: OnBlocker = OnBlocker.WAIT


def way(survey: Survey, profile: Profile, *, target: str, on_blocker: OnBlocker = OnBlocker.WAIT) -> tuple[Leg, ...]:
    """The hops to forecast; empty when the deployment is on the target already.

    To be asked before anything is forecast: raises every ``RefusedError`` that needs no forecast (LK210 to LK213, LK221 to
    LK229), and ``UsageError`` (LK202) for a target that is no version.
    """
    release = agreed_release(survey)
    legs = route(profile, from_release=release, to_release=target)
    refuse_unfit(survey, profile, release=release, target=normalised(target), on_blocker=on_blocker)
    return legs


def plan(
    survey: Survey,
    profile: Profile,
    *,
    target: str,
    forecasts: Sequence[Forecast],
    now: datetime,
    settings: Settings,
    wishes: Wishes | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """The plan to the target, with one forecast for each hop of ``way``; without hops there is nothing to do.

    ``notes`` are sentences of the forecasting that belong among the warnings.

    Raises what ``way`` raises, and ``RefusedError`` (LK220) for a strategy that is not possible on some hop.
    """
    wishes = wishes or Wishes()
    legs = way(survey, profile, target=target, on_blocker=wishes.on_blocker)
    choices = [
        choose(_situation(survey, profile, leg, forecast, settings), wishes.strategy)
        for leg, forecast in zip(legs, forecasts, strict=True)
    ]
    hops = tuple(
        _hop(survey, profile, leg, forecast, choice, index=index, last=index == len(legs) - 1, wishes=wishes, settings=settings)
        for index, (leg, forecast, choice) in enumerate(zip(legs, forecasts, choices, strict=True))
    )
    release = agreed_release(survey)
    facts = facts_of(survey)
    return sealed(
        Plan(
            deployment=survey.deployment,
            created_at=now,
            from_release=normalised(release),
            to_release=normalised(target),
            replicas=survey.workload.replicas,
            liveness=survey.workload.liveness,
            migrations=sum(hop.forecast.migrations for hop in hops),
            minors=minors_crossed(release, target, known=known_releases(profile)),
            hops=hops,
            warnings=(
                *survey_warnings(survey, on_blocker=wishes.on_blocker, long=settings.long_transactions),
                *_route_warnings(profile, legs),
                *notes,
                *(warning for choice in choices for warning in choice.warnings),
                *(warning for hop in hops for warning in _hop_warnings(profile, hop)),
            ),
            on_blocker=wishes.on_blocker,
            tolerances=Tolerances(),
            facts=facts,
            facts_digest=facts_digest(facts),
        )
    )


def _situation(survey: Survey, profile: Profile, leg: Leg, forecast: Forecast, settings: Settings) -> Situation:
    return Situation(
        from_release=leg.from_release,
        to_release=leg.to_release,
        workload=survey.workload,
        forecast=forecast,
        timing=measured_timing(survey, settings.expected),
        ledger_table=profile.migrations.ledger,
        one_migrator=profile.migrations.advisory_lock is not None,
        limits=settings.strategy,
    )


def _hop(
    survey: Survey,
    profile: Profile,
    leg: Leg,
    forecast: Forecast,
    choice: Choice,
    *,
    index: int,
    last: bool,
    wishes: Wishes,
    settings: Settings,
) -> Hop:
    situation = _situation(survey, profile, leg, forecast, settings)
    used = used_relations(situation)
    blocked = tuple(relation.relation for relation in used)
    outline = _outline(survey, profile, situation, choice, leg, blocked=blocked, last=last, wishes=wishes, settings=settings)
    return Hop(
        from_release=leg.from_release,
        to_release=leg.to_release,
        strategy=choice.strategy,
        reasons=choice.reasons,
        would_change=choice.would_change,
        considered=choice.considered,
        forecast=HopForecast(
            migrations=len(forecast.script.migrations),
            total_s=rounded(forecast.total_s),
            worst=min((relation.blocks for relation in used), key=list(Blocks).index, default=Blocks.NONE),
            blocked=blocked,
            broken=len(forecast.broken),
            statements_checked=forecast.statements_checked,
            unknown=len(forecast.unknown),
        ),
        kill_budget_s=outline.kill_budget_s,
        steps=steps_of(outline, settings),
        advisory=leg.advisories[0].code if leg.advisories else None,
        provisional=index > 0,
    )


def _outline(
    survey: Survey,
    profile: Profile,
    situation: Situation,
    choice: Choice,
    leg: Leg,
    *,
    blocked: tuple[str, ...],
    last: bool,
    wishes: Wishes,
    settings: Settings,
) -> HopOutline:
    workload, total_s = survey.workload, situation.forecast.total_s
    asked_s = kill_budget_s(
        forecast_high_s=total_s.high,
        asked_s=wishes.probe_budget_s,
        unknown_s=profile.max_kill_budget_s,
        settings=settings.probe_budget,
    )
    fitting = probe_that_fits(workload.liveness, asked_s)
    ledger = last_migration(profile, leg.to_release)
    assert ledger is not None, "a route has known releases only"
    return HopOutline(
        from_release=leg.from_release,
        to_release=leg.to_release,
        strategy=choice.strategy,
        replicas=workload.replicas,
        waves=waves(workload),
        grace_s=workload.grace_s,
        liveness=workload.liveness,
        migrating_liveness=fitting,
        kill_budget_s=fitting.kill_budget_s if fitting else asked_s,
        ledger=ledger,
        migration_s=rounded(total_s),
        timing=situation.timing,
        blocked=blocked,
        orphans=bool(orphans(survey)),
        on_blocker=wishes.on_blocker,
        advisories=leg.advisories,
        last=last,
    )


def _route_warnings(profile: Profile, legs: Sequence[Leg]) -> Iterator[str]:
    crossed = minors_crossed(legs[0].from_release, legs[-1].to_release) if legs else 0
    if not crossed or any(leg.advisories for leg in legs):
        return
    date = newest_date(profile.detours)
    known = f"the newest advisory is of {date}" if date else "there is none at all"
    ask = f"; ask {profile.vendor.name or 'the vendor'} ({profile.vendor.contact})" if profile.vendor.contact else ""
    yield f"no advisory speaks of {legs[0].from_release} to {legs[-1].to_release}, and {known}: that is no proof{ask}"


def _hop_warnings(profile: Profile, hop: Hop) -> Iterator[str]:
    name, forecast = f"{hop.from_release} to {hop.to_release}", hop.forecast
    if forecast.migrations and not forecast.statements_checked:
        yield f"{name}: no statement of {hop.from_release} was checked against the new schema"
    if forecast.unknown:
        yield f"{name}: {forecast.unknown} places of the script are unknown and count as the worst case"
    high_s = forecast.total_s.high
    if high_s is not None and hop.kill_budget_s < high_s:
        yield f"{name}: the kill budget of {hop.kill_budget_s:.0f} s is shorter than the forecast's {high_s:.0f} s at most"
    if forecast.total_s.likely > profile.vendor.typical_s:
        yield (
            f"{name}: {forecast.total_s.likely:.0f} s likely, longer than the {profile.vendor.typical_s:.0f} s that "
            f"{profile.vendor.name or 'the vendor'} calls typical"
        )
