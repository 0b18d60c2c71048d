"""What advisories make of a plan: wider forecasts, warnings, ruled-out strategies, conditions; and plans without migrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.forecast.assess import Forecast, Seconds
from lockage.core.forecast.unseen import unseen
from lockage.core.plan import steps as s
from lockage.core.plan.advised import Answer, questions
from lockage.core.plan.dialect import LocalDialect
from lockage.core.plan.digest import check_plan_file, plan_file
from lockage.core.plan.planner import Wishes, plan, way
from lockage.core.plan.runbook import runbook
from lockage.core.plan.wording import step_in_words, step_name
from lockage.core.release.advisories import Advisory, ExtraTime, ForbiddenOverlap, ManualStep
from lockage.core.release.profile import Profile
from lockage.core.release.route import knowing
from lockage.errors import RefusedError
from lockage.settings import Settings
from support.plan_material import NOW, breaking, forecast, harmless, survey, towpath

RANGE: dict[str, Any] = {
    "from_below": "2.27.9",
    "to_at_least": "2.27.9",
    "reason": "they disagree",
    "source": "https://example.org",
    "date": "2026-09-22",
}

FORBIDDEN = ForbiddenOverlap(code="NO-OVERLAP", detect="SELECT quota", detect_text="a quota is enforced", **RANGE)
BY_HAND = ManualStep(
    code="BY-HAND", text="stop the daemons", applies_when="SELECT daemons", done_when="SELECT stopped", **RANGE
)
LONGER = ExtraTime(code="LONGER", typical_s=120.0, most_s=600.0, tables=("public.api_keys",), **RANGE)

YES, NO = Answer(holds=True), Answer(holds=False)
SILENT = Answer(holds=None, problem="the database did not answer")


def with_(*advisories: Advisory) -> Profile:
    return msgspec.structs.replace(towpath(), advisories=advisories)


def patch(
    *advisories: Advisory, answers: Mapping[str, Answer] | None = None, made: Forecast | None = None, **wishes: Any
) -> s.Plan:
    """The plan from 2.27.8 to 2.27.9, which would be rolling if nothing spoke of it."""
    return plan(
        survey("2.27.8"), with_(*advisories), target="2.27.9", forecasts=(made or harmless(),), now=NOW, settings=Settings(),
        wishes=Wishes(**wishes), answers=answers,
    )  # fmt: skip


def only(hop: s.Hop, kind: type[Any]) -> Any:
    (step,) = [step for step in hop.steps if isinstance(step, kind)]
    return step


def said(found: s.Plan, words: str) -> str:
    (sentence,) = [warning for warning in found.warnings if words in warning]
    return sentence


# --- forbidden overlap ---------------------------------------------------------------------------------------------------


def test_without_advisories_the_patch_is_rolling() -> None:
    assert patch().hops[0].strategy is s.Strategy.ROLLING


def test_a_forbidden_overlap_that_was_detected_rules_out_rolling_and_scale_to_one() -> None:
    (hop,) = patch(FORBIDDEN, answers={"SELECT quota": YES}).hops
    assert hop.strategy is s.Strategy.SCALE_TO_ZERO
    rolling, one, zero = hop.considered
    assert (rolling.possible, one.possible, zero.possible) == (False, False, True)
    assert (
        rolling.reasons[0]
        == one.reasons[0]
        == ("old and new must never overlap: NO-OVERLAP: they disagree; here a quota is enforced")
    )
    assert any("NO-OVERLAP did not forbid that old and new overlap" in wanted for wanted in hop.would_change)
    assert not [step for step in hop.steps if isinstance(step, s.CheckAdvisories)]


@pytest.mark.parametrize("strategy", [s.Strategy.ROLLING, s.Strategy.SCALE_TO_ONE])
def test_nobody_can_ask_for_an_overlap_that_is_forbidden(strategy: s.Strategy) -> None:
    with pytest.raises(RefusedError, match="old and new must never overlap: NO-OVERLAP") as refusal:
        patch(FORBIDDEN, answers={"SELECT quota": YES}, strategy=strategy)
    assert refusal.value.code == "LK220"


@pytest.mark.parametrize("answers", [{}, {"SELECT quota": SILENT}], ids=["not asked", "no answer"])
def test_what_could_not_be_detected_counts_as_forbidden_and_that_is_said(answers: dict[str, Answer]) -> None:
    (hop,) = patch(FORBIDDEN, answers=answers).hops
    assert hop.strategy is s.Strategy.SCALE_TO_ZERO
    assert "is not known (" in hop.considered[0].reasons[0]
    assert hop.considered[0].reasons[0].endswith("and counts as if it did")


def test_an_overlap_that_nothing_detects_is_always_forbidden() -> None:
    always = msgspec.structs.replace(FORBIDDEN, detect=None)
    assert patch(always).hops[0].strategy is s.Strategy.SCALE_TO_ZERO


def test_where_it_does_not_concern_the_deployment_that_is_asked_again_before_the_overlap() -> None:
    found = patch(FORBIDDEN, answers={"SELECT quota": NO})
    (hop,) = found.hops
    assert hop.strategy is s.Strategy.ROLLING
    (condition,) = only(hop, s.CheckAdvisories).conditions
    assert (condition.code, condition.sql, condition.expected) == ("NO-OVERLAP", "SELECT quota", False)
    assert [step_name(step) for step in hop.steps][:2] == ["check-facts", "check-advisories"]
    assert "where a quota is enforced; that was not so when this plan was made" in said(found, "NO-OVERLAP")


# --- manual steps --------------------------------------------------------------------------------------------------------


def test_a_manual_step_that_is_not_done_is_said_and_asked_about_before_the_outage() -> None:
    found = patch(BY_HAND, answers={"SELECT daemons": YES, "SELECT stopped": NO})
    sentence = said(found, "BY-HAND")
    assert sentence.startswith("2.27.8 to 2.27.9: by hand: stop the daemons; they disagree; it has not been done")
    assert sentence.endswith("(BY-HAND, 2026-09-22, https://example.org)")
    step = only(found.hops[0], s.CheckAdvisories)
    assert [(c.sql, c.expected) for c in step.conditions] == [("SELECT stopped", True)]
    assert step_in_words(step) == "what BY-HAND asks for is so"


def test_a_manual_step_that_does_not_concern_the_deployment_is_not_mentioned() -> None:
    found = patch(BY_HAND, answers={"SELECT daemons": NO, "SELECT stopped": NO})
    assert not [warning for warning in found.warnings if "BY-HAND" in warning]
    assert not [step for step in found.hops[0].steps if isinstance(step, s.CheckAdvisories)]


def test_a_manual_step_that_was_done_is_said_to_be() -> None:
    assert "it has been done (" in said(patch(BY_HAND, answers={"SELECT daemons": SILENT, "SELECT stopped": YES}), "BY-HAND")


def test_a_manual_step_without_sql_is_only_said() -> None:
    found = patch(msgspec.structs.replace(BY_HAND, applies_when=None, done_when=None))
    assert said(found, "BY-HAND").count("stop the daemons") == 1
    assert [step_name(step) for step in found.hops[0].steps][:3] == ["check-facts", "prepare", "settle-foreign-sessions"]


def test_questions_are_asked_once_and_only_of_hops_that_they_are_about() -> None:
    profile = with_(FORBIDDEN, BY_HAND, msgspec.structs.replace(BY_HAND, code="TWICE"))
    legs = way(survey("2.27.8"), profile, target="2.27.9")
    assert questions(profile, legs) == ("SELECT quota", "SELECT daemons", "SELECT stopped")
    assert questions(profile, way(survey("2.26.6"), profile, target="2.27.8")) == ()


# --- extra time ----------------------------------------------------------------------------------------------------------


def test_extra_time_widens_the_forecast_and_the_kill_budget() -> None:
    (hop,) = patch(LONGER).hops
    assert hop.forecast.total_s.high == 600.0
    assert hop.forecast.total_s.likely == harmless().total_s.likely
    assert hop.kill_budget_s >= 3 * 600.0
    assert only(hop, s.GuardMigration).late_after_s == 600.0
    sentence = said(patch(LONGER), "LONGER")
    assert (
        "takes longer than most: they disagree; typically 120 s; at most known 10 min; it depends on public.api_keys"
        in sentence
    )


def test_extra_time_does_not_make_a_forecast_shorter_nor_a_hop_without_migrations_longer() -> None:
    long = forecast(total_s=Seconds(low=1.0, likely=900.0, high=2000.0))
    assert patch(LONGER, made=long).hops[0].forecast.total_s.high == 2000.0
    assert patch(LONGER, made=forecast(migrations=0)).hops[0].forecast.total_s.high == 0.3
    unknown = forecast(total_s=Seconds(low=1.0, likely=5.0, high=None))
    assert patch(LONGER, made=unknown).hops[0].forecast.total_s.high is None


def test_any_kind_of_advisory_makes_a_jump_a_known_one() -> None:
    unknown = plan(
        survey("2.26.6"), with_(), target="2.27.8", forecasts=(breaking(),), now=NOW, settings=Settings()
    )  # fmt: skip
    assert said(
        unknown,
        "is an unknown jump: no advisory speaks of it, and there are none at all, which proves nothing; ask the towpath",
    )
    known = with_(ExtraTime(code="K", **(RANGE | {"from_below": "2.27.8", "to_at_least": "2.27.8"})))
    found = plan(survey("2.26.6"), known, target="2.27.8", forecasts=(breaking(),), now=NOW, settings=Settings())
    assert not [warning for warning in found.warnings if "unknown jump" in warning]


# --- migrations that nobody knows ----------------------------------------------------------------------------------------

TYPICAL_S = 420.0


def silent_profile() -> Profile:
    """towpath, of which nobody knows which migrations a release brings."""
    migrations = msgspec.structs.replace(towpath().migrations, releases={}, complete=False, source=None)
    return msgspec.structs.replace(towpath(), migrations=migrations, advisories=())


def blind(target: str = "2.34.0", *, profile: Profile | None = None, **wishes: Any) -> s.Plan:
    made = unseen(reason=f"which migrations lead from 2.26.0 to {target} is not known", typical_s=TYPICAL_S)
    return plan(
        survey(ledger=398), profile or silent_profile(), target=target, forecasts=(made,), now=NOW, settings=Settings(),
        wishes=Wishes(**wishes),
    )  # fmt: skip


def test_an_unknown_script_is_the_worst_case() -> None:
    found = blind()
    (hop,) = found.hops
    assert hop.strategy is s.Strategy.SCALE_TO_ZERO
    assert (found.migrations, hop.forecast.migrations) == (None, None)
    assert hop.forecast.total_s == Seconds(low=0.0, likely=TYPICAL_S, high=None)
    assert hop.kill_budget_s >= silent_profile().max_kill_budget_s
    assert only(hop, s.GuardMigration).late_after_s is None
    assert all(verdict.unavailable_s.high is None for verdict in hop.considered)


def test_that_is_said_in_plain_words_with_the_way_to_know_more_and_whom_to_ask() -> None:
    sentence = said(blind(), "nobody here knows")
    assert sentence == (
        "2.26.0 to 2.34.0: nobody here knows which migrations 2.34.0 brings, so nothing is forecast and everything counts as "
        "the worst case (420 s is what the towpath demonstration calls typical, no measurement); give them from a checkout of "
        "2.34.0 (--migrations FOLDER), or ask the towpath demonstration (the README of Lockage)"
    )


def test_the_ledger_must_be_clean_and_must_not_go_back() -> None:
    (hop,) = blind().hops
    guard, verify = only(hop, s.GuardMigration), only(hop, s.Verify)
    assert (guard.ledger, guard.ledger_before) == (verify.ledger, verify.ledger_before) == (None, 398)
    assert "the ledger is clean and not below 398 (where it ends is not known)" in step_in_words(guard)


@pytest.mark.parametrize("strategy", list(s.Strategy))
def test_a_user_who_knows_more_may_ask_for_any_strategy(strategy: s.Strategy) -> None:
    found = blind(strategy=strategy)
    (hop,) = found.hops
    assert hop.strategy is strategy
    assert next(v for v in hop.considered if v.strategy is strategy).possible
    if strategy is not s.Strategy.SCALE_TO_ZERO:
        assert hop.reasons[0].startswith("asked for, although unknown counts as the worst case: which migrations lead")


def test_but_not_for_one_that_the_platform_or_an_advisory_forbids() -> None:
    forbidding = msgspec.structs.replace(FORBIDDEN, to_at_least="2.34.0", detect=None)
    profile = msgspec.structs.replace(silent_profile(), advisories=(forbidding,))
    with pytest.raises(RefusedError) as refusal:
        blind(profile=profile, strategy=s.Strategy.ROLLING)
    assert refusal.value.code == "LK220"


def test_a_learned_ledger_end_is_planned_with() -> None:
    profile = knowing(knowing(silent_profile(), "2.26.0", 398), "2.34.0", 506)
    found = plan(
        survey(ledger=398), profile, target="2.34.0", forecasts=(breaking(),), now=NOW, settings=Settings()
    )  # fmt: skip
    guard = only(found.hops[0], s.GuardMigration)
    assert (guard.ledger, guard.ledger_before) == (506, 398)


def test_a_ledger_beyond_the_folder_that_was_named_is_refused() -> None:
    profile = knowing(knowing(silent_profile(), "2.26.0", 398), "2.34.0", 390)
    with pytest.raises(RefusedError) as refusal:
        way(survey(ledger=398), profile, target="2.34.0")
    assert refusal.value.code == "LK222"


def test_a_dirty_ledger_is_refused_all_the_same() -> None:
    dirty = replace(
        survey(), ledger=LedgerReading(table="public.schema_migrations", state=LedgerState.READ, version=398, dirty=True)
    )
    with pytest.raises(RefusedError) as refusal:
        way(dirty, silent_profile(), target="2.34.0")
    assert refusal.value.code == "LK221"


def test_such_a_plan_is_a_file_and_a_runbook_like_any_other() -> None:
    found = blind()
    assert check_plan_file(plan_file(found)) == found
    page = runbook(found, silent_profile(), LocalDialect())
    assert "an unknown number of migrations" in page
    assert "the ledger is clean and not below 398" in page
