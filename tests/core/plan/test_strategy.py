"""Which strategy a hop takes, why, and what would change that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import OwnedSession, RelationLock, UpdateKind, Workload
from lockage.core.forecast.assess import Blocks, Forecast, Seconds
from lockage.core.forecast.strategies import Timing
from lockage.core.plan.situation import Situation
from lockage.core.plan.steps import Strategy
from lockage.core.plan.strategy import Choice, choose, consider
from lockage.errors import RefusedError
from lockage.settings import StrategyChoice
from support.plan_material import blocked, breaking, forecast, harmless, owned, session, workload

TIMING = Timing(
    termination=Seconds(low=0.0, likely=2.0, high=10.0),
    start=Seconds(low=0.2, likely=0.5, high=1.5),
    boot=Seconds(low=1.0, likely=1.5, high=3.0),
)


def situation(found: Forecast, platform: Workload | None = None, *, one_migrator: bool = True) -> Situation:
    return Situation(
        from_release="2.26.6",
        to_release="2.27.8",
        workload=platform or workload("2.26.6"),
        forecast=found,
        timing=TIMING,
        ledger_table="public.schema_migrations",
        one_migrator=one_migrator,
        limits=StrategyChoice(),
    )


def chosen(found: Forecast, **changes: Any) -> Choice:
    return choose(situation(found, replace(workload("2.26.6"), **changes)))


def reasons_against(found: Forecast, strategy: Strategy, **changes: Any) -> tuple[str, ...]:
    verdicts = consider(situation(found, replace(workload("2.26.6"), **changes)))
    verdict = next(v for v in verdicts if v.strategy is strategy)
    assert not verdict.possible
    return verdict.reasons


def long_and_silent(*, broken: tuple[str, ...] = ("SELECT scope FROM api_keys",), **changes: Any) -> Forecast:
    """A migration of ten minutes that blocks nobody."""
    return forecast(total_s=Seconds(low=300.0, likely=600.0, high=1200.0), broken=broken, **changes)


# --- rolling -------------------------------------------------------------------------------------------------------------


def test_a_harmless_hop_rolls() -> None:
    choice = choose(situation(harmless()))
    assert choice.strategy is Strategy.ROLLING
    assert choice.reasons == (
        "no break found in 20 statements of 2.26.6",
        "nobody would notice: public.templates is blocked longest, 20 ms likely, 0.2 s at most",
        "3 of 3 replicas keep serving",
    )
    assert choice.would_change == (
        "scale-to-zero, if one statement of 2.26.6 broke, something were unknown, or users of a relation were blocked more "
        "than 1 s likely or 2 s high (now 20 ms likely, 0.2 s at most)",
    )


def test_a_statement_that_breaks_forbids_rolling() -> None:
    found = forecast(broken=("SELECT scope\n  FROM api_keys",))
    assert reasons_against(found, Strategy.ROLLING) == (
        '1 of 20 statements of 2.26.6 fail after it (first: SELECT scope FROM api_keys: column "scope" does not exist)',
    )


def test_no_statement_checked_counts_as_a_break() -> None:
    assert reasons_against(forecast(checked=0), Strategy.ROLLING) == (
        "no statement of 2.26.6 was checked against the schema of 2.27.8",
    )


def test_without_migrations_nothing_needs_to_be_checked() -> None:
    choice = choose(situation(forecast(migrations=0, checked=0)))
    assert choice.strategy is Strategy.ROLLING
    assert choice.reasons[0] == "there is no migration between the two"


def test_unknown_forbids_rolling_and_scale_to_one() -> None:
    found = forecast(unknown=("a loop whose body did not run", "another"))
    told = ("unknown counts as the worst case: 000014_x.up.sql:5: a loop whose body did not run and 1 more",)
    assert reasons_against(found, Strategy.ROLLING) == told
    assert reasons_against(found, Strategy.SCALE_TO_ONE) == told


@pytest.mark.parametrize(
    ("blocks", "seconds", "rolls"),
    [
        (Blocks.READS, Seconds(low=0.1, likely=1.0, high=2.0), True),
        (Blocks.READS, Seconds(low=0.1, likely=1.1, high=1.9), False),
        (Blocks.WRITES, Seconds(low=0.1, likely=0.5, high=2.1), False),
        (Blocks.ROWS, Seconds(low=0.1, likely=9.0, high=12.0), False),
        (Blocks.WRITES, Seconds(low=0.1, likely=0.1, high=None), False),
        (Blocks.NONE, Seconds(low=9.0, likely=9.0, high=9.0), True),
    ],
)
def test_rolling_needs_that_nobody_notices(blocks: Blocks, seconds: Seconds, *, rolls: bool) -> None:
    found = forecast(relations=(blocked("public.users", blocks, seconds),))
    assert (choose(situation(found)).strategy is Strategy.ROLLING) is rolls


def test_who_is_blocked_and_how_long_is_said() -> None:
    found = forecast(relations=(blocked("public.users", Blocks.WRITES, Seconds(low=0.1, likely=3.0, high=None)),))
    assert reasons_against(found, Strategy.ROLLING) == (
        "writers of public.users would be blocked 3.0 s likely, unknown at most",
    )


def test_the_ledger_is_nobody_elses() -> None:
    assert "public.schema_migrations" in {relation.relation for relation in forecast().relations}
    assert choose(situation(forecast())).strategy is Strategy.ROLLING


def test_recreate_leaves_scale_to_zero_only() -> None:
    choice = chosen(harmless(), update=UpdateKind.RECREATE, max_surge=0)
    assert choice.strategy is Strategy.SCALE_TO_ZERO
    told = ("the workload's update strategy is Recreate: every old replica stops before a new one starts",)
    assert reasons_against(harmless(), Strategy.ROLLING, update=UpdateKind.RECREATE) == told
    assert reasons_against(harmless(), Strategy.SCALE_TO_ONE, update=UpdateKind.RECREATE) == told


def test_rolling_needs_somebody_who_serves() -> None:
    assert reasons_against(harmless(), Strategy.ROLLING, max_unavailable=3)[0] == (
        "maxUnavailable 3 of 3 replicas leaves nobody serving"
    )


def test_two_migrators_at_once_forbid_rolling() -> None:
    found = situation(harmless(), replace(workload(), max_surge=2), one_migrator=False)
    rolling = consider(found)[0]
    assert rolling.reasons == ("nothing keeps two migrators apart, and 2 replicas of 2.27.8 would start together",)
    assert consider(replace(found, one_migrator=True))[0].possible
    assert consider(replace(found, forecast=forecast(migrations=0)))[0].possible


def holding(mode: str, relation: str = "public.templates", *, granted: bool = True) -> OwnedSession:
    locks = (RelationLock(relation=relation, mode=mode, granted=granted),)
    return owned(replace(session(5, age_s=25.0), relation_locks=locks), replica="towpath-2")


def test_a_replicas_long_transaction_on_what_the_script_locks_forbids_rolling() -> None:
    choice = choose(replace(situation(harmless()), lasting=(holding("AccessShareLock"),)))
    rolling = choice.considered[0]
    assert rolling.reasons == (
        "replica towpath-2 keeps a transaction open on public.templates, 25 s so far: "
        "the migration would wait for it, and every user behind the migration",
    )
    assert choice.strategy is Strategy.SCALE_TO_ONE
    assert choice.would_change[0] == "rolling, if no replica kept a transaction open on public.templates (now 25 s)"


@pytest.mark.parametrize(
    "held",
    [holding("AccessShareLock", "public.users"), holding("AccessShareLock", granted=False)],
    ids=["elsewhere", "waiting"],
)
def test_a_long_transaction_that_is_not_in_the_way_forbids_nothing(held: OwnedSession) -> None:
    assert choose(replace(situation(harmless()), lasting=(held,))).strategy is Strategy.ROLLING


def test_a_long_transaction_whose_lock_does_not_conflict_forbids_nothing() -> None:
    found = forecast(relations=(blocked("public.templates", Blocks.WRITES, Seconds(low=0.0, likely=0.1, high=0.2)),))
    reading = replace(situation(found), lasting=(holding("AccessShareLock"),))
    writing = replace(situation(found), lasting=(holding("RowExclusiveLock"),))
    assert choose(reading).strategy is Strategy.ROLLING
    assert choose(writing).strategy is not Strategy.ROLLING


def test_waits_in_one_transaction_pass_together_and_in_several_one_after_the_other() -> None:
    waits = (
        blocked("public.a", Blocks.READS, Seconds(low=1.0, likely=4.0, high=9.0)),
        blocked("public.b", Blocks.READS, Seconds(low=1.0, likely=3.0, high=9.0)),
    )
    whole = forecast(relations=waits, total_s=Seconds(low=2.0, likely=6.0, high=10.0))
    assert consider(situation(whole))[0].unavailable_s == Seconds(low=1.0, likely=4.0, high=9.0)
    assert consider(situation(replace(whole, transactions=2)))[0].unavailable_s == Seconds(low=2.0, likely=6.0, high=10.0)


# --- scale-to-one --------------------------------------------------------------------------------------------------------


def test_a_long_migration_that_blocks_nobody_keeps_one_old_replica() -> None:
    choice = choose(situation(long_and_silent()))
    assert choice.strategy is Strategy.SCALE_TO_ONE
    assert choice.reasons[0] == "one replica of 2.26.6 keeps serving until the new one is ready"
    verdict = next(v for v in choice.considered if v.strategy is Strategy.SCALE_TO_ONE)
    assert verdict.unavailable_s == TIMING.boot
    assert choice.would_change[-1] == "scale-to-zero, if it cost less than 6.5 s (now 604.0 s)"


def test_scale_to_one_must_save_half_of_the_outage() -> None:
    choice = choose(situation(breaking()))
    one, zero = choice.considered[1:]
    assert choice.strategy is Strategy.SCALE_TO_ZERO
    assert one.possible
    assert (one.unavailable_s.likely, zero.unavailable_s.likely) == (10.0, 13.0)
    assert choice.would_change == (
        "rolling, if no statement of 2.26.6 failed after it (now 2 of 20), and public.api_keys were blocked at most 1 s likely "
        "and 2 s high (now 8.5 s likely, 20 s at most)",
        "scale-to-one, if it cost at most 6.5 s (now 10.0 s; scale-to-zero 13.0 s)",
    )


def test_scale_to_one_must_save_seconds_that_matter() -> None:
    short = forecast(total_s=Seconds(low=1.0, likely=1.9, high=3.0), broken=("SELECT scope FROM api_keys",))
    one, zero = consider(situation(short))[1:]
    assert one.unavailable_s.likely < zero.unavailable_s.likely * StrategyChoice().scale_to_one_ratio
    choice = choose(situation(short))
    assert choice.strategy is Strategy.SCALE_TO_ZERO
    assert choice.would_change[-1] == "scale-to-one, if it cost at most 0.9 s (now 1.5 s; scale-to-zero 5.9 s)"


def test_an_old_replica_that_would_fail_is_not_kept_to_save_a_moment() -> None:
    quick = replace(
        situation(forecast(broken=("SELECT 1",))), timing=replace(TIMING, boot=Seconds(low=0.1, likely=0.2, high=0.6))
    )
    one, zero = consider(quick)[1:]
    assert one.unavailable_s.likely < zero.unavailable_s.likely
    choice = choose(quick)
    assert choice.strategy is Strategy.SCALE_TO_ZERO
    assert choice.would_change[-1] == "scale-to-one, if scale-to-zero cost at least 5.2 s (now 2.8 s; this 0.2 s)"


def test_an_unchecked_old_release_is_never_kept_by_choice() -> None:
    choice = choose(situation(long_and_silent(broken=(), checked=0)))
    assert choice.strategy is Strategy.SCALE_TO_ZERO
    assert choice.would_change[-1] == "scale-to-one, if statements of 2.26.6 were checked (now none)"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_unavailable": 1}, "maxUnavailable 1 may leave nobody serving at one replica"),
        ({"max_surge": 0}, "maxSurge 0 lets no new replica start beside the old one"),
    ],
)
def test_scale_to_one_needs_that_the_old_replica_stays(changes: dict[str, Any], reason: str) -> None:
    assert reasons_against(long_and_silent(), Strategy.SCALE_TO_ONE, **changes) == (reason,)
    assert chosen(long_and_silent(), **changes).strategy is Strategy.SCALE_TO_ZERO


# --- forced --------------------------------------------------------------------------------------------------------------


def test_a_forced_strategy_that_is_not_possible_is_refused() -> None:
    with pytest.raises(RefusedError) as told:
        choose(situation(forecast(checked=0)), Strategy.ROLLING)
    assert (told.value.code, told.value.exit_code) == ("LK220", 3)
    assert told.value.message == (
        "rolling is not possible from 2.26.6 to 2.27.8: no statement of 2.26.6 was checked against the schema of 2.27.8"
    )
    assert told.value.hint == "leave --strategy out: it would be scale-to-zero, about 4.1 s without service"


def test_a_forced_strategy_that_is_worse_is_warned_of() -> None:
    choice = choose(situation(harmless()), Strategy.SCALE_TO_ZERO)
    assert choice.strategy is Strategy.SCALE_TO_ZERO
    assert choice.warnings == (
        "scale-to-zero from 2.26.6 to 2.27.8 was asked for: about 4.1 s without service; "
        "Lockage would take rolling, about 20 ms",
    )
    assert choice.would_change[0] == "rolling, if --strategy were left out"


def test_forcing_what_would_be_chosen_warns_of_nothing() -> None:
    assert choose(situation(breaking()), Strategy.SCALE_TO_ZERO) == choose(situation(breaking()))


# --- always --------------------------------------------------------------------------------------------------------------

RANGES = st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(0, 500) | st.none()).map(
    lambda r: Seconds(low=r[0], likely=r[0] + r[1], high=None if r[2] is None else r[0] + r[1] + r[2])
)
FORECASTS = st.builds(
    forecast,
    migrations=st.integers(0, 3),
    total_s=RANGES,
    relations=st.lists(st.builds(blocked, st.just("public.t"), st.sampled_from(Blocks), RANGES), max_size=3).map(tuple),
    broken=st.sampled_from([(), ("SELECT 1",)]),
    checked=st.integers(0, 2),
    unknown=st.sampled_from([(), ("a reason",)]),
)
PLATFORMS = st.builds(
    lambda update, surge, unavailable: replace(workload(), update=update, max_surge=surge, max_unavailable=unavailable),
    st.sampled_from(UpdateKind), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip


@given(FORECASTS, PLATFORMS, st.booleans())
def test_the_choice_is_possible_and_says_why(found: Forecast, platform: Workload, one_migrator: bool) -> None:
    choice = choose(situation(found, platform, one_migrator=one_migrator))
    by_name = {verdict.strategy: verdict for verdict in choice.considered}
    assert list(by_name) == list(Strategy)
    assert by_name[choice.strategy].possible
    assert choice.reasons
    assert choice.would_change
    if choice.strategy is Strategy.ROLLING:
        assert not found.broken
        assert not found.unknown
    if found.unknown:
        assert choice.strategy is Strategy.SCALE_TO_ZERO


@given(FORECASTS, PLATFORMS)
def test_a_worse_forecast_never_makes_the_choice_gentler_than_rolling_allows(found: Forecast, platform: Workload) -> None:
    worse = replace(found, broken=forecast(broken=("SELECT 1",)).broken)
    assert choose(situation(worse, platform)).strategy is not Strategy.ROLLING


def test_where_only_the_users_wish_speaks_for_the_hardest_way_the_plan_says_so() -> None:
    choice = choose(situation(long_and_silent()), Strategy.SCALE_TO_ZERO)
    assert [reason for reason in choice.would_change if reason.rstrip().endswith("if")] == []
    assert f"{Strategy.SCALE_TO_ONE}, if --strategy were left out" in choice.would_change
