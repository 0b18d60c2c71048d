"""From timed samples to speeds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.calibration.measured import COMPUTE_ROW_S, centre, modelled_seconds, with_samples
from lockage.core.forecast.duration.calibration import UNCALIBRATED
from lockage.core.forecast.duration.rates import UNKNOWN_SERVER
from lockage.core.forecast.target_reading import IndexDetail, Sample, SampleKind

ID = IndexDetail(index="id", columns=("id",), unique=True)
TOKEN = IndexDetail(index="token", columns=("token",), unique=True)

WRITES = (
    Sample(kind=SampleKind.INSERT, seconds=0.0, rows=20_000, row_bytes=145),
    Sample(kind=SampleKind.UPDATE, seconds=0.0, rows=20_000, row_bytes=145),
    Sample(kind=SampleKind.UPDATE, seconds=0.0, rows=20_000, row_bytes=145, indexes=(ID, TOKEN)),
    Sample(kind=SampleKind.DELETE, seconds=0.0, rows=20_000, row_bytes=145),
    Sample(kind=SampleKind.INDEX, seconds=0.0, rows=20_000, row_bytes=145, indexes=(TOKEN,)),
    Sample(kind=SampleKind.REWRITE, seconds=0.0, rows=20_000, row_bytes=145, indexes=(ID,)),
    Sample(kind=SampleKind.KEY, seconds=0.0, rows=20_000, row_bytes=40),
)


def taking(factor: float) -> tuple[Sample, ...]:
    """Samples of a server that takes so many times what the model says."""
    return tuple(replace(one, seconds=modelled_seconds(one, UNKNOWN_SERVER) * factor) for one in WRITES)


def test_a_processor_twice_as_slow_is_seen_to_be() -> None:
    sample = Sample(kind=SampleKind.COMPUTE, seconds=2 * 60_000 * COMPUTE_ROW_S, rows=60_000)
    speeds = with_samples(UNCALIBRATED, [sample]).speeds
    assert speeds.cpu.value == pytest.approx(2.0)
    assert speeds.cpu.below < UNKNOWN_SERVER.cpu.below


@given(st.floats(min_value=0.1, max_value=20))
def test_writing_that_takes_so_many_times_the_model_sets_every_factor_to_that(factor: float) -> None:
    factors = with_samples(UNCALIBRATED, taking(factor)).speeds.factors
    assert {"insert", "update", "delete", "index-build", "rewrite", "foreign-key"} <= set(factors)
    assert all(rate.value == pytest.approx(factor) for rate in factors.values())


def test_samples_that_disagree_leave_a_wider_range_than_samples_that_agree() -> None:
    agreeing = taking(1.0)
    disagreeing = (*agreeing[:1], replace(agreeing[1], seconds=agreeing[1].seconds * 4), *agreeing[2:])
    narrow, wide = (with_samples(UNCALIBRATED, s).speeds.factors["update"] for s in (agreeing, disagreeing))
    assert wide.below > narrow.below
    assert wide.above > narrow.above


def test_pages_from_outside_shared_buffers_set_the_rate_of_reading() -> None:
    megabyte = 1024.0 * 1024
    scan = Sample(kind=SampleKind.SCAN, seconds=0.5, rows=1000, read_bytes=10 * megabyte, relation="public.a")
    found = with_samples(UNCALIBRATED, [scan])
    assert found.speeds.read_byte_s.value == pytest.approx(0.05 / megabyte, rel=0.01)
    assert any("10 MB of 1 table " in sentence for sentence in found.assumptions)


def test_a_scan_that_found_all_in_shared_buffers_says_nothing_of_the_disk() -> None:
    scan = Sample(kind=SampleKind.SCAN, seconds=0.01, rows=1000, hit_bytes=1e6, relation="public.a")
    found = with_samples(UNCALIBRATED, [scan])
    assert found.speeds.read_byte_s == UNKNOWN_SERVER.read_byte_s
    assert any("all of it was in shared_buffers" in sentence for sentence in found.assumptions)


def test_a_few_pages_say_nothing_of_the_disk() -> None:
    scan = Sample(kind=SampleKind.SCAN, seconds=0.01, rows=100, read_bytes=8192.0, relation="public.a")
    found = with_samples(UNCALIBRATED, [scan])
    assert found.speeds.read_byte_s == UNKNOWN_SERVER.read_byte_s
    assert any("too little" in sentence for sentence in found.assumptions)


def test_commits_set_the_time_of_a_commit() -> None:
    samples = [Sample(kind=SampleKind.COMMIT, seconds=0.012) for _ in range(5)]
    assert with_samples(UNCALIBRATED, samples).speeds.commit_s.value == pytest.approx(0.012)


def test_the_advice_to_calibrate_goes_when_it_was_followed() -> None:
    advised = replace(UNCALIBRATED, assumptions=("--calibrate=read narrows the ranges", "another"))
    assert with_samples(advised, taking(1.0)).assumptions[0] == "another"
    assert with_samples(advised, ()).assumptions == advised.assumptions


def test_no_sample_changes_nothing() -> None:
    assert with_samples(UNCALIBRATED, ()) == UNCALIBRATED


def test_the_centre_of_factors_is_their_geometric_mean() -> None:
    mean, spread = centre([0.5, 2.0])
    assert (mean, spread) == (pytest.approx(1.0), pytest.approx(2.0))
