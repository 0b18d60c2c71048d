"""``lockage demo`` on a cluster: what it refuses before anything is touched, and what it never takes by itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lockage.interfaces.cli.main import run

HOST = ("--host", "127.0.0.2")

Typed = Callable[..., tuple[int, str]]
"""Types a command; gives its exit code and what it says."""


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What a command ends with, and says."""

    def said(*arguments: str) -> tuple[int, str]:
        code = run(("demo", *arguments), environment={"LOCKAGE_HOME": str(tmp_path / "home")})
        return code, capsys.readouterr().err

    return said


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    """Of a cluster that is not there."""
    file = tmp_path / "kubeconfig"
    cluster = "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: x}}]\n"
    file.write_text(f"{cluster}contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\ncurrent-context: c\n")
    return str(file)


def programs(folder: Path, *names: str) -> str:
    """A PATH with programs that say they are Helm 3."""
    for name in names:
        file = folder / name
        file.write_text("#!/bin/sh\necho v3.22.0\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(folder)


@pytest.mark.parametrize("option", ["--host", "--database", "--context", "--image"])
def test_what_is_for_a_cluster_needs_one_that_is_named_by_its_file(
    option: str, said: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/production")
    code, text = said(option, "x")
    assert code == 2
    assert f"error LK524: {option} is for a cluster, and none is named" in text
    assert "--kubeconfig FILE" in text


def test_without_a_postgresql_for_pods_it_says_which_two_there_are(said: Typed, kubeconfig: str) -> None:
    code, text = said("--kubeconfig", kubeconfig)
    assert code == 2
    assert "error LK524" in text
    assert "--host ADDRESS" in text
    assert "--database URL" in text


def test_one_postgresql_is_enough(said: Typed, kubeconfig: str) -> None:
    code, text = said("--kubeconfig", kubeconfig, *HOST, "--database", "postgresql://x/y")
    assert code == 2
    assert "--host and --database exclude each other" in text


@pytest.mark.parametrize(
    ("host", "why"), [("127.0.0.1", "means the pod itself"), ("0.0.0.0", "means the pod itself"), ("db", "no IP address")]
)
def test_an_address_that_pods_cannot_reach_is_refused(host: str, why: str, said: Typed, kubeconfig: str) -> None:
    code, text = said("--kubeconfig", kubeconfig, "--host", host)
    assert code == 2
    assert "error LK524" in text
    assert why in text


def test_an_address_of_another_machine_is_refused(said: Typed, kubeconfig: str) -> None:
    code, text = said("--kubeconfig", kubeconfig, "--host", "192.0.2.1")  # of no machine: RFC 5737
    assert code == 3
    assert "error LK525: 192.0.2.1 is no address of this machine" in text


def test_without_kubectl_nothing_is_begun(
    said: Typed, kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", programs(folder, "helm"))
    code, text = said("--kubeconfig", kubeconfig, "--database", "postgresql://x/y")
    assert code == 3
    assert "error LK525: kubectl is not installed" in text


def test_without_helm_nothing_is_begun(said: Typed, kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, text = said("--kubeconfig", kubeconfig, "--database", "postgresql://x/y")
    assert code == 2
    assert "error LK510" in text


def test_a_kubeconfig_that_is_not_there_is_not_replaced_by_the_usual_one(
    said: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kubeconfig: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([programs(folder, "helm", "kubectl"), os.environ["PATH"]]))
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    code, text = said("--kubeconfig", str(tmp_path / "none"), "--database", "postgresql://x/y")
    assert code == 2
    assert "error LK501" in text


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_a_stage_that_stays_is_on_this_machine_only(command: str, said: Typed, kubeconfig: str) -> None:
    code, text = said("--kubeconfig", kubeconfig, command)
    assert code == 2
    assert f"--kubeconfig and demo {command} exclude each other" in text
