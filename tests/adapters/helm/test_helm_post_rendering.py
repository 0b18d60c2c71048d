"""Our post-renderer in front of Helm, with the user's own behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from lockage.adapters.helm.arguments import UserArguments
from lockage.adapters.helm.manifest import Edit
from lockage.adapters.helm.post_renderer import Work
from lockage.adapters.helm.post_rendering import NAME, post_rendering
from lockage.adapters.helm.program import Helm
from lockage.errors import RefusedError

EDIT = Edit(kind="Deployment", name="shop", path=("spec", "replicas"), value=1)
MANIFEST = "---\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  replicas: 3\n"


def helm(major: int, folder: Path) -> Helm:
    variables = {**os.environ, "HELM_PLUGINS": str(folder / "none") + os.pathsep + str(folder / "theirs")}
    return Helm(path="/no/helm", version=(major, 13, 0), folder=folder, environment=variables)


def plugin(folder: Path, **content: object) -> None:
    made = folder / "theirs" / "mine"
    made.mkdir(parents=True)
    (made / "plugin.yaml").write_text(
        yaml.safe_dump({"name": "mine", "type": "postrenderer/v1", "runtime": "subprocess", **content})
    )


def test_without_edits_the_users_own_is_passed_on_as_it_is(tmp_path: Path) -> None:
    user = UserArguments(post_renderer="mine", post_renderer_arguments=("-x",))
    found = post_rendering(helm(4, tmp_path), user, (), folder=tmp_path)
    assert (found.arguments, found.variables) == (("--post-renderer=mine", "--post-renderer-args=-x"), {})
    assert post_rendering(helm(3, tmp_path), UserArguments(), (), folder=tmp_path).arguments == ()


@pytest.mark.real
@pytest.mark.parametrize("major", [3, 4])
def test_the_users_own_goes_first_with_its_arguments_and_variables(tmp_path: Path, major: int) -> None:
    program = tmp_path / "theirs" / "mine" / "mark.sh"
    where = "./theirs/mine/mark.sh" if major == 3 else "mine"
    plugin(
        tmp_path,
        runtimeConfig={"platformCommand": [{"os": "plan9", "command": "no"}, {"command": "${HELM_PLUGIN_DIR}/mark.sh"}]},
    )
    program.write_text('#!/bin/sh\nsed "s/replicas: 3/replicas: 5\\n  from: $1/"\n')
    program.chmod(0o755)
    user = UserArguments(post_renderer=where, post_renderer_arguments=("them",))
    found = post_rendering(helm(major, tmp_path), user, (EDIT,), folder=tmp_path)
    if major == 3:
        command = [word.partition("=")[2] for word in found.arguments]
    else:
        assert found.arguments == (f"--post-renderer={NAME}",)
        first, *others = found.variables["HELM_PLUGINS"].split(os.pathsep)
        assert others == helm(4, tmp_path).environment["HELM_PLUGINS"].split(os.pathsep)
        content = yaml.safe_load((Path(first) / NAME / "plugin.yaml").read_text())
        (made,) = content["runtimeConfig"]["platformCommand"]
        command = [made["command"], *made["args"]]
    done = subprocess.run(command, input=MANIFEST, capture_output=True, text=True, check=True)
    assert yaml.safe_load(done.stdout)["spec"] == {"replicas": 1, "from": "them"}


@pytest.mark.real
def test_a_users_own_that_fails_fails_the_whole(tmp_path: Path) -> None:
    work = tmp_path / "work.json"
    work.write_bytes(msgspec.json.encode(Work(edits=(EDIT,), first=("/bin/false",))))
    command = [sys.executable, "-m", "lockage.adapters.helm.post_renderer", str(work)]
    done = subprocess.run(command, input=MANIFEST, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr == "the post-renderer /bin/false ended with exit code 1\n"
    assert done.stdout == ""


def refusal(tmp_path: Path, major: int, name: str) -> str:
    with pytest.raises(RefusedError) as refused:
        post_rendering(helm(major, tmp_path), UserArguments(post_renderer=name), (EDIT,), folder=tmp_path)
    assert refused.value.code == "LK517"
    return refused.value.message


def test_what_cannot_stand_before_ours_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, 3, "./no.sh") == "the post-renderer ./no.sh cannot be run: there is no such program"
    assert refusal(tmp_path, 4, "mine") == "the post-renderer mine cannot be run: Helm has no such plugin"
    plugin(tmp_path, runtime="extism/v1")
    assert "its runtime is extism/v1, and only Helm can run that" in refusal(tmp_path, 4, "mine")
