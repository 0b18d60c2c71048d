"""Proposing a plan: what is asked, in which order, and what each hop's forecast is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from lockage.core.facts import Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.plan.digest import content_digest
from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import Plan, Strategy
from lockage.core.release.advisories import Detour
from lockage.core.release.profile import Profile
from lockage.errors import LockageError, RefusedError, UnreachableError, UsageError
from lockage.flows.propose import HopQuestion, propose
from lockage.settings import Settings
from support.plan_material import NOW, breaking, harmless, owned, session, survey, towpath

Row = Mapping[str, object]


class StoppedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"proposing waits for nothing, and not {seconds} s")


@dataclass
class Asked:
    """What the flow asked for, with the answers that it gets."""

    rows: tuple[Row, ...] | LockageError = ({"relation": "public.api_keys", "rows": 60_000.0},)
    questions: list[HopQuestion] = field(default_factory=list[HopQuestion])
    queries: list[str] = field(default_factory=list[str])
    lines: list[str] = field(default_factory=list[str])

    def forecast_hop(self, question: HopQuestion) -> Forecast:
        self.questions.append(question)
        return breaking() if question.leg.to_release == "2.27.8" else harmless()

    def ask(self, sql: str) -> tuple[Row, ...]:
        self.queries.append(sql)
        if isinstance(self.rows, LockageError):
            raise self.rows
        return self.rows


def proposed(asked: Asked, target: str = "2.27.8", *, found: Survey | None = None, profile: Profile | None = None) -> Plan:
    return propose(
        survey=found or survey(),
        profile=profile or towpath(),
        target=target,
        forecast_hop=asked.forecast_hop,
        ask=asked.ask,
        clock=StoppedClock(),
        narrate=asked.lines.append,
        settings=Settings(),
    )


def test_every_hop_is_forecast_behind_the_hops_before_it() -> None:
    asked = Asked()
    plan = proposed(asked)
    assert plan.route == ("2.26.6", "2.27.8")
    first, second = asked.questions
    assert (first.leg.to_release, first.before, dict(first.rows)) == ("2.26.6", (), {})
    assert (second.leg.to_release, second.before) == ("2.27.8", (first.leg,))
    assert plan.created_at == NOW
    assert plan.content_digest == content_digest(plan)
    assert asked.lines == [
        "counting what 2.26.6 will leave behind",
        "forecasting 2.26.0 to 2.26.6",
        "forecasting 2.26.6 to 2.27.8",
    ]


def test_a_later_hop_is_forecast_with_the_rows_that_the_advisory_counts() -> None:
    asked = Asked()
    proposed(asked)
    (detour,) = towpath().advisories
    assert isinstance(detour, Detour)
    assert asked.queries == [detour.rows_after]
    assert dict(asked.questions[1].rows) == {"public.api_keys": 60_000.0}


def test_behind_the_stop_nothing_is_counted_any_more() -> None:
    asked = Asked()
    plan = proposed(asked, found=survey("2.26.6"))
    assert (asked.queries, dict(asked.questions[0].rows)) == ([], {})
    assert plan.route == ("2.27.8",)


def test_an_advisory_that_counts_nothing_asks_nothing() -> None:
    profile = towpath()
    silent = msgspec.structs.replace(profile, advisories=(msgspec.structs.replace(profile.advisories[0], rows_after=None),))
    asked = Asked()
    proposed(asked, profile=silent)
    assert (asked.queries, dict(asked.questions[1].rows)) == ([], {})


def test_a_count_that_fails_is_a_warning_and_no_end() -> None:
    asked = Asked(rows=UnreachableError("the query did not end within 5 s", code="LK132"))
    plan = proposed(asked)
    assert dict(asked.questions[1].rows) == {}
    assert plan.warnings == (
        "advisory TOWPATH-2.27-API-KEYS could not count the rows behind 2.26.6 (the query did not end within 5 s): "
        "later hops are forecast with today's",
    )


@pytest.mark.parametrize(
    "row", [{"relation": "public.api_keys"}, {"relation": 7, "rows": 1}, {"relation": "x", "rows": Decimal(1)}]
)
def test_a_count_of_another_shape_is_the_profiles_mistake(row: Row) -> None:
    with pytest.raises(UsageError) as told:
        proposed(Asked(rows=(row,)))
    assert (told.value.code, told.value.exit_code) == ("LK242", 2)
    assert "expected relation as text and rows as a number" in told.value.message


@pytest.mark.parametrize("code", ["LK421", "LK420"])
@pytest.mark.parametrize("dead", [True, False])
def test_a_dead_client_that_keeps_the_database_from_being_read_is_named(code: str, *, dead: bool) -> None:
    refused = UnreachableError("the database cannot be read", code=code, hint="wait")

    def refuse(_: HopQuestion) -> Forecast:
        raise refused

    backend = owned(session(77, application="towpath/towpath-9", age_s=3.0), orphan=dead)
    with pytest.raises(RefusedError) as told:
        propose(
            survey=replace(survey(), sessions=(backend,)), profile=towpath(), target="2.26.6", forecast_hop=refuse,
            ask=Asked().ask, clock=StoppedClock(), narrate=lambda _: None, settings=Settings(),
        )  # fmt: skip
    if not dead or code != "LK421":
        assert told.value is refused
        return
    assert (type(told.value), told.value.code) == (UnreachableError, "LK421")
    assert told.value.message == (
        "the database cannot be read; backends of dead clients: backend 77 (user towpath, application towpath/towpath-9)"
    )
    assert told.value.hint == "lockage upgrade demo deals with them before it plans"


def test_nothing_is_asked_or_forecast_before_a_refusal() -> None:
    base = survey()
    asked = Asked()
    with pytest.raises(RefusedError) as told:
        proposed(asked, found=replace(base, ledger=replace(base.ledger, dirty=True)))
    assert told.value.code == "LK221"
    assert (asked.questions, asked.queries, asked.lines) == ([], [], [])


def test_on_the_target_there_is_nothing_to_forecast() -> None:
    asked = Asked()
    plan = proposed(asked, found=survey("2.27.8"))
    assert plan.hops == ()
    assert (asked.questions, asked.queries) == ([], [])


def test_wishes_reach_the_plan() -> None:
    asked = Asked()
    plan = propose(
        survey=survey(), profile=towpath(), target="2.26.6", forecast_hop=asked.forecast_hop, ask=asked.ask,
        clock=StoppedClock(), narrate=asked.lines.append, settings=Settings(),
        wishes=Wishes(strategy=Strategy.SCALE_TO_ZERO, probe_budget_s=1800.0),
    )  # fmt: skip
    assert plan.hops[0].strategy is Strategy.SCALE_TO_ZERO
    assert plan.hops[0].kill_budget_s == 1801.0
