"""Propose a plan: find the way, have every hop forecast, and lay out the steps.

Not for deciding (``core.plan``) nor for changing anything: it reads, and asks the one question that an advisory brings. The
surprising thing: every refusal that needs no forecast comes first, so that nobody waits for a shadow to be told "dirty".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.migration.formats.format import Format
from lockage.core.migration.script import Migration
from lockage.core.plan.planner import Wishes, plan, way
from lockage.core.plan.steps import Plan
from lockage.core.release.profile import Detour, Profile
from lockage.core.release.route import Leg, last_migration
from lockage.errors import LockageError, UsageError
from lockage.flows.forecast import forecast_database
from lockage.ports import Clock, Narrate, Shadows
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


def forecast_on_database(
    *,
    profile: Profile,
    migrations: Sequence[Migration],
    form: Format,
    url: str,
    shadows: Shadows,
    statements_of: Callable[[str], Sequence[str]],
    narrate: Narrate,
) -> ForecastHop:
    """What answers a ``HopQuestion`` on shadows of the live database at ``url``.

    ``statements_of``: what a release asks of its database. Raises, when it is asked, what ``forecast_database`` raises.
    """

    def answer(question: HopQuestion) -> Forecast:
        leg = question.leg
        here = question.before[0].from_release if question.before else leg.from_release
        return forecast_database(
            migrations,
            url=url,
            form=form,
            shadows=shadows,
            narrate=narrate,
            from_version=_last_migration(profile, leg.from_release),
            to_version=_last_migration(profile, leg.to_release),
            at_version=_last_migration(profile, here),
            transaction=profile.migrations.transaction,
            ledger=profile.migrations.ledger,
            statements=statements_of(leg.from_release),
            rows=question.rows,
        )

    return answer


def _last_migration(profile: Profile, release: str) -> int:
    last = last_migration(profile, release)
    assert last is not None, "a route has known releases only"
    return last


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
    forecasts: list[Forecast] = []
    for index, leg in enumerate(legs):
        narrate(f"forecasting {leg.from_release} to {leg.to_release}")
        before = legs[:index]
        known = {relation: count for earlier in before for relation, count in rows.get(earlier.to_release, {}).items()}
        forecasts.append(forecast_hop(HopQuestion(leg=leg, before=before, rows=known)))
    return plan(
        survey,
        profile,
        target=target,
        forecasts=forecasts,
        now=clock.now(),
        settings=settings,
        wishes=wishes,
        notes=notes,
    )


def _rows_on_arrival(legs: Sequence[Leg], ask: Ask, narrate: Narrate) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    """Rows that later hops will find, by the stop behind which they do; and what could not be counted."""
    rows: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    # What the last hop leaves behind matters to no forecast.
    for leg in legs[:-1]:
        for advisory in leg.advisories:
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
