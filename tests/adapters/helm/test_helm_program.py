"""Finding a helm, running it on its leash, and telling what went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lockage.adapters.helm import leash
from lockage.adapters.helm.program import Done, Helm, find_helm, refused
from lockage.errors import RefusedError, UnreachableError, UsageError


def program(folder: Path, text: str, name: str = "helm") -> Path:
    made = folder / name
    made.write_text(f"#!/bin/sh\n{text}\n")
    made.chmod(0o755)
    return made


def helm(folder: Path, text: str, *, until: float | None = None) -> Helm:
    path = str(program(folder, text))
    return Helm(path=path, version=(3, 22, 0), folder=folder, environment=dict(os.environ), until=until)


@pytest.mark.real
@pytest.mark.parametrize(
    ("told", "version"),
    [("v3.13.0", (3, 13, 0)), ("v3.22.1+gabc", (3, 22, 1)), ("v4.3.1", (4, 3, 1)), ("4.0.0-rc.1", (4, 0, 0))],
)
def test_the_version_is_asked_of_the_program(tmp_path: Path, told: str, version: tuple[int, int, int]) -> None:
    program(tmp_path, f"echo {told}")
    for name in ("./helm", str(tmp_path / "helm")):
        assert find_helm(name, folder=tmp_path, environment=dict(os.environ)).version == version


@pytest.mark.real
@pytest.mark.parametrize(
    ("told", "says"), [("v2.17.0", "2.17.0"), ("v3.12.3", "3.12.3"), ("v5.0.0", "5.0.0"), ("hello", "hello")]
)
def test_a_version_that_is_not_known_is_refused(tmp_path: Path, told: str, says: str) -> None:
    program(tmp_path, f"echo {told}")
    with pytest.raises(UsageError, match=says) as wrong:
        find_helm("./helm", folder=tmp_path, environment=dict(os.environ))
    assert wrong.value.code == "LK511"


def test_no_program_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no program helm9") as wrong:
        find_helm("helm9", folder=tmp_path, environment={"PATH": str(tmp_path)})
    assert wrong.value.code == "LK510"


@pytest.mark.real
def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    done = helm(tmp_path, 'echo "$1"; echo bad >&2; exit 3').run(["good"])
    assert done == Done(code=3, out="good\n", err="bad\n")


@pytest.mark.real
def test_nothing_in_the_environment_sends_it_to_another_cluster(tmp_path: Path) -> None:
    program(tmp_path, 'echo "v3.22.0 ${HELM_KUBECONTEXT:-none} ${HELM_NAMESPACE:-none} ${HELM_CACHE_HOME:-none}"')
    environment = {**os.environ, "HELM_KUBECONTEXT": "production", "HELM_NAMESPACE": "shop", "HELM_CACHE_HOME": "/kept"}
    found = find_helm("./helm", folder=tmp_path, environment=environment)
    assert found.run(["env"]).out.split() == ["v3.22.0", "none", "none", "/kept"]


@pytest.mark.real
def test_a_run_that_takes_too_long_is_asked_to_end_and_may_say_something(tmp_path: Path) -> None:
    done = helm(tmp_path, "trap 'echo failed; exit 1' TERM; sleep 60 & wait").run([], deadline_s=2.0)
    assert (done.out_of_time, done.out) == (True, "failed\n")


@pytest.mark.real
def test_one_that_will_not_end_is_killed(tmp_path: Path) -> None:
    began = time.monotonic()
    done = helm(tmp_path, "trap '' TERM; while true; do sleep 0.1; done").run([], deadline_s=2.0)
    assert done.out_of_time
    assert time.monotonic() - began < 2.0 + leash.GRACE_S + 5.0


@pytest.mark.real
def test_nothing_is_begun_that_has_no_time_left(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="helm upgrade was not begun") as late:
        helm(tmp_path, "touch begun", until=time.monotonic() + 1.0).run(["upgrade"])
    assert late.value.code == "LK513"
    assert not (tmp_path / "begun").exists()


@pytest.mark.real
def test_a_killed_parent_takes_child_and_folder_along(tmp_path: Path) -> None:
    secrets, pids = tmp_path / "secrets", tmp_path / "pid"
    secrets.mkdir()
    path = program(tmp_path, f"echo $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 60")
    code = f"from lockage.adapters.helm.program import *; from pathlib import Path; import os; Helm(path={str(path)!r}, "
    code += f"version=(3, 22, 0), folder=Path('.'), environment=dict(os.environ)).run([], ours=Path({str(secrets)!r}))"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        until = time.monotonic() + 20.0
        while not pids.exists() and time.monotonic() < until:
            time.sleep(0.02)
        child = psutil.Process(int(pids.read_text()))
        parent.send_signal(signal.SIGKILL)
    psutil.wait_procs([child], timeout=10.0)
    assert not child.is_running()
    until = time.monotonic() + 10.0
    while secrets.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not secrets.exists()


def failed(err: str, code: int = 1) -> RefusedError:
    return refused(Done(code=code, out="", err=err), "the upgrade")


@pytest.mark.parametrize(
    "told",
    [
        "Error: Kubernetes cluster unreachable: Get x: dial tcp 127.0.0.1:1: connect: connection refused",
        "Error: UPGRADE FAILED: etcdserver: request timed out",
        "Error: UPGRADE FAILED: the server is currently unable to handle the request",
        'Error: Get "https://charts.test/index.yaml": EOF',
    ],
)
def test_a_server_that_does_not_answer_may_be_asked_again(told: str) -> None:
    error = failed(told)
    assert (type(error), error.code) == (UnreachableError, "LK513")


def test_what_helm_refuses_is_told_in_its_words_without_its_warnings() -> None:
    told = "WARNING: Kubernetes configuration file is group-readable.\nError: UPGRADE FAILED: values don't meet\n- x: wrong\n"
    error = failed(told)
    assert (type(error), error.code) == (RefusedError, "LK512")
    assert error.message == "the upgrade: UPGRADE FAILED: values don't meet - x: wrong"


def test_an_upgrade_that_somebody_else_began_meanwhile_has_its_own_code() -> None:
    assert failed("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress").code == "LK516"
