"""``lockage forecast --fail-on``: the forecast is given out, and the exit code tells CI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockage.interfaces.cli.main import run

pytestmark = pytest.mark.real


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "1_base.sql").write_text("CREATE TABLE orders (id bigint PRIMARY KEY, total integer);")
    (folder / "2_rewrite.sql").write_text("ALTER TABLE orders ALTER COLUMN total TYPE bigint;")
    return folder


def test_the_forecast_is_given_out_whatever_its_hazards_and_the_exit_code_tells(
    migrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = {"LOCKAGE_HOME": str(tmp_path / "home")}
    assert run(["forecast", "--migrations", str(migrations), "--json"], environment=home) == 0
    calm = json.loads(capsys.readouterr().out)
    assert {hazard["code"] for hazard in calm["hazards"]} == {"H001", "H005", "H010"}
    assert calm["hazards"][0].keys() == {"code", "severity", "relation", "file", "line", "sentence", "remedy"}
    assert run(["forecast", "--migrations", str(migrations), "--json", "--fail-on", "error"], environment=home) == 5
    failed = capsys.readouterr()
    assert json.loads(failed.out)["hazards"] == calm["hazards"]
    assert json.loads(failed.err.splitlines()[-1])["code"] == "LK680"


def test_a_script_without_hazards_fails_on_nothing(
    migrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (migrations / "2_rewrite.sql").write_text("SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;")
    home = {"LOCKAGE_HOME": str(tmp_path / "home")}
    assert run(["forecast", "--migrations", str(migrations), "--fail-on", "note"], environment=home) == 0
    assert "Hazards" not in capsys.readouterr().out


def test_an_ordinary_migration_without_a_lock_timeout_is_no_error(
    migrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (migrations / "2_rewrite.sql").write_text("ALTER TABLE orders ADD COLUMN note text;")
    home = {"LOCKAGE_HOME": str(tmp_path / "home")}
    assert run(["forecast", "--migrations", str(migrations), "--json", "--fail-on", "error"], environment=home) == 0
    [hazard] = json.loads(capsys.readouterr().out)["hazards"]
    assert (hazard["code"], hazard["severity"], hazard["relation"]) == ("H005", "warning", "public.orders")
