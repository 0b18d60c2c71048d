"""Plans: hops, steps, budgets, provisional later hops and warnings."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import LedgerReading, LedgerState, Probe, RelationLock, Survey
from lockage.core.forecast.assess import Blocks, Forecast, Hazard, Seconds, Severity
from lockage.core.plan import steps as s
from lockage.core.plan.planner import Wishes, plan, wishes_of
from lockage.core.plan.wording import step_name
from lockage.core.release.chart_values import PROBE_FIELDS
from lockage.core.release.profile import ChartValues, HelmProfile
from lockage.errors import RefusedError
from lockage.settings import Settings
from support.plan_material import LIVENESS, NOW, breaking, forecast, harmless, owned, session, survey, towpath, workload

BEFORE = ["check-facts", "prepare", "settle-foreign-sessions", "back-up", "note-former-state"]


def planned(target: str = "2.27.8", *forecasts: Forecast, found: Survey | None = None, **wishes: Any) -> s.Plan:
    return plan(
        found or survey(),
        towpath(),
        target=target,
        forecasts=forecasts or (harmless(), breaking()),
        now=NOW,
        settings=Settings(),
        wishes=Wishes(**wishes),
    )


def names(hop: s.Hop) -> list[str]:
    return [step_name(step) for step in hop.steps]


def only(hop: s.Hop, kind: type[Any]) -> Any:
    (step,) = [step for step in hop.steps if isinstance(step, kind)]
    return step


def test_the_demonstrations_route_takes_the_strategies_that_it_needs() -> None:
    found = planned()
    assert found.route == ("2.26.6", "2.27.8")
    assert [hop.strategy for hop in found.hops] == [s.Strategy.ROLLING, s.Strategy.SCALE_TO_ZERO]
    assert (found.from_release, found.to_release, found.migrations, found.minors) == ("2.26.0", "2.27.8", 6, 1)
    assert found.warnings == ()
    (patch,) = planned("v2.27.9", harmless(), found=survey("2.27.8")).hops
    assert patch.strategy is s.Strategy.ROLLING


def test_later_hops_are_provisional() -> None:
    assert [hop.provisional for hop in planned().hops] == [False, True]


def test_the_target_itself_is_a_plan_without_hops() -> None:
    found = plan(survey("2.27.8"), towpath(), target="2.27.8", forecasts=(), now=NOW, settings=Settings())
    assert found.hops == ()
    assert (found.migrations, found.minors, found.warnings) == (0, 0, ())


# --- steps ---------------------------------------------------------------------------------------------------------------


def test_a_rolling_hop_asks_for_all_replicas_at_once() -> None:
    hop = planned().hops[0]
    assert names(hop) == [*BEFORE, "roll-out", "guard-migration", "verify", "raise-replicas", "leave-when"]
    assert only(hop, s.RollOut).replicas == 3
    assert only(hop, s.LeaveWhen).text == "no API key is left that expired more than eight days ago"
    assert hop.advisory == "TOWPATH-2.27-API-KEYS"


def test_a_scale_to_zero_hop_clears_the_way_and_starts_one() -> None:
    hop = planned().hops[1]
    assert names(hop) == [
        *BEFORE, "scale-down", "clear-sessions", "roll-out", "guard-migration", "verify", "raise-replicas", "restore",
    ]  # fmt: skip
    assert only(hop, s.ScaleDown).replicas == 0
    assert (only(hop, s.RollOut).release, only(hop, s.RollOut).replicas) == ("2.27.8", 1)
    assert (only(hop, s.Verify).release, only(hop, s.Verify).ledger) == ("2.27.8", 18)
    assert only(hop, s.RaiseReplicas).replicas == 3
    assert only(hop, s.SettleForeignSessions).relations == ("public.api_keys", "public.workspaces")
    assert hop.advisory is None


def test_a_scale_to_one_hop_leaves_one() -> None:
    found = planned("2.27.8", breaking(), found=survey("2.26.6"), strategy=s.Strategy.SCALE_TO_ONE)
    (hop,) = found.hops
    assert names(hop)[5:8] == ["scale-down", "clear-sessions", "roll-out"]
    assert only(hop, s.ScaleDown).replicas == 1
    assert only(hop, s.RollOut).replicas == 1


def test_replicas_that_stop_at_once_are_warned_of_where_one_replaces_another() -> None:
    asked = survey()
    abrupt = replace(asked, workload=replace(asked.workload, pauses_before_stop=False))
    said = [warning for warning in planned(found=abrupt).warnings if "lifecycle.preStop" in warning]
    assert [warning.partition(":")[0] for warning in said] == ["2.26.0 to 2.26.6"]  # nobody serves in the second hop anyway
    gentle = replace(asked, workload=replace(asked.workload, pauses_before_stop=True))
    assert planned(found=gentle).warnings == ()


@pytest.mark.parametrize(
    ("strategy", "limit_s"),
    [
        (s.Strategy.ROLLING, Settings().limits.rollout_s),  # two more replicas have to be replaced
        (s.Strategy.SCALE_TO_ONE, Settings().limits.look_s + 10.0 + Settings().limits.replicas_gone_margin_s),  # one to end
        (s.Strategy.SCALE_TO_ZERO, Settings().limits.look_s),
    ],
)
def test_verifying_waits_for_the_old_replicas_that_are_still_there(strategy: s.Strategy, limit_s: float) -> None:
    hop = planned("2.26.6", harmless(), strategy=strategy).hops[0]
    assert only(hop, s.Verify).limit_s == limit_s


def test_only_the_last_hop_puts_everything_back() -> None:
    assert ["restore" in names(hop) for hop in planned().hops] == [False, True]


def test_a_dead_clients_backend_is_cleared_before_a_rolling_hop_too() -> None:
    holder = owned(session(77, application="towpath/towpath-9", age_s=3.0), orphan=True)
    ledger = LedgerReading(table="public.schema_migrations", state=LedgerState.MIGRATING, holder_pid=77)
    found = planned("2.26.6", harmless(), found=replace(survey(), sessions=(holder,), ledger=ledger))
    assert names(found.hops[0])[5:7] == ["clear-sessions", "roll-out"]
    assert found.facts is not None
    assert found.facts.ledger_version is None


def test_every_step_says_how_it_is_undone_and_has_a_limit_above_what_is_expected() -> None:
    for hop in planned().hops:
        for step in hop.steps:
            assert step.undo
            assert 0 <= step.expected_s <= step.limit_s, step_name(step)


# --- probe and time ------------------------------------------------------------------------------------------------------


def test_the_migrating_replica_gets_a_probe_that_waits_and_then_the_former_one_again() -> None:
    hop = planned().hops[1]
    migrating = only(hop, s.RollOut).liveness
    assert migrating == replace(LIVENESS, failure_threshold=451)
    assert hop.kill_budget_s == migrating.kill_budget_s == 901.0
    assert only(hop, s.RaiseReplicas).liveness == LIVENESS
    assert only(hop, s.GuardMigration).limit_s == 901.0 + Settings().limits.ready_margin_s


def test_where_the_chart_gone_to_takes_only_the_initial_delay_that_is_raised() -> None:
    older = ChartValues(replicas="n", below_chart="2.27.0", liveness="p", liveness_fields=("initialDelaySeconds",))
    newer = ChartValues(replicas="n", from_chart="2.27.0", liveness="p", liveness_fields=PROBE_FIELDS)
    profile = msgspec.structs.replace(towpath(), helm=HelmProfile(chart="towpath", values=(older, newer)))
    found = plan(survey(), profile, target="2.27.8", forecasts=(harmless(), breaking()), now=NOW, settings=Settings())
    first, second = (only(hop, s.RollOut).liveness for hop in found.hops)
    assert (first.failure_threshold, first.kill_budget_s >= 900.0) == (LIVENESS.failure_threshold, True)
    assert first.initial_delay_s > LIVENESS.initial_delay_s
    assert second == replace(LIVENESS, failure_threshold=451)


def test_a_probe_that_waits_long_enough_is_not_touched() -> None:
    patient = Probe(initial_delay_s=3600.0)
    found = planned("2.26.6", harmless(), found=replace(survey(), workload=replace(workload(), liveness=patient)))
    (hop,) = found.hops
    assert only(hop, s.RollOut).liveness == only(hop, s.RaiseReplicas).liveness == patient
    assert hop.kill_budget_s == patient.kill_budget_s


def test_without_a_liveness_probe_nothing_kills() -> None:
    found = planned("2.26.6", harmless(), found=replace(survey(), workload=replace(workload(), liveness=None)))
    assert only(found.hops[0], s.RollOut).liveness is None
    assert found.hops[0].kill_budget_s == 900.0


def test_a_startup_probe_decides_how_long_a_migrating_replica_may_be_silent() -> None:
    startup = Probe(period_s=10.0, failure_threshold=360)
    found = planned("2.26.6", harmless(), found=replace(survey(), workload=replace(workload(), startup=startup)))
    (hop,) = found.hops
    assert only(hop, s.RollOut).liveness == LIVENESS
    assert hop.kill_budget_s == startup.kill_budget_s == 3591.0


def test_a_startup_probe_that_may_be_too_short_is_warned_of() -> None:
    short = replace(survey(), workload=replace(workload(), startup=Probe(period_s=1.0, failure_threshold=5)))
    unknown = forecast(total_s=Seconds(low=1.0, likely=2.0, high=None), unknown=("a loop",))
    assert any(
        "the startup probe kills a replica that migrates after 5 s" in w
        for w in planned("2.26.6", unknown, found=short).warnings
    )
    slow = forecast(total_s=Seconds(low=1.0, likely=2.0, high=20.0))
    assert any("kill budget of 5 s is shorter" in w for w in planned("2.26.6", slow, found=short).warnings)


def test_an_unknown_high_end_gets_the_profiles_budget_and_no_late_time() -> None:
    unknown = forecast(total_s=Seconds(low=1.0, likely=2.0, high=None), unknown=("a loop",))
    (hop,) = planned("2.26.6", unknown).hops
    assert hop.kill_budget_s == 3601.0
    assert only(hop, s.GuardMigration).late_after_s is None
    assert hop.strategy is s.Strategy.SCALE_TO_ZERO


def test_a_run_is_late_past_the_forecasts_high_end() -> None:
    assert only(planned().hops[1], s.GuardMigration).late_after_s == 21.0


def test_start_and_boot_are_those_that_the_survey_shows() -> None:
    hop = planned().hops[1]
    assert only(hop, s.RollOut).expected_s == 0.5
    assert only(hop, s.GuardMigration).expected_s == 9.0 + 1.5
    assert only(hop, s.ScaleDown).limit_s == 10.0 + Settings().limits.replicas_gone_margin_s


@given(st.integers(1, 200), st.floats(0, 600), st.floats(0, 600), st.sampled_from(s.Strategy))
def test_no_step_is_given_less_time_than_it_is_expected_to_take(
    replicas: int, start_s: float, boot_s: float, strategy: s.Strategy
) -> None:
    started = NOW + timedelta(seconds=start_s)
    slow = replace(survey().replicas[0], created_at=NOW, started_at=started, ready_at=started + timedelta(seconds=boot_s))
    found = replace(survey(), workload=replace(workload(), replicas=replicas), replicas=(slow,))
    (hop,) = planned("2.26.6", forecast(), found=found, strategy=strategy).hops
    for step in hop.steps:
        assert step.expected_s <= step.limit_s, step_name(step)


# --- wishes and warnings -------------------------------------------------------------------------------------------------


def test_a_forced_strategy_counts_for_every_hop() -> None:
    found = planned(strategy=s.Strategy.SCALE_TO_ZERO)
    assert {hop.strategy for hop in found.hops} == {s.Strategy.SCALE_TO_ZERO}
    assert found.warnings[0].startswith("scale-to-zero from 2.26.0 to 2.26.6 was asked for")


def test_what_was_asked_for_is_kept_for_hops_that_are_planned_anew() -> None:
    wishes = Wishes(strategy=s.Strategy.SCALE_TO_ZERO, probe_budget_s=1800.0, on_blocker=s.OnBlocker.TERMINATE)
    found = planned(strategy=wishes.strategy, probe_budget_s=wishes.probe_budget_s, on_blocker=wishes.on_blocker)
    assert wishes_of(found) == wishes
    assert wishes_of(planned()) == Wishes()


def test_a_forced_strategy_that_a_later_hop_cannot_take_is_refused_at_once() -> None:
    with pytest.raises(RefusedError, match=r"rolling is not possible from 2\.26\.6 to 2\.27\.8") as told:
        planned(strategy=s.Strategy.ROLLING)
    assert told.value.code == "LK220"


def test_migrations_that_fail_for_certain_are_refused_unless_a_strategy_is_named() -> None:
    fails = Hazard(
        code="H043", severity=Severity.ERROR, relation=None, file="2_x.sql", line=7, sentence="it fails: no t", remedy=""
    )
    said = "2.26.6 to 2.27.8: the migrations fail at 2_x.sql:7, and no new replica would be ready: no t"
    forecasts = (harmless(), replace(breaking(), hazards=(fails,)))
    with pytest.raises(RefusedError, match=re.escape(said)) as told:
        planned("2.27.8", *forecasts)
    assert told.value.code == "LK214"
    assert planned("2.27.8", *forecasts, strategy=s.Strategy.SCALE_TO_ZERO).warnings[0] == said


def test_a_budget_shorter_than_the_forecast_is_warned_of() -> None:
    found = planned(probe_budget_s=15.0)
    assert found.warnings == ("2.26.6 to 2.27.8: the kill budget of 15 s is shorter than the forecast's 21 s at most",)


@pytest.mark.parametrize(
    ("found", "warning"),
    [
        (forecast(checked=0), "2.26.0 to 2.26.6: no statement of 2.26.0 was checked against the new schema"),
        (forecast(unknown=("x",)), "2.26.0 to 2.26.6: 1 place of the script is unknown and counts as the worst case"),
        (forecast(unknown=("x", "y")), "2.26.0 to 2.26.6: 2 places of the script are unknown and count as the worst case"),
        (
            forecast(total_s=Seconds(low=1.0, likely=500.0, high=900.0)),
            "2.26.0 to 2.26.6: 500 s likely, longer than the 420 s that the towpath demonstration calls typical",
        ),
    ],
)
def test_what_the_forecast_leaves_open_is_warned_of(found: Forecast, warning: str) -> None:
    assert planned("2.26.6", found).warnings == (warning,)


def test_a_jump_that_no_advisory_speaks_of_is_said_to_be_unknown() -> None:
    found = planned("2.27.8", breaking(), found=survey("2.26.6"))
    assert found.warnings == (
        "2.26.6 to 2.27.8 is an unknown jump: no advisory speaks of it, and the newest one is of 2025-12-04, "
        "which proves nothing; ask the towpath demonstration (the README of Lockage)",
    )


def test_a_replicas_long_transaction_counts_for_the_first_hop_only() -> None:
    locks = (RelationLock(relation="public.templates", mode="AccessShareLock", granted=True),)
    report = owned(replace(session(5, application="towpath/towpath-2", age_s=25.0), relation_locks=locks), replica="towpath-2")
    brief = owned(replace(session(6, application="towpath/towpath-3", age_s=0.4), relation_locks=locks), replica="towpath-3")
    first, second = planned("2.27.8", harmless(), harmless(), found=replace(survey(), sessions=(report,))).hops
    assert (first.strategy, second.strategy) == (s.Strategy.SCALE_TO_ONE, s.Strategy.ROLLING)
    (quiet,) = planned("2.26.6", harmless(), found=replace(survey(), sessions=(brief,))).hops
    assert quiet.strategy is s.Strategy.ROLLING


def test_what_was_noted_while_forecasting_is_kept() -> None:
    found = plan(
        survey(), towpath(), target="2.26.6", forecasts=(harmless(),), now=NOW, settings=Settings(), notes=("rows unknown",)
    )
    assert found.warnings == ("rows unknown",)


def test_the_ledgers_own_lock_is_not_what_a_hop_blocks_at_worst() -> None:
    (hop,) = planned("2.26.6", forecast()).hops
    assert (hop.forecast.worst, hop.forecast.blocked) == (Blocks.NONE, ())
    assert planned().hops[1].forecast.worst is Blocks.READS


def test_a_forecast_for_each_hop_is_demanded() -> None:
    with pytest.raises(ValueError, match="shorter"):
        planned("2.27.8", harmless())


def test_a_plan_survives_json() -> None:
    found = planned()
    assert msgspec.json.decode(msgspec.json.encode(found), type=s.Plan) == found
