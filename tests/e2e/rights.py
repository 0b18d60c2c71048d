"""A kubeconfig that may do exactly what ``lockage rbac`` prints, and no more: Lockage has it in every test on Kubernetes.

    path = granted(kube, cluster.kubeconfig, "shop", "-n", kube.namespace, folder=tmp_path)
    lockage("upgrade", "shop", "--to", "2.27.8", "--kubeconfig", str(path))

The arguments are those of the command under test as far as they say where the deployment is; with ``--read-only`` one may look
only. It is the cluster's administrator who asks, and applies what is printed. The surprising thing: the command runs in this
process, and what it printed once is not asked for again where ``known_by`` says that everything is the same there.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightkube import ApiError, Client, codecs
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.authorization_v1 import SelfSubjectRulesReviewSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.authorization_v1 import SelfSubjectRulesReview
from lightkube.resources.core_v1 import ServiceAccountToken
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding

from e2e.cluster.layout import REPOSITORY
from e2e.on_cluster import OnCluster, eventually
from lockage.interfaces.cli.main import run

LOCKAGE = REPOSITORY / ".venv" / "bin" / "lockage"
TOKEN_S = 3600
SOMEWHERE = "namespace-of-the-test"

Rule = Mapping[str, Any]

_PRINTED: dict[object, str] = {}
"""What was printed in this test run, for a namespace called ``SOMEWHERE``."""

_CLUSTER_WIDE: dict[str, set[tuple[type[ClusterRole | ClusterRoleBinding], str]]] = {}
"""By namespace, what of the rights in it is outside it."""


def programs_path(cluster: OnCluster) -> str:
    """A PATH on which the cluster's own ``kubectl`` and ``helm`` come first."""
    own = [str(cluster.own.programs)] if cluster.own else []
    return os.pathsep.join([*own, os.environ["PATH"]])


UNSEEN_CHART = "# What the chart renders"
"""How a remark begins on a chart that could not be rendered: on a busy machine once, and not for good."""


def printed(
    kubeconfig: Path, *arguments: str, namespace: str | None = None, here: Path | None = None, known_by: object = None
) -> str:
    """What ``lockage rbac ARGUMENTS`` prints for the administrator, typed in the folder ``here``.

    ``known_by`` is what, with the arguments, decides what is printed, whatever the namespace is called; None: it is printed
    anew.
    """
    if known_by is None or namespace is None:
        return _printed_now(kubeconfig, *arguments, here=here)
    key = (tuple(word.replace(namespace, SOMEWHERE) for word in arguments), known_by)
    if key in _PRINTED:
        return _PRINTED[key].replace(SOMEWHERE, namespace)
    text = _printed_now(kubeconfig, *arguments, here=here)
    if UNSEEN_CHART not in text:
        _PRINTED[key] = text.replace(namespace, SOMEWHERE)
    return text


def _printed_now(kubeconfig: Path, *arguments: str, here: Path | None) -> str:
    said = io.StringIO()
    command, dashes, passed = _split(arguments)
    with tempfile.TemporaryDirectory() as home, contextlib.redirect_stdout(said), contextlib.chdir(here or Path.cwd()):
        asked = ("rbac", *command, "--kubeconfig", str(kubeconfig), *dashes, *passed)
        code = run(asked, environment={**os.environ, "LOCKAGE_HOME": home})
    assert code == 0, f"lockage {' '.join(asked)} ended with {code}"
    return said.getvalue()


def granted(
    kube: Client,
    kubeconfig: Path,
    *arguments: str,
    folder: Path,
    here: Path | None = None,
    known_by: object = None,
    without: Callable[[Rule], bool] = lambda _: False,
) -> Path:
    """A kubeconfig in ``folder`` with what ``lockage rbac ARGUMENTS`` prints, as ``printed`` and ``applied``."""
    text = printed(kubeconfig, *arguments, namespace=kube.namespace, here=here, known_by=known_by)
    return applied(kube, kubeconfig, text, folder=folder, without=without)


