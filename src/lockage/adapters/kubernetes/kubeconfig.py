"""Which cluster, as whom, in which namespace: from the kubeconfig, or from the service account of the pod that we run in.

Not for connecting. The surprising thing: ``KUBECONFIG`` may name several files, which are laid over each other as kubectl
does it: the first that defines a name wins, and paths are relative to the file they stand in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import yaml
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from lockage.errors import UsageError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account. Source: Kubernetes documentation, "Accessing the Kubernetes API from a Pod"."""

_PATHS = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One context of a kubeconfig, or the pod's own service account."""

    config: SingleConfig
    files: tuple[Path, ...]  # what it was read from; none: the pod's service account
    server_name: str | None = None  # tls-server-name of the cluster
    proxy_url: str | None = None


def choose(*, kubeconfig: Path | None, context: str | None, environment: Mapping[str, str]) -> Chosen:
    """The context that was asked for: of that file, else of ``KUBECONFIG``, else of ``~/.kube/config``, else the pod's account.

    Raises ``UsageError``: LK501 there is no usable kubeconfig, LK502 no such context.
    """
    files = _files(kubeconfig, environment)
    if not files:
        if context is None and environment.get("KUBERNETES_SERVICE_HOST") and SERVICE_ACCOUNT.is_dir():
            return _of_service_account()
        raise UsageError(
            "there is no kubeconfig: neither --kubeconfig nor KUBECONFIG names one, and ~/.kube/config does not exist",
            code="LK501",
            hint="name one with --kubeconfig",
        )
    return _of_files(files, context)


def _files(kubeconfig: Path | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    if kubeconfig is not None:
        if not kubeconfig.expanduser().is_file():
            raise UsageError(f"there is no kubeconfig {kubeconfig}", code="LK501", hint="name another with --kubeconfig")
        return (kubeconfig.expanduser(),)
    named = [Path(part).expanduser() for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    if named:
        there = tuple(file for file in named if file.is_file())  # kubectl passes over missing ones as well
        if not there:
            names = ", ".join(map(str, named))
            raise UsageError(f"KUBECONFIG names {names}, which does not exist", code="LK501", hint="name one with --kubeconfig")
        return there
    usual = Path(environment.get("HOME") or Path.home()) / ".kube" / "config"
    return (usual,) if usual.is_file() else ()


def _of_service_account() -> Chosen:
    try:
        config = KubeConfig.from_service_account(SERVICE_ACCOUNT).get()
    except (ConfigError, KeyError, OSError) as error:
        raise UsageError(
            f"the pod's service account cannot be read: {error}", code="LK501", hint="set automountServiceAccountToken"
        ) from error
    assert config is not None  # from_service_account sets its only context as the current one
    return Chosen(config=config, files=())


def _of_files(files: tuple[Path, ...], context: str | None) -> Chosen:
    names = ", ".join(map(str, files))
    merged = _merged(files)
    contexts = [cast("str", entry.get("name")) for entry in _entries(merged, "contexts")]
    wanted = context or cast("str | None", merged.get("current-context")) or None
    if wanted is None:
        raise UsageError(
            f"{names} has no current context", code="LK501", hint=f"name one with --context: {', '.join(contexts) or '(none)'}"
        )
    if wanted not in contexts:
        raise UsageError(f"{names} has no context {wanted}", code="LK502", hint=f"one of: {', '.join(contexts) or '(none)'}")
    try:
        # lightkube's type of a dict says nothing of what is in it.
        config = KubeConfig.from_dict(merged, fname=files[0].absolute()).get(wanted)  # pyright: ignore[reportUnknownMemberType]
    except (ConfigError, KeyError, TypeError, msgspec.ValidationError) as error:
        missing = f"nothing is called {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(
            f"{names} is no usable kubeconfig for context {wanted}: {missing}", code="LK501", hint="kubectl config view"
        ) from error
    assert config is not None  # only without a context and without a default
    cluster = _entry(merged, "clusters", config.context.cluster)
    return Chosen(
        config=config,
        files=files,
        server_name=cast("str | None", cluster.get("tls-server-name")),
        proxy_url=cast("str | None", cluster.get("proxy-url")),
    )


def _merged(files: tuple[Path, ...]) -> dict[str, object]:
    merged: dict[str, object] = {"clusters": [], "users": [], "contexts": []}
    for file in files:
        content = _content(file)
        for kind in ("clusters", "users", "contexts"):
            there = _entries(merged, kind)
            known = {entry.get("name") for entry in there}
            there += [_absolute(entry, kind, file) for entry in _entries(content, kind) if entry.get("name") not in known]
            merged[kind] = there
        if content.get("current-context") and not merged.get("current-context"):
            merged["current-context"] = content["current-context"]
    return merged


def _content(file: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{file} cannot be read as a kubeconfig: {reason}", code="LK501", hint=f"ls -l {file}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{file} is no kubeconfig: it holds no YAML mapping", code="LK501", hint="kubectl config view")
    return cast("dict[str, object]", content)


def _entries(content: Mapping[str, object], kind: str) -> list[dict[str, object]]:
    entries: object = content.get(kind) or []
    if not isinstance(entries, list):
        raise UsageError(f"the kubeconfig's {kind} are no list", code="LK501", hint="kubectl config view")
    return [cast("dict[str, object]", entry) for entry in cast("list[object]", entries) if isinstance(entry, dict)]


def _entry(content: Mapping[str, object], kind: str, name: str) -> Mapping[str, object]:
    inner = _PATHS[kind][0]
    for entry in _entries(content, kind):
        found = entry.get(inner)
        if entry.get("name") == name and isinstance(found, dict):
            return cast("dict[str, object]", found)
    return {}


def _absolute(entry: dict[str, object], kind: str, file: Path) -> dict[str, object]:
    if kind not in _PATHS:
        return entry
    inner, keys = _PATHS[kind]
    content = entry.get(inner)
    if not isinstance(content, dict):
        return entry
    fields = cast("dict[str, object]", content)
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value:
            fields = {**fields, key: str(file.absolute().parent / value)}
    return {**entry, inner: fields}
