"""The user's own backup must succeed, or nothing is done."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from lockage.adapters.backup_command import run_backup
from lockage.errors import RefusedError


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def test_it_runs_to_its_end_with_the_environment_it_is_given(tmp_path: Path) -> None:
    made = tmp_path / "backup"
    run_backup(python("import os, pathlib; pathlib.Path(os.environ['TO']).touch()"), environment={"TO": str(made)})
    assert made.exists()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("pg_dump 'shop", "it is no command line: No closing quotation"),
        (" ", "it is empty"),
        ("/nowhere/pg_dump shop", "it is not installed"),
        ("/", "Permission denied"),
        (python("import sys; sys.exit(3)"), "it ended with 3"),
        (python("import sys; sys.exit('disk full')"), "it ended with 1: disk full"),
        (python("import sys; sys.exit('password=hunter2')"), "it ended with 1: password="),
    ],
)
def test_one_that_does_not_succeed_is_refused_with_what_it_said_and_no_secret(command: str, why: str) -> None:
    with pytest.raises(RefusedError) as refused:
        run_backup(command, environment={})
    assert (refused.value.code, why in refused.value.message) == ("LK590", True)
    assert "hunter2" not in refused.value.message
