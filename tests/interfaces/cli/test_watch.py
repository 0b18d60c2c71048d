"""``lockage watch`` with and without a run of its own to show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockage.interfaces.cli.main import run
from lockage.interfaces.folders import HOME_VARIABLE, find_folders
from lockage.interfaces.wiring import journals
from lockage.ports import JournalEntry

AT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def watch(home: Path, *arguments: str) -> int:
    return run(("watch", "shop", *arguments), environment={HOME_VARIABLE: str(home)})


def journal(home: Path, *kinds: str) -> None:
    folders = find_folders({HOME_VARIABLE: str(home)})
    with journals(folders).create("shop", run_id="20261122-170000-abcd") as written:
        for kind in kinds:
            written.append(JournalEntry(at=AT, kind=kind, hop=-1, step="", text=f"this {kind}"))


def test_a_run_that_has_ended_is_not_shown_again_but_the_deployment_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(tmp_path, "run", "ended")
    assert watch(tmp_path) == 2  # it was looked for, and nobody describes it
    assert "no deployment is called shop" in capsys.readouterr().err


def test_without_any_run_the_deployment_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(tmp_path) == 2
    assert "no deployment is called shop" in capsys.readouterr().err


def test_a_target_says_nothing_about_a_run_that_is_under_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path, "run")
    assert watch(tmp_path, "--to", "2.0.0") == 2
    assert "--to and run 20261122-170000-abcd" in capsys.readouterr().err
