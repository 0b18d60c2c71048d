"""From settings, views and a short query to speeds: what is not known does not make a range narrower."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.calibration.computing import COMPUTE_ROW_S
from lockage.core.forecast.calibration.inferred import CPU_LEAST, CPU_MOST, infer
from lockage.core.forecast.calibration.measured import with_samples
from lockage.core.forecast.duration.rates import UNKNOWN_SERVER, Rate
from lockage.core.forecast.target_reading import Sample, SampleKind, TargetReading

NOTHING = TargetReading(major=18)


def width(rate: Rate) -> float:
    return rate.below * rate.above


def test_a_server_that_tells_nothing_has_the_widest_ranges_and_says_how_to_narrow_them() -> None:
    found = infer(NOTHING)
    assert found.speeds == UNKNOWN_SERVER
    assert any("--calibrate=read" in sentence for sentence in found.assumptions)
    assert found.oldest_transaction_s is None


def test_memory_and_processes_are_taken_as_the_settings_say() -> None:
    sizes = {"shared_buffers": 8 << 30, "maintenance_work_mem": 1 << 30, "work_mem": 4 << 20, "max_wal_size": 16 << 30}
    settings = {"max_parallel_maintenance_workers": "4", "max_parallel_workers": "2", "hash_mem_multiplier": "2"}
    speeds = infer(replace(NOTHING, sizes=sizes, settings=settings)).speeds
    assert (speeds.buffers_bytes, speeds.sort_bytes, speeds.hash_bytes) == (8 << 30, 1 << 30, 8 << 20)
    assert speeds.wal_limit_bytes == 16 << 30
    assert speeds.builders == 3


@pytest.mark.parametrize("off", ["fsync", "synchronous_commit"])
def test_a_commit_that_waits_for_nothing_takes_next_to_nothing(off: str) -> None:
    found = infer(replace(NOTHING, settings={off: "off"}))
    assert found.speeds.commit_s.value < 0.001
    assert any(off in sentence for sentence in found.assumptions)


def test_a_synchronous_standby_makes_commits_longer_and_their_range_wider() -> None:
    alone = infer(replace(NOTHING, sync_s=0.002, syncs=500)).speeds.commit_s
    followed = infer(replace(NOTHING, sync_s=0.002, syncs=500, settings={"synchronous_standby_names": "b"})).speeds.commit_s
    assert followed.value > alone.value
    assert width(followed) > width(alone)


def test_a_mean_over_few_flushes_is_not_believed() -> None:
    assert infer(replace(NOTHING, sync_s=0.5, syncs=3)).speeds.commit_s == UNKNOWN_SERVER.commit_s


def test_reads_that_the_server_timed_set_the_rate_and_are_named() -> None:
    found = infer(replace(NOTHING, read_block_s=0.0002, reads=100_000))
    assert found.speeds.read_byte_s.value == pytest.approx(0.0002 / 8192)
    assert any("200 µs" in sentence for sentence in found.assumptions)


def test_a_minimal_wal_level_and_pages_that_are_not_logged_are_seen() -> None:
    speeds = infer(replace(NOTHING, settings={"wal_level": "minimal", "full_page_writes": "off"})).speeds
    assert not speeds.logs_new_files
    assert not speeds.page_images


@given(busy=st.integers(min_value=0, max_value=500))
def test_a_busy_server_never_has_narrower_ranges(busy: int) -> None:
    speeds = infer(replace(NOTHING, active_sessions=busy)).speeds
    assert width(speeds.cpu) >= width(UNKNOWN_SERVER.cpu)
    assert width(speeds.write_byte_s) >= width(UNKNOWN_SERVER.write_byte_s)


def test_a_setting_that_is_no_number_is_no_reason_to_fail() -> None:
    assert infer(replace(NOTHING, settings={"random_page_cost": "fast"})).speeds == UNKNOWN_SERVER


def computing(ratio: float) -> Sample:
    return Sample(kind=SampleKind.COMPUTE, seconds=ratio * 20_000 * COMPUTE_ROW_S, rows=20_000)


def test_a_short_query_without_a_table_sets_the_speed_of_the_processor_and_is_named() -> None:
    found = infer(replace(NOTHING, compute=computing(1.9)))
    assert found.speeds.cpu.value == pytest.approx(1.9)
    assert (
        "the server computes in 1.9 times the time of the reference, by a query of 8.2 ms without a table" in found.assumptions
    )


def test_the_short_query_leaves_less_doubt_than_nothing_and_more_than_the_samples_that_a_person_asks_for() -> None:
    default = infer(replace(NOTHING, compute=computing(1.9)))
    asked = with_samples(default, [replace(computing(1.8), rows=60_000)])
    assert asked.speeds.cpu.below < default.speeds.cpu.below < UNKNOWN_SERVER.cpu.below
    assert asked.speeds.cpu.above < default.speeds.cpu.above < UNKNOWN_SERVER.cpu.above


def test_what_longer_samples_say_of_the_processor_takes_the_place_of_what_the_short_one_said() -> None:
    default = infer(replace(NOTHING, compute=computing(1.9)))
    (said,) = (s for s in with_samples(default, [computing(1.5)] * 2).assumptions if "the server computes" in s)
    assert said == "the server computes in 1.5 times the time of the reference, by 2 timed queries without a table"
    commit = Sample(kind=SampleKind.COMMIT, seconds=0.01)
    assert any("1.9 times" in sentence for sentence in with_samples(default, [commit]).assumptions)


@pytest.mark.parametrize("sample", [None, computing(0.0), replace(computing(1.9), rows=0.0)])
def test_a_processor_that_was_not_timed_is_any_processor(sample: Sample | None) -> None:
    found = infer(replace(NOTHING, compute=sample))
    assert found.speeds.cpu == UNKNOWN_SERVER.cpu
    assert not any("computes" in sentence for sentence in found.assumptions)


@given(ratio=st.floats(min_value=0.001, max_value=1000))
def test_a_moment_beyond_every_processor_is_in_the_range_and_not_likely(ratio: float) -> None:
    found = infer(replace(NOTHING, compute=computing(ratio)))
    cpu = found.speeds.cpu
    assert CPU_LEAST <= cpu.value <= CPU_MOST
    assert cpu.value / cpu.below < ratio < cpu.value * cpu.above
    beyond = not CPU_LEAST <= ratio <= CPU_MOST
    assert any("is taken to be likely" in sentence for sentence in found.assumptions) == beyond
