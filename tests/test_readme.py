"""What the README tells people to type exists, and the CI run types the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lockage.interfaces.cli.main import run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def typed(program: str) -> list[str]:
    """Commands of the README's shell blocks that begin with a program, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.split()[:1] == [program]]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize("command", typed("lockage"))
def test_a_command_of_the_readme_is_understood(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    # With --help it is parsed and not carried out.
    assert run([*shlex.split(command)[1:], "--help"], environment={}) == 0, capsys.readouterr().err


def test_every_make_target_of_the_readme_exists() -> None:
    named = {command.split()[1] for command in typed("make")}
    assert named
    assert named <= make_targets()


def test_the_ci_run_calls_the_readmes_own_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    called = set(re.findall(r"\bmake ([a-z0-9-]+)", script))
    assert {"check", "demo", "test"} <= called <= make_targets()


def test_files_that_the_readme_links_to_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_the_exit_codes_of_the_readme_are_those_of_the_table() -> None:
    table = README.partition("| exit code | meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| (\d) ", table, flags=re.MULTILINE) == ["0", "1", "2", "3", "4", "5"]
