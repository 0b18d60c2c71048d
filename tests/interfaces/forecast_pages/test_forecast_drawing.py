"""Where on the timeline everything stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.assess import Blocks, Forecast
from lockage.interfaces.forecast_pages.drawing import MARGIN_RATIO, Drawing, drawing
from support.page_forecasts import (
    EVERY,
    forecast,
    nobody_waits,
    nothing_to_apply,
    partitions,
    relation,
    seconds,
    short_beside_long,
    sixty_lanes,
    stretch,
    thousand_transactions,
    unknown_end,
    usual,
)


def drawn(made: Forecast) -> Drawing:
    found = drawing(made)
    assert found is not None
    return found


def one_bar(from_s: float, until_s: float, *, total_s: float) -> Drawing:
    made = relation("public.a", stretch(Blocks.READS, from_s, until_s))
    return drawn(forecast(made, total_s=seconds(total_s), spans=[(0.0, total_s)]))


@pytest.mark.parametrize("make", EVERY)
def test_everything_stands_within_the_plot(make: Callable[[], Forecast]) -> None:
    found = drawing(make())
    for lane in found.lanes if found else ():
        for bar in lane.bars:
            assert 0 <= bar.left <= 100
            assert bar.width >= 0
            assert bar.left + bar.width + bar.tail <= 100 + 1e-6
            assert bar.least is None or bar.left < bar.least < bar.left + bar.width
    for tick in found.ticks if found else ():
        assert 0 <= tick.left <= 100


def test_a_bar_begins_where_it_is_likely_and_its_tail_shows_how_long_it_lasts_at_most() -> None:
    (bar,) = one_bar(1.0, 2.0, total_s=2.0).lanes[0].bars
    # A third of a second to three: the axis ends at 4 s and a little more.
    assert [round(part * MARGIN_RATIO, 1) for part in (bar.left, bar.width, bar.tail)] == [25.0, 25.0, 50.0]
    assert bar.least is not None
    assert round(bar.least * MARGIN_RATIO, 1) == 33.3
    assert not bar.open


def test_a_moment_behind_long_work_looks_like_a_moment() -> None:
    work = relation("public.a", stretch(Blocks.WRITES, 0.0, 2400.0))
    moment = relation("public.b", stretch(Blocks.READS, 2400.0, 2400.001, transaction=2))
    made = forecast(work, moment, total_s=seconds(2400.001), spans=[(0.0, 2400.0), (2400.0, 2400.001)])
    (bar,) = drawn(made).lanes[1].bars
    assert bar.width + bar.tail < 0.01


def test_the_axis_never_goes_so_far_that_what_is_likely_cannot_be_seen() -> None:
    made = relation("public.a", stretch(Blocks.READS, 0.0, 1.0))
    (bar,) = drawn(forecast(made, total_s=seconds(1.0, high=10_000.0), spans=[(0.0, 1.0)])).lanes[0].bars
    assert bar.width > 15


def test_what_has_no_known_end_fades_out_at_the_edge() -> None:
    found = drawn(unknown_end())
    (bar,) = found.lanes[0].bars
    assert bar.open
    assert bar.indirect
    assert bar.left + bar.width + bar.tail == pytest.approx(100)
    assert found.open


def test_tails_that_fade_do_not_pile_up_until_they_fade_no_more() -> None:
    every = [stretch(Blocks.READS, n * 2.0, n * 2.0 + 1, transaction=n + 1, known=False) for n in range(8)]
    writes = stretch(Blocks.WRITES, 16.0, 17.0, transaction=9, known=False)
    made = forecast(relation("public.a", *every, writes), total_s=seconds(17.0, high=None), spans=[(0.0, 17.0)])
    (lane,) = drawn(made).lanes
    assert [bar.open for bar in lane.bars] == [True] * 9
    assert lane.tails == (lane.bars[8], lane.bars[0])


def test_the_ledger_stands_last_and_is_marked() -> None:
    found = drawn(usual())
    assert [lane.relation.relation for lane in found.lanes] == [
        "public.api_keys",
        "public.active_keys",
        "public.users",
        "public.workspaces",
        "public.schema_migrations",
    ]
    assert [lane.ledger for lane in found.lanes] == [False, False, False, False, True]


def test_a_lane_tells_a_reader_who_cannot_see_it_all_of_it() -> None:
    lane = drawn(usual()).lanes[0]
    assert "public.api_keys: readers and writers wait 6.5 s likely (2.2 s to 20 s)." in lane.sentence
    assert "writers of changed rows wait from 0.3 s to 2.4 s as is likely, 2.1 s long, 6.3 s at most" in lane.sentence
    assert "RowExclusiveLock, transaction 1" in lane.sentence


def test_a_label_is_in_a_bar_only_where_there_is_room() -> None:
    wide, narrow = one_bar(0.0, 10.0, total_s=10.0), one_bar(9.9, 10.0, total_s=10.0)
    assert wide.lanes[0].bars[0].fits
    assert not narrow.lanes[0].bars[0].fits


def test_a_millisecond_beside_forty_minutes_is_still_a_bar() -> None:
    found = drawn(short_beside_long())
    assert len(found.lanes) == 40
    assert all(len(lane.bars) == 1 for lane in found.lanes)
    assert found.ticks[1].label == "30 min"


def test_what_is_too_short_to_be_told_apart_is_drawn_as_one_and_counted() -> None:
    found = drawn(thousand_transactions())
    (lane,) = found.lanes
    assert len(lane.bars) <= 260
    assert len(found.bands) <= 260
    assert "transactions 1 to " in lane.bars[0].sentence


def test_sixty_relations_are_sixty_lanes() -> None:
    assert len(drawn(sixty_lanes()).lanes) == 60


def test_where_nobody_waits_but_other_migrators_only_the_ledger_is_drawn() -> None:
    assert [lane.who for lane in drawn(nobody_waits()).lanes] == ["other migrators"]
    assert drawing(nothing_to_apply()) is None


@given(st.floats(0, 1e6), st.floats(0.0001, 1e6))
def test_the_axis_has_some_marks_but_not_many_each_with_a_label_of_its_own(from_s: float, lasts_s: float) -> None:
    found = one_bar(from_s, from_s + lasts_s, total_s=from_s + lasts_s)
    labels = [tick.label for tick in found.ticks]
    assert 2 <= len(labels) <= 21
    assert len(set(labels)) == len(labels)
    assert labels[0] == "0"


def test_relations_that_wait_alike_share_a_lane() -> None:
    found = drawn(partitions())
    assert [(lane.relation.relation, lane.others) for lane in found.lanes] == [("public.users", 0), ("public.events_00", 11)]
    assert found.lanes[1].sentence.startswith(
        "public.events_00, public.events_01, public.events_02, public.events_03 and 8 more:"
    )
