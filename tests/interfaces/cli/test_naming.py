"""How a command line names a deployment: one set of flags for every command, and Helm's own arguments behind ``--``."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from lockage.interfaces.cli.invocation import Invocation, command_app
from lockage.interfaces.cli.logs import new_log
from lockage.interfaces.cli.main import COMMANDS, run
from lockage.interfaces.cli.options import Json, may_name_deployment, names_deployment
from lockage.interfaces.flags import Wanted
from lockage.interfaces.folders import find_folders


def called(tmp_path: Path, *arguments: str, optional: bool = False, passed: tuple[str, ...] = ()) -> tuple[Wanted, bool]:
    """What a command of its own gets."""
    app, seen = command_app(), []

    def command(context: typer.Context, wanted: Wanted, *, as_json: Json = False) -> None:
        """Only remember."""
        del context
        seen.append((wanted, as_json))

    app.command()((may_name_deployment if optional else names_deployment)(command))
    folders = find_folders({"LOCKAGE_HOME": str(tmp_path)})
    log = new_log(folders.logs, command="x")
    invocation = Invocation(arguments=arguments, environment={}, folders=folders, log=log, as_json=False, passed=passed)
    typer.main.get_command(app).main(args=list(arguments), standalone_mode=False, obj=invocation)
    return seen[0]


def test_every_flag_arrives_under_its_name(tmp_path: Path) -> None:
    flags = (
        "-n", "coder", "--context", "prod", "--kubeconfig", "k", "-l", "a=b", "--profile", "coder", "--database", "u",
        "--reach", "pod", "--relay-image", "i", "--chart", "c", "--helm-release", "r", "--helm", "h", "--json",
    )  # fmt: skip
    wanted, as_json = called(tmp_path, "shop", *flags, passed=("-f", "x.yaml"))
    assert as_json
    assert wanted == Wanted(
        name="shop", namespace="coder", context="prod", kubeconfig="k", selector="a=b", profile=Path("coder"), database="u",
        reach="pod", relay_image="i", chart="c", helm_release="r", helm_program="h", helm_arguments=("-f", "x.yaml"),
    )  # fmt: skip


def test_a_name_is_all_that_is_needed(tmp_path: Path) -> None:
    assert called(tmp_path, "shop") == (Wanted(name="shop"), False)


def test_a_command_with_another_use_has_no_name(tmp_path: Path) -> None:
    assert called(tmp_path, "--database", "u", optional=True) == (Wanted(name="", database="u"), False)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name in ("survey", "forecast", "verify")])
def test_what_takes_no_arguments_of_helm_refuses_them(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run((command, "shop", "--", "--set", "a=b"), environment={"LOCKAGE_HOME": str(tmp_path)}) == 2
    said = capsys.readouterr().err
    assert "error LK001: nothing is expected after --, and there is --set a=b" in said


def test_arguments_of_helm_reach_the_upgrade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("upgrade", "shop", "-n", "x", "--to", "1.0.0", "--yes", "--no-restore-point", "--", "-f", "v.yaml")
    assert run(arguments, environment={"LOCKAGE_HOME": str(tmp_path)}) == 2
    assert "error LK003: arguments after -- of Helm say nothing without a chart" in capsys.readouterr().err


def test_an_argument_that_belongs_behind_the_dashes_is_not_taken_for_helms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(("plan", "shop", "2.0.0", "--to", "1.0.0"), environment={"LOCKAGE_HOME": str(tmp_path)}) == 2
    assert "unexpected extra argument" in capsys.readouterr().err
