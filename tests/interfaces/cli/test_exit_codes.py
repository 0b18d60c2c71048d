"""The exit-code table, from each class of failure to what a shell sees."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lockage.errors
from lockage.errors import LockageError
from lockage.interfaces.cli import failures
from lockage.interfaces.cli.invocation import Invocation
from lockage.interfaces.cli.logs import new_log
from lockage.interfaces.cli.main import ending, run
from lockage.interfaces.folders import find_folders

TABLE = {
    "LockageError": 1,
    "UsageError": 2,
    "RefusedError": 3,
    "UnreachableError": 3,
    "HaltedError": 4,
    "FindingsError": 5,
}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"LOCKAGE_HOME": str(tmp_path / "home")}


def error_classes() -> dict[str, type[LockageError]]:
    found = vars(lockage.errors).values()
    return {c.__name__: c for c in found if isinstance(c, type) and issubclass(c, LockageError)}


def test_every_class_of_failure_stands_in_the_table_with_its_exit_code() -> None:
    assert {name: cls.exit_code for name, cls in error_classes().items()} == TABLE


def test_no_class_of_failure_outside_the_table_has_an_exit_code_of_its_own() -> None:
    for path in Path(lockage.errors.__file__).parent.rglob("*.py"):
        if path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                assert "LockageError" not in bases, f"{path}:{node.lineno} {node.name}"
                if bases & TABLE.keys():
                    assert "exit_code" not in ast.unparse(node), f"{path}:{node.lineno} {node.name}"


@pytest.mark.parametrize("cls", error_classes().values(), ids=error_classes())
def test_a_failure_is_told_as_sentence_code_and_hint(cls: type[LockageError], capsys: pytest.CaptureFixture[str]) -> None:
    failure = failures.of_error(cls("the lock was not granted in 2 s", code="LK999", hint="lockage survey x"))
    failures.tell(failure, as_json=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error LK999: the lock was not granted in 2 s\nhint: lockage survey x\n"
    assert failure.exit_code == TABLE[cls.__name__]


def test_a_failure_as_json_is_one_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    failures.tell(failures.of_error(LockageError("no", code="LK999", hint=None)), as_json=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err) == {
        "schema": "lockage.error/1", "code": "LK999", "message": "no", "hint": None, "exit_code": 1,
    }  # fmt: skip


def test_a_password_in_a_message_is_not_told() -> None:
    error = LockageError("cannot reach postgres://app:hunter2@db/x", code="LK999", hint="psql postgres://app:hunter2@db/x")
    failure = failures.of_error(error)
    assert "hunter2" not in failure.message
    assert "hunter2" not in str(failure.hint)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["--no-such-option"],
        ["survey"],
        ["survey", "--save", "a.survey"],
        ["survey", "demo", "--with-values"],
        ["forecast", "--survey", "a.survey", "--database", "postgresql://h/d"],
        ["forecast", "--survey", "a.survey", "--from", "3"],
        ["survey", "a", "b"],
        ["plan", "demo"],
        ["plan", "demo", "--to", "2", "--strategy", "blue-green"],
        ["plan", "demo", "--to", "2", "--probe-budget", "soon"],
        ["forecast"],
        ["forecast", "demo", "--format", "plain"],
        ["forecast", "--migrations", "x", "--to", "2.27.8"],
        ["forecast", "--migrations", "x", "--from", "7", "--to", "7"],
        ["upgrade", "demo", "--to", "2", "--plan", "x"],
        ["upgrade", "demo", "--to", "2", "--restore-point", "x", "--no-restore-point"],
        ["upgrade", "demo", "--plan", "x", "--strategy", "rolling"],
        ["demo", "--naive-only", "--skip-naive"],
        ["demo", "--rows", "2000", "down"],
        ["demo", "sideways"],
        ["explain", "LK9999"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_2_and_leaves_nothing(
    arguments: list[str], home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, environment=home) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error LK0")
    assert "\nhint: " in captured.err
    assert not Path(home["LOCKAGE_HOME"]).exists()


def test_data_is_checked_only_where_a_database_was_given(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["forecast", "--migrations", "m", "--survey", "a.survey", "--check-data"], environment=home) == 2
    assert capsys.readouterr().err.startswith("error LK719: --check-data asks the database itself")


def test_a_misspelt_command_is_guessed(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    run(["forcast"], environment=home)
    assert "hint: lockage forecast" in capsys.readouterr().err


def test_a_wrong_command_line_with_json_is_told_as_json(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--json"], environment=home) == 2
    assert json.loads(capsys.readouterr().err)["code"] == "LK001"


def test_an_upgrade_without_a_terminal_and_without_yes_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockage.interfaces.cli.main", "upgrade", "demo", "--to", "2.27.8"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env={"LOCKAGE_HOME": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "error LK004: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_character_that_the_terminal_lacks_does_not_end_the_answer(tmp_path: Path, encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockage.interfaces.cli.main", "explain", "H012"],
        capture_output=True, env={"LOCKAGE_HOME": str(tmp_path), "PYTHONIOENCODING": encoding}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_nothing_given_is_a_question_for_help(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], environment=home) == 0
    assert "Usage: lockage" in capsys.readouterr().out


def odd(_: Invocation) -> int:
    raise ValueError("odd: postgres://app:hunter2@db/x")


def invocation(home: dict[str, str], **extra: str) -> Invocation:
    folders = find_folders(home)
    log = new_log(folders.logs, command="survey")
    return Invocation(arguments=("survey",), environment={**home, **extra}, folders=folders, log=log, as_json=False)


def test_a_defect_ends_with_1_and_names_a_log_that_holds_the_traceback_without_secrets(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(invocation(home), odd) == 1
    told = capsys.readouterr().err
    [log] = (Path(home["LOCKAGE_HOME"]) / "state" / "logs").iterdir()
    assert told.startswith("error LK000: this is a defect of Lockage: ValueError: odd")
    assert str(log) in told
    assert "Traceback" not in told
    [line] = log.read_text().splitlines()
    assert json.loads(line)["event"] == "defect"
    assert "Traceback" in line
    assert "hunter2" not in told + line


def test_a_defect_is_raised_as_it_is_when_debugging(home: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="odd"):
        ending(invocation(home, LOCKAGE_DEBUG="1"), odd)


def test_a_log_that_cannot_be_written_does_not_hide_the_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert ending(invocation({"LOCKAGE_HOME": str(tmp_path / "file")}), odd) == 1
    assert "LOCKAGE_DEBUG=1 shows the details" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_defect(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m lockage.interfaces.cli.main explain | true"],
        capture_output=True, text=True, env={"LOCKAGE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    assert done.returncode in (0, failures.BROKEN_PIPE_EXIT)
    assert done.stderr == ""
