"""The plan: from what was surveyed and forecast, the ordered steps of every hop of the route.

Not for looking nor for doing: a flow brings the facts, another carries the plan out. The surprising thing: only the first hop
is planned for good; later ones are a promise (``provisional``), since each is planned anew on arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Blocks, Forecast
from lockage.core.forecast.hazards.find import certain_failures
from lockage.core.forecast.seconds import rounded
from lockage.core.plan.advised import (
    Answers,
    advisory_warnings,
    conditions,
    forbidden_overlaps,
    of_leg,
    speaks,
    widened,
)
from lockage.core.plan.budget import kill_budget_s, probe_that_fits
from lockage.core.plan.contending import autoscalers, contender_warnings, owners
from lockage.core.plan.digest import facts_digest, facts_of, sealed
from lockage.core.plan.preconditions import agreed_release, lasting_of_replicas, orphans, refuse_unfit, survey_warnings
from lockage.core.plan.sequence import HopOutline, steps_of
from lockage.core.plan.situation import Situation, used_relations
from lockage.core.plan.steps import HandOver, Hop, HopForecast, OnBlocker, Plan, Strategy, Tolerances
from lockage.core.plan.strategy import Choice, choose
from lockage.core.plan.timing import measured_timing, waves
from lockage.core.plan.wording import vendor_in_words
from lockage.core.release.advisories import newest_date
from lockage.core.release.chart_values import settable_fields
from lockage.core.release.check import line_in_words
from lockage.core.release.profile import Profile
from lockage.core.release.route import Leg, known_releases, last_migration, route
from lockage.core.release.version import minors_crossed, normalised
from lockage.core.wording import duration
from lockage.errors import RefusedError
from lockage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asked for beside the target."""

    strategy: Strategy | None = None  # None: Lockage chooses
    probe_budget_s: float | None = None  # None: by the forecast
    on_blocker: OnBlocker = OnBlocker.WAIT


def wishes_of(plan: Plan) -> Wishes:
    """What the user asked for when the plan was made: a hop that is planned anew on arrival is planned with it."""
    return Wishes(strategy=plan.strategy_asked, probe_budget_s=plan.probe_budget_asked_s, on_blocker=plan.on_blocker)


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
    answers: Answers | None = None,
) -> Plan:
    """The plan to the target, with one forecast for each hop of ``way``; without hops there is nothing to do.

    ``notes`` are sentences of the forecasting that belong among the warnings; ``answers`` what the database said to the
    advisories' questions (``advised.questions``).
    Raises what ``way`` raises, and ``RefusedError``: LK220 for a strategy that is not possible on some hop, LK214 for
    migrations that fail for certain, unless a strategy is wished for, which leaves it at a warning.
    """
    about = _About(survey=survey, profile=profile, wishes=wishes or Wishes(), settings=settings, answers=answers or {})
    legs = way(survey, profile, target=target, on_blocker=about.wishes.on_blocker)
    failures = _failures(legs, forecasts)
    _refuse_failing(about, failures)
    situations = [
        situation_of(survey, profile, leg, forecast, settings=about.settings, answers=about.answers, first=index == 0)
        for index, (leg, forecast) in enumerate(zip(legs, forecasts, strict=True))
    ]
    choices = [choose(situation, about.wishes.strategy) for situation in situations]
    hops = tuple(
        _hop(about, leg, situation, choice, first=leg is legs[0], last=leg is legs[-1])
        for leg, situation, choice in zip(legs, situations, choices, strict=True)
    )
    chosen = (warning for choice in choices for warning in choice.warnings)
    warnings = (*failures, *_warnings(about, legs), *notes, *chosen, *_hop_warnings(about, hops))
    return sealed(_put_together(about, target=target, hops=hops, warnings=warnings, now=now))


