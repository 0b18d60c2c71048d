"""Propose a plan: find the way, have every hop forecast, and lay out the steps.

Not for deciding (``core.plan``) nor for changing anything: it reads, and asks the one question that an advisory brings. The
surprising thing: every refusal that needs no forecast comes first, so that nobody waits for a shadow to be told "dirty".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.plan.advised import Answer, Answers, questions
from lockage.core.plan.planner import Wishes, plan, way
from lockage.core.plan.preconditions import orphans, session_in_words
from lockage.core.plan.steps import Plan
from lockage.core.release.advisories import Detour
from lockage.core.release.profile import Profile
from lockage.core.release.route import Leg
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.ports import Clock, Narrate
from lockage.settings import Settings

Ask = Callable[[str], tuple[Mapping[str, object], ...]]
"""Rows of a profile's read-only query: ``Database.ask``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HopQuestion:
    """What is to be forecast: one hop, on the schema that the hops before it leave behind."""

    leg: Leg
    before: tuple[Leg, ...]  # their scripts are applied first, untraced
    rows: Mapping[str, float]  # relation (schema.name) to the live rows that it will have then, where that is known


ForecastHop = Callable[[HopQuestion], Forecast]

LOCKED_AGAINST_ALL = "LK421"
"""Code of the refusal to make a shadow because somebody keeps a table that is needed locked against all."""


def propose(
    *,
    survey: Survey,
    profile: Profile,
    target: str,
    forecast_hop: ForecastHop,
    ask: Ask,
    clock: Clock,
    narrate: Narrate,
    settings: Settings,
    wishes: Wishes | None = None,
) -> Plan:
    """The plan from where the deployment is to the target; a plan without hops when there is nothing to do.

    Raises ``UsageError`` and ``RefusedError`` as ``core.plan.planner`` says, and what forecasting a hop raises.
    """
    wishes = wishes or Wishes()
    legs = way(survey, profile, target=target, on_blocker=wishes.on_blocker)
    rows, notes = _rows_on_arrival(legs, ask, narrate)
    answers = answered(questions(profile, legs), ask, narrate)
    forecasts: list[Forecast] = []
    for index, leg in enumerate(legs):
        narrate(f"forecasting {leg.from_release} to {leg.to_release}")
        before = legs[:index]
        known = {relation: count for earlier in before for relation, count in rows.get(earlier.to_release, {}).items()}
        forecasts.append(_answered(forecast_hop, HopQuestion(leg=leg, before=before, rows=known), survey))
    return plan(
        survey,
        profile,
        target=target,
        forecasts=forecasts,
        now=clock.now(),
        settings=settings,
        wishes=wishes,
        notes=(*notes, *(_jobs_in_progress(profile, ask) if legs else ())),
        answers=answers,
    )


def answered(asked: Sequence[str], ask: Ask, narrate: Narrate) -> Answers:
    """What the database says to each question; one that cannot be asked has no answer, and says why."""
    found: dict[str, Answer] = {}
    for sql in asked:
        narrate("asking whether an advisory concerns this deployment")
        try:
            found[sql] = _yes_or_no(ask(sql))
        except LockageError as error:
            found[sql] = Answer(holds=None, problem=error.message)
    return found


def _jobs_in_progress(profile: Profile, ask: Ask) -> tuple[str, ...]:
    """What is going on now that an end of the replicas would interrupt; a query that fails costs this sentence alone."""
    activity = profile.activity
    if activity.jobs is None:
        return ()
    try:
        kinds = Counter(str(row.get("kind")) for row in ask(activity.jobs))
    except LockageError as error:
        return (f"whether jobs are in progress is not known: {error.message}",)
    if not kinds:
        return ()
    what = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    then = f": {activity.jobs_text}" if activity.jobs_text else ""
    return (f"jobs are in progress now ({what}){then}",)


def _yes_or_no(rows: tuple[Mapping[str, object], ...]) -> Answer:
    said = next(iter(rows[0].values()), None) if len(rows) == 1 else None
    if isinstance(said, bool):
        return Answer(holds=said)
    return Answer(holds=None, problem="the query gives no single boolean")


def _answered(forecast_hop: ForecastHop, question: HopQuestion, survey: Survey) -> Forecast:
    try:
        return forecast_hop(question)
    except RefusedError as error:
        dead = orphans(survey)
        if error.code != LOCKED_AGAINST_ALL or not dead:
            raise
        raise type(error)(
            f"{error.message}; backends of dead clients: {', '.join(map(session_in_words, dead))}",
            code=error.code,
            hint=f"lockage upgrade {survey.deployment} deals with them before it plans",
        ) from error


def _rows_on_arrival(legs: Sequence[Leg], ask: Ask, narrate: Narrate) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    """Rows that later hops will find, by the stop behind which they do; and what could not be counted."""
    rows: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    # What the last hop leaves behind matters to no forecast.
    for leg in legs[:-1]:
        for advisory in leg.detours:
            if advisory.rows_after is None:
                continue
            narrate(f"counting what {leg.to_release} will leave behind")
            try:
                found = ask(advisory.rows_after)
            except UsageError:
                raise
            except LockageError as error:
                notes.append(
                    f"advisory {advisory.code} could not count the rows behind {leg.to_release} ({error.message}): "
                    f"later hops are forecast with today's"
                )
                continue
            rows.setdefault(leg.to_release, {}).update(_counted(advisory, found))
    return rows, tuple(notes)


def _counted(advisory: Detour, found: tuple[Mapping[str, object], ...]) -> dict[str, float]:
    counted: dict[str, float] = {}
    for row in found:
        relation, rows = row.get("relation"), row.get("rows")
        if not isinstance(relation, str) or not isinstance(rows, int | float):
            raise UsageError(
                f"rows_after of advisory {advisory.code} gives {sorted(row)}: expected relation as text and rows as a number",
                code="LK242",
                hint="SELECT 'schema.table' AS relation, count(*)::float8 AS rows FROM …",
            )
        counted[relation] = float(rows)
    return counted
