"""Help texts: complete, in 80 columns, and quick because nothing heavy is imported for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lockage.interfaces.cli import commands
from lockage.interfaces.cli.main import COMMANDS, run

SUBCOMMANDS = ("runs list", "runs score", "runs show", "local scale", "local roll-out", "demo up", "demo down", "demo status")
HEAVY = {
    "psycopg",
    "psycopg_pool",
    "starlette",
    "uvicorn",
    "httpx",
    "postgast",
    "structlog",
    "rich",
    "msgspec",
    "jinja2",
    "psutil",
}


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run([*command.split(), "--help"], environment={}) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["", *COMMANDS, *SUBCOMMANDS])
def test_help_fits_80_columns(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = help_of(command, capsys)
    assert text.startswith(f"Usage: lockage {command}".rstrip())
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.partition("Commands:")[2], "a command's sentence was cut"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_says_what_the_command_says(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = help_of(command, capsys).partition("\n\n")[2].partition("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[command]


def test_every_command_module_is_in_the_table() -> None:
    [folder] = commands.__path__
    assert {path.stem for path in Path(folder).glob("[!_]*.py")} == set(COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from lockage.interfaces.cli.main import run; run(['--help'], environment={});"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stderr.split()}
    assert not imported & HEAVY
    assert "typer" in imported
