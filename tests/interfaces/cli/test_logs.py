"""The log of a command: lines that a program reads, without secrets, and never in the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from lockage.interfaces.cli.logs import KEPT, CommandLog

BEGUN = datetime(2026, 11, 22, 13, 25, 1, tzinfo=UTC)


def new(folder: Path) -> CommandLog:
    return CommandLog(folder, command="survey", begun=BEGUN, pid=4711)


def test_a_command_with_nothing_to_log_leaves_no_file(tmp_path: Path) -> None:
    new(tmp_path / "logs").close()
    assert not (tmp_path / "logs").exists()


def test_a_line_is_an_object_with_time_and_event(tmp_path: Path) -> None:
    log = new(tmp_path)
    log.write("step-begun", hop=0, step="scale-down", at_most=3)
    log.close()
    assert log.path.name == "20261122T132501-survey-4711.jsonl"
    line = json.loads(log.path.read_text())
    assert {key: line[key] for key in ("event", "hop", "step", "at_most")} == {
        "event": "step-begun", "hop": 0, "step": "scale-down", "at_most": 3,
    }  # fmt: skip
    assert line["at"].startswith("20")


def test_a_line_can_be_read_while_the_command_runs(tmp_path: Path) -> None:
    log = new(tmp_path)
    log.write("begun")
    assert json.loads(log.path.read_text())["event"] == "begun"
    log.close()


def test_secrets_are_masked_at_any_depth(tmp_path: Path) -> None:
    log = new(tmp_path)
    url = "postgres://app:hunter2@db/x"
    log.write("begun", arguments=("survey", "--database", url), nested={"deep": [{"er": url}]}, path=Path(f"/x/{url}"))
    log.close()
    text = log.path.read_text()
    assert "hunter2" not in text
    assert "db/x" in text


def test_only_its_owner_reads_a_log(tmp_path: Path) -> None:
    log = new(tmp_path)
    log.write("begun")
    log.close()
    assert log.path.stat().st_mode & 0o077 == 0


def test_old_logs_are_forgotten(tmp_path: Path) -> None:
    for number in range(KEPT + 10):
        (tmp_path / f"2025{number:04d}.jsonl").touch()
    log = new(tmp_path)
    log.write("begun")
    log.close()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == KEPT
    assert log.path.name in left


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = new(tmp_path / "file")
    log.write("begun")
    log.close()


def test_what_is_written_after_the_end_is_dropped(tmp_path: Path) -> None:
    log = new(tmp_path)
    log.close()
    log.write("late")
    assert not log.path.exists()


def test_what_a_run_quotes_of_statements_and_people_is_masked_as_in_a_bundle(tmp_path: Path) -> None:
    log = new(tmp_path)
    log.write("saw", text="blocked by UPDATE users SET email = 'jane@example.com' WHERE id = 7, pid 4711")
    log.write("saw", text="login with hunter2x refused", arguments=["--database", "postgres://app:hunter2x@db/x"])
    log.close()
    text = log.path.read_text()
    assert "jane" not in text
    assert "hunter2x" not in text
    assert "pid 4711" in text
