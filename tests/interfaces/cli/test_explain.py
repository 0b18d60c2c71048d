"""``lockage explain``: error codes and causes, one or all, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockage.interfaces.causes import causes
from lockage.interfaces.cli.main import run
from lockage.interfaces.error_codes import error_codes
from lockage.interfaces.hazards import hazard_kinds


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"LOCKAGE_HOME": str(tmp_path)}


@pytest.mark.parametrize("code", ["F061", "f061"])
def test_a_cause_is_explained_with_what_it_may_follow_from(
    code: str, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", code], environment=home) == 0
    text = capsys.readouterr().out
    for expected in ("F061: the schema is newer than the image", "Symptom:", "Evidence:", "Remedy:", "Prevention:", "F085"):
        assert expected in text


def test_a_cause_and_an_error_are_explained_to_programs(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "F061", "--json"], environment=home) == 0
    cause = json.loads(capsys.readouterr().out)
    assert (cause["schema"], cause["code"], cause["cause"]["family"]) == ("lockage.cause/1", "F061", "ledger")
    assert run(["explain", "LK201", "--json"], environment=home) == 0
    assert json.loads(capsys.readouterr().out)["code"] == "LK201"


def test_everything_that_can_be_explained_is_listed(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"], environment=home) == 0
    text = capsys.readouterr().out
    assert all(code in text for code in causes())
    assert all(entry.code in text for entry in error_codes())
    assert run(["explain", "--json"], environment=home) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in listed["causes"]] == list(causes())
    assert [one["code"] for one in listed["errors"]] == [entry.code for entry in error_codes()]


def test_what_nobody_knows_is_a_slip_of_the_keyboard(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "F999"], environment=home) == 2
    said = capsys.readouterr().err
    assert ("no error code and no cause" in said, "LK007" in said) == (True, True)


@pytest.mark.parametrize("code", ["H010", "h010"])
def test_a_hazard_is_explained_with_both_examples(code: str, home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code], environment=home) == 0
    text = capsys.readouterr().out
    for expected in ("H010: a table is written anew", "Severity: error", "Remedy:", "Bad:", "  ALTER TABLE orders", "Good:"):
        assert expected in text
    assert run(["explain", code, "--json"], environment=home) == 0
    hazard = json.loads(capsys.readouterr().out)
    assert (hazard["schema"], hazard["code"], hazard["hazard"]["severity"]) == ("lockage.hazard/1", "H010", "error")


def test_every_hazard_is_listed(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"], environment=home) == 0
    text = capsys.readouterr().out
    assert all(code in text for code in hazard_kinds())
    assert run(["explain", "--json"], environment=home) == 0
    assert [one["code"] for one in json.loads(capsys.readouterr().out)["hazards"]] == list(hazard_kinds())
