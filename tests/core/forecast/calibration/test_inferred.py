"""From settings and views to speeds: what is not known does not make a range narrower."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.calibration.inferred import infer
from lockage.core.forecast.duration.rates import UNKNOWN_SERVER, Rate
from lockage.core.forecast.target_reading import TargetReading

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
