"""A file that is to be written is looked at before the work, and no folder is made for it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from lockage.errors import UsageError
from lockage.interfaces.cli.main import run
from lockage.interfaces.cli.output_file import require_place


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("new folder/deep/out", "is in a folder that does not exist", "mkdir -p"),
        (".", "is a folder", "name a file in it: "),
        ("file/out", "which is no folder", "name a file in a folder that exists"),
    ],
)
def test_a_place_that_cannot_be_is_refused_and_nothing_is_made(tmp_path: Path, name: str, message: str, hint: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as caught:
        require_place(tmp_path / name)
    assert (caught.value.code, message in caught.value.message) == ("LK686", True)
    assert (caught.value.hint or "").startswith(hint)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_hint_works_as_it_is_typed(tmp_path: Path) -> None:
    file = tmp_path / "it's new" / "deep" / "out"
    with pytest.raises(UsageError) as caught:
        require_place(file)
    assert caught.value.hint
    subprocess.run(shlex.split(caught.value.hint), check=True)
    assert require_place(file) == file


def test_what_is_no_ordinary_file_is_not_put_in_its_place() -> None:
    with pytest.raises(UsageError, match=r"^/dev/null is no ordinary file$"):
        require_place(Path("/dev/null"))


@pytest.mark.parametrize(
    "command",
    [
        ("survey", "--database", "postgresql://nobody@127.0.0.1:1/none", "--save"),
        ("forecast", "--migrations", "nowhere", "--output"),
        ("plan", "nobody", "--to", "1.0.0", "-o"),
        ("profile", "init", "nobody", "-o"),
        ("bundle", "nobody", "-o"),
        ("diagnose", "nobody", "--save"),
        ("window", "nobody", "--ics"),
    ],
)
def test_every_command_says_so_first(command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "out"
    said = f"html={file}" if command[0] == "forecast" else str(file)
    assert run([*command, said], environment={"LOCKAGE_HOME": str(tmp_path / "home")}) == 2
    assert capsys.readouterr().err == (
        f"error LK686: {file} is in a folder that does not exist\nhint: mkdir -p {file.parent}\n"
    )
    assert not file.parent.exists()