def situation_of(
    survey: Survey,
    profile: Profile,
    leg: Leg,
    forecast: Forecast,
    *,
    settings: Settings,
    answers: Answers,
    first: bool = True,
) -> Situation:
    """What the choice of a strategy for one hop stands on, with what advisories say of it; ``first``: it begins now."""
    migrations, advisories = profile.migrations, of_leg(profile, leg)
    return Situation(
        from_release=leg.from_release,
        to_release=leg.to_release,
        workload=survey.workload,
        forecast=widened(forecast, advisories),
        timing=measured_timing(survey, settings.expected),
        ledger_table=migrations.ledger,
        one_migrator=migrations.advisory_lock is not None,
        limits=settings.strategy,
        forbidden=forbidden_overlaps(advisories, answers),
        # Whoever serves when a later hop begins is not there yet.
        lasting=lasting_of_replicas(survey, settings.long_transactions) if first else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What every part of one plan is made from."""

    survey: Survey
    profile: Profile
    wishes: Wishes
    settings: Settings
    answers: Answers


def _put_together(about: _About, *, target: str, hops: tuple[Hop, ...], warnings: tuple[str, ...], now: datetime) -> Plan:
    survey, facts = about.survey, facts_of(about.survey)
    return Plan(
        deployment=survey.deployment,
        created_at=now,
        from_release=facts.release,
        to_release=normalised(target),
        replicas=survey.workload.replicas,
        liveness=survey.workload.liveness,
        migrations=_sum(hop.forecast.migrations for hop in hops),
        minors=minors_crossed(facts.release, target, known=known_releases(about.profile)),
        hops=hops,
        warnings=warnings,
        on_blocker=about.wishes.on_blocker,
        strategy_asked=about.wishes.strategy,
        probe_budget_asked_s=about.wishes.probe_budget_s,
        tolerances=Tolerances(),
        facts=facts,
        facts_digest=facts_digest(facts),
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = tuple(counts)
    return None if None in known else sum(count for count in known if count is not None)


def _hop(about: _About, leg: Leg, situation: Situation, choice: Choice, *, first: bool, last: bool) -> Hop:
    forecast, used = situation.forecast, used_relations(situation)
    outline = _outline(about, leg, situation, choice, first=first, last=last)
    return Hop(
        from_release=leg.from_release,
        to_release=leg.to_release,
        strategy=choice.strategy,
        reasons=choice.reasons,
        would_change=choice.would_change,
        considered=choice.considered,
        forecast=HopForecast(
            migrations=len(forecast.script.migrations) if forecast.script.known else None,
            total_s=rounded(forecast.total_s),
            worst=min((relation.blocks for relation in used), key=list(Blocks).index, default=Blocks.NONE),
            blocked=outline.blocked,
            broken=len(forecast.broken),
            statements_checked=forecast.statements_checked,
            unknown=len(forecast.unknown),
        ),
        kill_budget_s=outline.kill_budget_s,
        steps=steps_of(outline, about.settings),
        advisory=leg.detours[0].code if leg.detours else None,
        provisional=not first,
    )


def _outline(about: _About, leg: Leg, situation: Situation, choice: Choice, *, first: bool, last: bool) -> HopOutline:
    workload, total_s = about.survey.workload, situation.forecast.total_s
    budget_s = kill_budget_s(
        forecast_high_s=total_s.high,
        asked_s=about.wishes.probe_budget_s,
        unknown_s=about.profile.max_kill_budget_s,
        settings=about.settings.probe_budget,
    )
    settable = settable_fields(about.profile.helm, leg.to_release)
    if workload.startup is None:
        fitting = probe_that_fits(workload.liveness, budget_s, settable=settable)
        allowed_s = fitting.kill_budget_s if fitting else budget_s
    else:  # the liveness probe is not sent to a replica that migrates, and need not change
        fitting, allowed_s = workload.liveness, workload.startup.kill_budget_s
    before = last_migration(about.profile, leg.from_release)
    if before is None and first:
        before = about.survey.ledger.version
    return HopOutline(
        from_release=leg.from_release,
        to_release=leg.to_release,
        strategy=choice.strategy,
        replicas=workload.replicas,
        waves=waves(workload),
        grace_s=workload.grace_s,
        liveness=workload.liveness,
        migrating_liveness=fitting,
        kill_budget_s=allowed_s,
        ledger=last_migration(about.profile, leg.to_release),
        ledger_before=before,
        conditions=conditions(of_leg(about.profile, leg), about.answers, choice.strategy),
        migration_s=rounded(total_s),
        timing=situation.timing,
        blocked=tuple(relation.relation for relation in used_relations(situation)),
        orphans=bool(orphans(about.survey)),
        on_blocker=about.wishes.on_blocker,
        detours=leg.detours,
        last=last,
        autoscalers=tuple(autoscaler.object for autoscaler in autoscalers(about.survey.contenders)),
        owners=owners(about.survey.contenders),
    )


# --- warnings ------------------------------------------------------------------------------------------------------------


def _warnings(about: _About, legs: Sequence[Leg]) -> Iterator[str]:
    long = about.settings.long_transactions
    yield from contender_warnings(about.survey)
    yield from survey_warnings(about.survey, on_blocker=about.wishes.on_blocker, long=long)
    yield from _route_warnings(about.profile, legs)
    if legs:
        yield from line_in_words(about.profile, legs[-1].to_release)
        yield from _others_of_the_chart(about.profile)
    for leg in legs:
        yield from advisory_warnings(leg, of_leg(about.profile, leg), about.answers)


def _failures(legs: Sequence[Leg], forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """That a hop's migrations fail for certain: whatever the plan does, its new replicas will never be ready."""
    return tuple(
        f"{leg.from_release} to {leg.to_release}: the migrations fail at {failure.file}:{failure.line}, and no new replica"
        f" would be ready: {failure.sentence.removeprefix('it fails: ')}"
        for leg, forecast in zip(legs, forecasts, strict=True)
        for failure in certain_failures(forecast.hazards)[:1]
    )


def _refuse_failing(about: _About, failures: Sequence[str]) -> None:
    if failures and about.wishes.strategy is None:
        raise RefusedError(
            failures[0],
            code="LK214",
            hint="correct the migration, or find out why the schema is another: "
            f"lockage verify {about.survey.deployment} --catalog; to try it all the same, name a --strategy",
        )


def _others_of_the_chart(profile: Profile) -> Iterator[str]:
    if profile.helm is not None and profile.helm.also:
        others = ", ".join(profile.helm.also)
        yield f"the helm upgrade that rolls out a hop replaces these too, and nothing waits for them: {others}"


def _route_warnings(profile: Profile, legs: Sequence[Leg]) -> Iterator[str]:
    crossed = minors_crossed(legs[0].from_release, legs[-1].to_release) if legs else 0
    if not crossed or speaks(profile, legs):
        return
    date = newest_date(profile.advisories)
    known = f"the newest one is of {date}" if date else "there are none at all"
    ask = f"; ask {vendor_in_words(profile)}" if profile.vendor.contact else ""
    yield (
        f"{legs[0].from_release} to {legs[-1].to_release} is an unknown jump: no advisory speaks of it, and {known}, "
        f"which proves nothing{ask}"
    )


def _hop_warnings(about: _About, hops: Sequence[Hop]) -> Iterator[str]:
    vendor = about.profile.vendor
    for hop in hops:
        name, forecast = f"{hop.from_release} to {hop.to_release}", hop.forecast
        if forecast.migrations is None:
            yield _unseen_warning(about.profile, hop, target=hops[-1].to_release)
        elif forecast.migrations and not forecast.statements_checked:
            yield f"{name}: no statement of {hop.from_release} was checked against the new schema"
        if forecast.unknown and forecast.migrations is not None:
            are = (
                "place of the script is unknown and counts"
                if forecast.unknown == 1
                else "places of the script are unknown and count"
            )
            yield f"{name}: {forecast.unknown} {are} as the worst case"
        if about.survey.workload.pauses_before_stop is False and hop.strategy is not Strategy.SCALE_TO_ZERO:
            yield (
                f"{name}: replicas stop serving as soon as they are told to, while some requests still go to them for about a "
                "second, and fail; a pause before the stop avoids that (lifecycle.preStop, such as sleep: {seconds: 3})"
            )
        high_s = forecast.total_s.high
        if hop.strategy is Strategy.SCALE_TO_ZERO and any(isinstance(step, HandOver) for step in hop.steps):
            yield f"{name}: nothing serves from the owner's first change to its second: have both ready before the first"
        if high_s is not None and hop.kill_budget_s < high_s:
            yield f"{name}: the kill budget of {hop.kill_budget_s:.0f} s is shorter than the forecast's {high_s:.0f} s at most"
        if high_s is None and about.survey.workload.startup is not None:
            yield f"{name}: the startup probe kills a replica that migrates after {hop.kill_budget_s:.0f} s, done or not"
        if forecast.total_s.likely > vendor.typical_s:
            yield (
                f"{name}: {forecast.total_s.likely:.0f} s likely, longer than the {vendor.typical_s:.0f} s that "
                f"{vendor.name or 'the vendor'} calls typical"
            )


def _unseen_warning(profile: Profile, hop: Hop, *, target: str) -> str:
    ask = f", or ask {vendor_in_words(profile)}" if profile.vendor.contact else ""
    asked = "--migrations FOLDER" if hop.to_release == target else f"hop by hop: --to {hop.to_release} --migrations FOLDER"
    likely_s, calls = hop.forecast.total_s.likely, profile.vendor.name or "its vendor"
    return (
        f"{hop.from_release} to {hop.to_release}: nobody here knows which migrations {hop.to_release} brings, so nothing is "
        f"forecast and everything counts as the worst case ({duration(likely_s)} is what {calls} calls typical, no "
        f"measurement); give them from a checkout of {hop.to_release} ({asked}){ask}"
    )
