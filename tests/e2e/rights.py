"""A kubeconfig that may do exactly what ``lockage rbac`` prints, so that a test on Kubernetes can run with that and no more.

    path = least_privilege(kube, cluster, "shop", "-n", kube.namespace, "--chart", "charts/towpath")
    lockage("upgrade", "shop", "--to", "2.27.8", "--kubeconfig", str(path))

The arguments are those of the command under test as far as they say where the deployment is; with ``--read-only`` one may look
only. It is the cluster's administrator who asks, and applies what is printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightkube import Client, codecs
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from e2e.cluster.layout import REPOSITORY
from e2e.on_cluster import OnCluster

LOCKAGE = REPOSITORY / ".venv" / "bin" / "lockage"
TOKEN_S = 3600

Rule = Mapping[str, Any]


def programs_path(cluster: OnCluster) -> str:
    """A PATH on which the cluster's own ``kubectl`` and ``helm`` come first."""
    own = [str(cluster.own.programs)] if cluster.own else []
    return os.pathsep.join([*own, os.environ["PATH"]])


def printed_rights(cluster: OnCluster, *arguments: str, here: Path | None = None) -> list[dict[str, Any]]:
    """The objects that ``lockage rbac ARGUMENTS`` prints for the administrator, typed in the folder ``here``."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PATH": programs_path(cluster), "LOCKAGE_HOME": home}
        command = [str(LOCKAGE), "rbac", *arguments, "--kubeconfig", str(cluster.kubeconfig)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=here)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def least_privilege(
    kube: Client,
    cluster: OnCluster,
    *arguments: str,
    folder: Path | None = None,
    here: Path | None = None,
    without: Callable[[Rule], bool] = lambda _: False,
) -> Path:
    """A kubeconfig in ``folder`` (None: a new one that stays) for a service account with these rights and no others.

    ``here`` is the folder with a lockage.toml, if one is needed; ``without`` says which rules are left out.
    """
    objects = printed_rights(cluster, *arguments, here=here)
    for each in objects:
        if "rules" in each:
            each["rules"] = [rule for rule in each["rules"] if not without(rule)]
        kube.apply(codecs.from_dict(each), field_manager="lockage-tests", force=True)
    account = next(each["metadata"] for each in objects if each["kind"] == "ServiceAccount")
    return kubeconfig_for(kube, cluster, account["name"], folder=folder)


def kubeconfig_for(kube: Client, cluster: OnCluster, account: str, *, folder: Path | None = None) -> Path:
    """A kubeconfig for a service account of the client's namespace."""
    request = ServiceAccountToken(metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[], expirationSeconds=TOKEN_S))
    status = kube.create(request, account).status
    assert status is not None
    admin = yaml.safe_load(cluster.kubeconfig.read_text())
    content = {
        **admin,
        "users": [{"name": account, "user": {"token": status.token}}],
        "contexts": [{"name": account, "context": {**_context(admin), "user": account, "namespace": kube.namespace}}],
        "current-context": account,
    }
    file = (folder or Path(tempfile.mkdtemp(prefix="lockage-rights-"))) / f"{account}.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))
    return file


def lockage(
    cluster: OnCluster, arguments: Sequence[str], *, home: Path, timeout_s: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """One run of ``lockage`` with a home of its own; ``KUBECONFIG`` is not set, so that the arguments must say where."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    environment |= {"PATH": programs_path(cluster), "LOCKAGE_HOME": str(home)}
    return subprocess.run(
        [str(LOCKAGE), *arguments], capture_output=True, text=True, check=False, env=environment, timeout=timeout_s
    )


def _context(admin: Mapping[str, Any]) -> Mapping[str, Any]:
    current = admin["current-context"]
    return next(each["context"] for each in admin["contexts"] if each["name"] == current)