def applied(
    kube: Client, kubeconfig: Path, text: str, *, folder: Path, without: Callable[[Rule], bool] = lambda _: False
) -> Path:
    """A kubeconfig in ``folder`` for a service account with these rights and no others, which the API server knows of.

    ``kubeconfig`` is the administrator's; ``without`` says which rules are left out.
    """
    objects = list(yaml.safe_load_all(text))
    account = next(each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount")
    wanted: list[Rule] = []
    dropped: list[Rule] = []
    for each in objects:
        if "rules" in each:
            dropped += [rule for rule in each["rules"] if without(rule)]
            each["rules"] = [rule for rule in each["rules"] if not without(rule)]
            if each["metadata"].get("namespace") == kube.namespace:
                wanted += each["rules"]
        made = kube.apply(codecs.from_dict(each), field_manager="lockage-tests", force=True)
        if isinstance(made, ClusterRole | ClusterRoleBinding):
            _CLUSTER_WIDE.setdefault(str(kube.namespace), set()).add((type(made), each["metadata"]["name"]))
    file = kubeconfig_for(kube, kubeconfig, account, folder=folder)
    with Client(config=KubeConfig.from_file(file), namespace=kube.namespace) as confined:
        eventually(lambda: _may(confined, wanted, dropped), f"the API server knows what {account} may do")
    return file


def no_longer_granted(kube: Client) -> None:
    """What of the rights would outlive the client's namespace is gone."""
    for kind, name in _CLUSTER_WIDE.pop(str(kube.namespace), ()):
        kube.delete(kind, name)


def least_privilege(
    kube: Client,
    cluster: OnCluster,
    *arguments: str,
    folder: Path,
    here: Path | None = None,
    without: Callable[[Rule], bool] = lambda _: False,
) -> Path:
    """As ``granted``, printed anew."""
    return granted(kube, cluster.kubeconfig, *arguments, folder=folder, here=here, without=without)


def kubeconfig_for(kube: Client, kubeconfig: Path, account: str, *, folder: Path) -> Path:
    """A kubeconfig for a service account of the client's namespace; ``kubeconfig`` is the administrator's."""
    request = ServiceAccountToken(metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[], expirationSeconds=TOKEN_S))
    status = kube.create(request, account).status
    assert status is not None
    admin = yaml.safe_load(kubeconfig.read_text())
    content = {
        **admin,
        "users": [{"name": account, "user": {"token": status.token}}],
        "contexts": [{"name": account, "context": {**_context(admin), "user": account, "namespace": kube.namespace}}],
        "current-context": account,
    }
    file = folder / f"{account}.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))
    return file


def lockage(
    cluster: OnCluster, arguments: Sequence[str], *, home: Path, timeout_s: float = 300.0, here: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """One run of ``lockage`` with a home of its own; ``KUBECONFIG`` is not set, so that the arguments must say where."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    environment |= {"PATH": programs_path(cluster), "LOCKAGE_HOME": str(home)}
    return subprocess.run(
        [str(LOCKAGE), *arguments], capture_output=True, text=True, check=False, env=environment, timeout=timeout_s, cwd=here
    )


def _may(confined: Client, wanted: Sequence[Rule], dropped: Sequence[Rule]) -> bool:
    """Whether the authoriser has heard of every rule, and of those that are gone."""
    spec = SelfSubjectRulesReviewSpec(namespace=confined.namespace)
    try:
        status = confined.create(SelfSubjectRulesReview(spec=spec)).status
    except ApiError as error:
        if error.status.code in {401, 403}:  # it has not heard of the account either
            return False
        raise
    assert status is not None
    held = {_same(rule.to_dict()) for rule in status.resourceRules}
    return all(_same(rule) in held for rule in wanted) and not any(_same(rule) in held for rule in dropped)


def _same(rule: Rule) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sorted(rule.get(key) or ())) for key in ("apiGroups", "resources", "verbs", "resourceNames"))


def _split(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What stands before ``--``, that, and what stands behind it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return tuple(arguments[:end]), tuple(arguments[end : end + 1]), tuple(arguments[end + 1 :])


def _context(admin: Mapping[str, Any]) -> Mapping[str, Any]:
    current = admin["current-context"]
    return next(each["context"] for each in admin["contexts"] if each["name"] == current)
