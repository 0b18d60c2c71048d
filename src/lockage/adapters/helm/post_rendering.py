"""Our post-renderer in front of Helm, with the user's own behind it: a program for Helm 3, a plugin for Helm 4.

Not for the edits themselves (``post_renderer``). The surprising thing: Helm 4 takes one plugin by its name, so ours is made on
the spot in a folder of its own, and runs the user's plugin as Helm would have.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from lockage.adapters.helm.arguments import UserArguments
from lockage.adapters.helm.manifest import Edit, Object, listed, within
from lockage.adapters.helm.post_renderer import Work
from lockage.adapters.helm.program import Helm
from lockage.errors import RefusedError

MODULE = "lockage.adapters.helm.post_renderer"
NAME = "lockage-post-renderer"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRendering:
    """What is added to a command line of ``helm``, and to its environment."""

    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


def post_rendering(helm: Helm, user: UserArguments, edits: Sequence[Edit], *, folder: Path) -> PostRendering:
    """The user's post-renderer as it is where we have nothing to edit; else ours, which lets the user's go first.

    ``folder`` is ours and lives until ``helm`` has ended. Raises ``RefusedError`` (LK517) when the user's cannot be run by us.
    """
    if not edits:
        if user.post_renderer is None:
            return PostRendering()
        own = [f"--post-renderer={user.post_renderer}"]
        return PostRendering(arguments=(*own, *(f"--post-renderer-args={one}" for one in user.post_renderer_arguments)))
    first, variables = _users(helm, user)
    work = folder / "post-renderer.json"
    work.write_bytes(msgspec.json.encode(Work(edits=tuple(edits), first=first, variables=dict(variables))))
    command = ["-m", MODULE, str(work)]
    if helm.major < 4:
        arguments = (f"--post-renderer={sys.executable}", *(f"--post-renderer-args={one}" for one in command))
        return PostRendering(arguments=arguments)
    plugins = folder / "plugins"
    _write_plugin(plugins / NAME, command)
    theirs = _plugin_folders(helm)
    return PostRendering(
        arguments=(f"--post-renderer={NAME}",),
        variables={"HELM_PLUGINS": os.pathsep.join([str(plugins), *(str(one) for one in theirs)])},
    )


def _write_plugin(folder: Path, arguments: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "apiVersion": "v1",
        "type": "postrenderer/v1",
        "name": NAME,
        "version": "1.0.0",
        "runtime": "subprocess",
        "runtimeConfig": {"platformCommand": [{"command": sys.executable, "args": list(arguments)}]},
    }
    (folder / "plugin.yaml").write_bytes(msgspec.yaml.encode(content))


def _users(helm: Helm, user: UserArguments) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The user's post-renderer as a command line, and the variables that it expects."""
    if user.post_renderer is None:
        return (), {}
    if helm.major < 4:
        # Helm looks in PATH for a bare name, and takes anything else as a path.
        path = shutil.which(user.post_renderer, path=helm.environment.get("PATH"))
        if path is None and "/" in user.post_renderer:
            path = shutil.which(str(helm.folder / user.post_renderer))
        if path is None:
            raise _cannot(user.post_renderer, "there is no such program")
        return (path, *user.post_renderer_arguments), {}
    folder, plugin = _plugin(helm, user.post_renderer)
    if plugin.get("runtime") != "subprocess":
        raise _cannot(user.post_renderer, f"its runtime is {plugin.get('runtime')}, and only Helm can run that")
    variables = {"HELM_PLUGIN_NAME": user.post_renderer, "HELM_PLUGIN_DIR": str(folder)}
    known = {**helm.environment, **variables}
    command = _platform_command(listed(within(plugin, "runtimeConfig"), "platformCommand"))
    if command is None:
        raise _cannot(user.post_renderer, "it has no command for this system")
    words = [str(command.get("command")), *map(str, command.get("args") or ())]
    expanded = [_expanded(word, known) for word in words]
    return (*expanded, *user.post_renderer_arguments), variables


def _plugin_folders(helm: Helm) -> tuple[Path, ...]:
    told = helm.environment.get("HELM_PLUGINS") or helm.run(["env", "HELM_PLUGINS"]).out.strip()
    return tuple(Path(one) for one in told.split(os.pathsep) if one)


def _plugin(helm: Helm, name: str) -> tuple[Path, Object]:
    for folder in _plugin_folders(helm):
        for file in sorted(folder.glob("*/plugin.yaml")):
            content: Any = yaml.safe_load(file.read_text())
            if isinstance(content, dict) and within({"plugin": content}, "plugin").get("name") == name:
                return file.parent, within({"plugin": content}, "plugin")
    raise _cannot(name, "Helm has no such plugin")


def _platform_command(commands: Sequence[Object]) -> Object | None:
    """The command for this system, as Helm chooses: system and machine, then the system, then any."""
    system = sys.platform
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for wanted in ((system, machine), (system, ""), ("", "")):
        for one in commands:
            if (one.get("os") or "", one.get("arch") or "") == wanted:
                return one
    return None


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    for name in sorted(variables, key=len, reverse=True):
        word = word.replace(f"${{{name}}}", variables[name]).replace(f"${name}", variables[name])
    return word


def _cannot(name: str, why: str) -> RefusedError:
    return RefusedError(
        f"the post-renderer {name} cannot be run: {why}",
        code="LK517",
        hint="correct --post-renderer in helm.arguments, or leave it out",
    )
