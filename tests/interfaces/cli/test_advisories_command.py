"""``lockage advisories``: what is known of a jump, without any deployment, and with the user's own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lockage.interfaces.cli.main import run
from lockage.interfaces.schemas import json_schema

OURS = """
schema = "lockage.advisories/1"
profile = "coder"

[[advisories]]
kind = "forbidden-overlap"
code = "OURS-1"
from_below = "2.36.0"
to_at_least = "2.36.0"
reason = "our plugin writes to the tables itself"
source = "a wiki"
date = "2026-10-01"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"LOCKAGE_HOME": str(tmp_path / "home")}


def told(capsys: pytest.CaptureFixture[str], environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    assert run(["advisories", *arguments], environment=environment) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def as_json(capsys: pytest.CaptureFixture[str], environment: dict[str, str], *arguments: str) -> Any:
    found = json.loads(told(capsys, environment, *arguments, "--json"))
    jsonschema.validate(found, json_schema(found["schema"]))
    return found


def test_a_jump_that_is_known_is_told_with_its_route_and_sources(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    out = told(capsys, environment, "check", "2.26.0", "v2.27.8", "--profile", "coder")
    assert out.startswith("Coder 2.26.0 to 2.27.8, by way of 2.26.6\n")
    assert "CODER-2.27-API-KEYS: go through 2.26.6 first" in out
    assert "2026-02-06, https://coder.com/docs/install/upgrade-best-practices" in out
    assert "Call Coder (https://coder.com/docs/support) when" in out


def test_an_unknown_jump_is_said_to_be_one_with_the_date_and_whom_to_ask(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    out = told(capsys, environment, "check", "2.34.0", "2.36.5", "--profile", "coder")
    assert "unknown jump: no advisory speaks of it, and the newest one is of 2026-09-22, which proves nothing; ask Coder" in out


def test_programs_get_the_same(capsys: pytest.CaptureFixture[str], environment: dict[str, str]) -> None:
    found = as_json(capsys, environment, "check", "2.29.1", "2.34.0", "--profile", "coder")
    assert (found["known"], found["route"], found["minors"]) == (True, ["2.34.0"], 5)
    assert [advisory["kind"] for advisory in found["advisories"]] == ["extra-time", "manual-step", "manual-step", "manual-step"]
    listed = as_json(capsys, environment, "list")
    assert {entry["profile"] for entry in listed["advisories"]} >= {"coder", "towpath"}


def test_without_a_profile_a_check_asks_which(capsys: pytest.CaptureFixture[str], environment: dict[str, str]) -> None:
    err = told(capsys, environment, "check", "2.29.1", "2.34.0", code=2)
    assert "error LK003: releases of which application? coder, " in err
    assert "--profile NAME" in err


def test_advisories_of_the_configuration_folder_and_of_a_file_count(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "home" / "config" / "advisories"
    kept.mkdir(parents=True)
    (kept / "ours.toml").write_text(OURS, encoding="utf-8")
    named = tmp_path / "more.toml"
    named.write_text(OURS.replace("OURS-1", "OURS-2"), encoding="utf-8")
    # The file says whose advisories it has, so that nobody has to say it again.
    found = as_json(capsys, environment, "check", "2.34.0", "2.36.5", "--advisories", str(named))
    assert [advisory["code"] for advisory in found["advisories"]] == ["OURS-1", "OURS-2"]
    err = told(
        capsys, environment, "check", "2.34.0", "2.36.5", "--advisories", str(kept / "ours.toml"), "--profile", "coder", code=2
    )
    assert "error LK541" in err


def test_a_file_that_is_wrong_missing_or_of_another_profile_is_told(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str], tmp_path: Path
) -> None:
    missing = told(capsys, environment, "list", "--advisories", str(tmp_path / "none.toml"), code=2)
    assert "none.toml cannot be read: No such file or directory" in missing
    named = tmp_path / "ours.toml"
    named.write_text(OURS, encoding="utf-8")
    other = told(capsys, environment, "list", "--profile", "towpath", "--advisories", str(named), code=2)
    assert "ours.toml has advisories of profile coder, and this deployment's is towpath" in other
    named.write_text(OURS.replace("reason", "raison"), encoding="utf-8")
    assert "error LK540" in told(capsys, environment, "list", "--advisories", str(named), code=2)


def test_what_is_no_version_or_goes_backwards_is_told(capsys: pytest.CaptureFixture[str], environment: dict[str, str]) -> None:
    assert "error LK202" in told(capsys, environment, "check", "2.29", "2.34.0", "--profile", "coder", code=2)
    assert "error LK210" in told(capsys, environment, "check", "2.34.0", "2.29.1", "--profile", "coder", code=3)
