"""``forecast --calibrate`` and ``runs score`` as a person types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lockage.adapters.journal import SqliteJournals
from lockage.core.forecast.assess import Seconds
from lockage.core.plan.steps import Strategy
from lockage.core.run import HopFigures, RunReport
from lockage.interfaces.cli.main import run
from lockage.interfaces.folders import find_folders
from lockage.ports import JournalEntry

BEGAN = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"LOCKAGE_HOME": str(tmp_path / "home")}


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "1_first.sql").write_text("CREATE TABLE users (id int);")
    return folder


@pytest.mark.parametrize("measure", ["read", "write"])
def test_a_calibration_without_a_database_is_refused(
    measure: str, migrations: Path, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["forecast", "--migrations", str(migrations), f"--calibrate={measure}"]
    assert run(arguments, environment=home) == 2
    said = capsys.readouterr().err
    assert f"--calibrate={measure} measures the database itself, and none was given" in said
    assert "LK700" in said
    assert "--database URL" in said


def ended(home: dict[str, str], run_id: str, took_s: float) -> None:
    hop = HopFigures(
        from_release="1.0.0",
        to_release="2.0.0",
        strategy=Strategy.SCALE_TO_ZERO,
        forecast_s=Seconds(low=5, likely=10, high=20),
        migration_s=took_s,
    )
    report = RunReport(
        id=run_id,
        deployment="shop",
        outcome="healthy",
        from_release="1.0.0",
        to_release="2.0.0",
        route=("2.0.0",),
        began_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=30),
        hops=(hop,),
    )
    with SqliteJournals(find_folders(home).runs).create("shop", run_id=run_id) as journal:
        journal.append(JournalEntry(at=BEGAN, kind="ended", hop=-1, step="", text="", data=msgspec.json.encode(report)))


def test_runs_are_scored_in_words_and_in_json(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    ended(home, "20261122-130000-aaaa", 15.0)
    ended(home, "20261122-140000-bbbb", 40.0)
    assert run(["runs", "score"], environment=home) == 0
    text = capsys.readouterr().out
    assert "50% of 2 migrations inside the range; the likely figure was off 2.75 times in the median" in text
    assert run(["runs", "score", "shop", "--json"], environment=home) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "lockage.score/1"
    assert [(one["inside"], one["ratio"]) for one in found["runs"]] == [(True, 1.5), (False, 4.0)]
    assert found["inside_ratio"] == 0.5


def test_without_a_run_that_says_so_nothing_is_scored(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "score"], environment=home) == 0
    assert "no run has ended that had a forecast and was measured" in capsys.readouterr().out


def test_a_name_of_no_run_is_told_with_those_that_there_are(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "score", "shpo"], environment=home) == 2
    assert capsys.readouterr().err == "error LK696: no run of shpo is known on this machine\nhint: lockage runs\n"
    ended(home, "20261122-130000-aaaa", 15.0)
    assert run(["runs", "score", "shpo", "--json"], environment=home) == 2
    assert json.loads(capsys.readouterr().err)["hint"] == "there are runs of shop: lockage runs score shop"
