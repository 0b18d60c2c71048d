"""Samples of load on disk: appended, kept for half a year, and read past what was cut off."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockage.adapters.load_samples import LoadSamples
from lockage.core.plan.load import LoadSample
from lockage.errors import RefusedError

BEGAN = datetime(2026, 1, 5, tzinfo=UTC)


def sample(days: float, transactions: int = 1) -> LoadSample:
    return LoadSample(at=BEGAN + timedelta(days=days), started_at=BEGAN, reset_at=None, transactions=transactions, sessions=2)


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert LoadSamples(tmp_path / "usage", deployment="shop").read() == ()


def test_what_was_added_is_read_in_order_and_by_deployment(tmp_path: Path) -> None:
    shop, other = (LoadSamples(tmp_path / "usage", deployment=name) for name in ("shop", "../other"))
    assert shop.add(sample(0, 10), keep_days=184) == 1
    assert shop.add(sample(1, 20), keep_days=184) == 2
    assert other.add(sample(2), keep_days=184) == 1
    assert shop.read() == (sample(0, 10), sample(1, 20))
    assert {path.parent for path in tmp_path.rglob("*.jsonl")} == {tmp_path / "usage"}


def test_a_line_that_was_cut_off_costs_itself_only(tmp_path: Path) -> None:
    samples = LoadSamples(tmp_path, deployment="shop")
    samples.add(sample(0), keep_days=184)
    [file] = tmp_path.iterdir()
    with file.open("ab") as stream:
        stream.write(b'{"at":"2026-01-0')
    samples.add(sample(1), keep_days=184)
    assert samples.read() == (sample(0), sample(1))


def test_samples_that_are_too_old_go_in_the_end(tmp_path: Path) -> None:
    samples = LoadSamples(tmp_path, deployment="shop")
    for day in range(0, 40, 2):
        samples.add(sample(day), keep_days=10)
    kept = [(one.at - BEGAN).days for one in samples.read()]
    assert kept[-1] == 38
    assert min(kept) >= 26
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RefusedError) as refused:
        LoadSamples(tmp_path / "usage", deployment="shop").add(sample(0), keep_days=184)
    assert refused.value.code == "LK008"


def test_a_file_in_the_folders_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "usage").write_text("")
    with pytest.raises(RefusedError) as refused:
        LoadSamples(tmp_path / "usage", deployment="shop").add(sample(0), keep_days=184)
    assert refused.value.code == "LK008"
