"""``forecast --set`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockage.interfaces.cli.main import run


def test_two_values_for_one_variable_are_refused_and_neither_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "V1__a.sql").write_text("CREATE SCHEMA ${schema}")
    said = ["--set", "schema=first", "--set", "schema=second"]
    assert run(["forecast", "--migrations", str(tmp_path), *said], environment={"LOCKAGE_HOME": str(tmp_path / "home")}) == 2
    told = capsys.readouterr().err
    assert "error LK001: --set gives schema two values" in told
    assert "first" not in told
    assert "second" not in told


@pytest.mark.real
def test_a_variable_that_no_file_asks_for_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "V1__a.sql").write_text("CREATE SCHEMA ${schema}")
    said = ["--set", "schema=app", "--set", "schema=app", "--set", "shcema=app"]
    assert run(["forecast", "--migrations", str(tmp_path), *said], environment={"LOCKAGE_HOME": str(tmp_path / "home")}) == 0
    shown = capsys.readouterr().out
    assert "no file asks for a variable shcema, so --set shcema changed nothing" in shown
    assert "variable schema" not in shown
