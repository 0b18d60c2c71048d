"""towpath installed on a cluster by Helm, in a namespace and with a database of its own, for one way to upgrade it.

Not for the upgrade. The surprising thing: a pod that cannot start or cannot reach its database tries again for ever, so the
wait for it reads what Kubernetes and the pods say, and ends with that instead of with a limit.

Codes: LK526 pods do not reach the database · LK527 replicas do not start.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lockage.core.facts import ReplicaPhase
from lockage.core.plan.rights import Use, rules_for
from lockage.core.plan.roles import Holder, objects_for
from lockage.errors import LockageError, RefusedError, UnreachableError
from lockage.flows.world import World
from lockage.interfaces.demo.cluster import Cluster
from lockage.interfaces.demo.performance import all_serve
from lockage.interfaces.demo.stage import GRACE_S, LIVENESS, REPLICAS
from lockage.interfaces.deployments import FILE, Described, Located, describe, find_deployment
from lockage.interfaces.flags import Wanted
from lockage.interfaces.folders import Folders
from lockage.interfaces.places import HelmPlace, KubernetesPlace
from lockage.interfaces.rights import footprint_of, missing_of
from lockage.interfaces.wiring import open_world

NAME = "towpath"
"""Of the Helm release, the Deployment, its Service, and the deployment in the ``lockage.toml``."""

PART_OF = "lockage-demo"
"""The label app.kubernetes.io/part-of of every namespace that is made: what a killed demonstration left is found by it."""

READY_LIMIT_S = 180.0
"""For all replicas to serve where nothing is wrong: an image may have to come from a registry first."""

UNREACHED_S = 12.0
"""How long pods may say that the database does not answer: two tries of theirs, and each gives up after 10 s."""

RIGHTS_LIMIT_S = 20.0
"""For the API server to know of new rights: it hears of them within a second."""

ACCOUNT_LIFE = "2h"
LOOK_S = 0.25

_UNREACHED = re.compile(r'ping postgres: retrying\s+error="?(?P<why>[^"\n]+)')
_NEVER = re.compile(r"ErrImage|ImagePull|InvalidImageName|image .* is not present|[Ff]ailed to pull|CreateContainerConfigError")
"""What Kubernetes says of a pod that waiting does not help. Source: Kubernetes v1.33, ``pkg/kubelet/images/types.go``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The database's URL as pods have it, and as Lockage has it."""

    pods: str
    lockage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation, and a folder with the ``lockage.toml`` that describes it."""

    cluster: Cluster
    namespace: str
    charts: str  # with {release}
    folder: Path
    addresses: Addresses
    folders: Folders
    kubeconfig: Path  # whose rights Lockage has
    context: str | None

    @property
    def values(self) -> Path:
        """The user's own values."""
        return self.folder / "values.json"

    def located(self) -> Located:
        """The deployment as its ``lockage.toml`` describes it."""
        helm = HelmPlace(chart=self.charts, program=self.cluster.helm.path, arguments=("-f", str(self.values)))
        place = KubernetesPlace(
            namespace=self.namespace,
            kubeconfig=str(self.kubeconfig),
            context=self.context,
            selector=f"app.kubernetes.io/instance={NAME}",
            reach="direct",
            helm=helm,
        )
        described = Described(profile="towpath", platform=place, database=self.addresses.lockage)
        describe(self.folder / FILE, {NAME: described})
        return find_deployment(Wanted(name=NAME), folders=self.folders, here=self.folder, environment={})

    def upgrade(self, release: str) -> None:
        """``helm upgrade`` with the values as they always were."""
        chart = self.charts.replace("{release}", release)
        self.cluster.run_helm(self.namespace, "upgrade", NAME, chart, f"--values={self.values}")


def install(
    installation: Installation, release: str, *, image: str | None, towpath: Mapping[str, Any] | None = None
) -> Installation:
    """The release with all its replicas ready. ``towpath``: further values of the chart.

    Raises ``RefusedError``: LK526, LK527, LK529.
    """
    values = _values(image, towpath or {})
    installation.folder.mkdir(parents=True)
    installation.values.write_text(json.dumps(values))
    namespace = {"name": installation.namespace, "labels": {"app.kubernetes.io/part-of": PART_OF}}
    secret = {"name": "towpath-database", "namespace": installation.namespace}
    _create(
        installation.cluster,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
        {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": {"url": installation.addresses.pods}},
    )
    chart = installation.charts.replace("{release}", release)
    installation.cluster.run_helm(installation.namespace, "install", NAME, chart, f"--values={installation.values}")
    with open_world(installation.located(), tell=lambda _: None) as world:
        _await_replicas(world, release, namespace=installation.namespace)
    return installation


def confined(installation: Installation, *, to: tuple[str, ...]) -> Installation:
    """The same, where Lockage may do what ``lockage rbac`` prints for an upgrade to these releases, and no more.

    Raises ``RefusedError`` (LK529), and as ``footprint_of``.
    """
    cluster, namespace = installation.cluster, installation.namespace
    footprint = footprint_of(installation.located(), targets=to)
    holder = Holder(name="lockage", namespace=namespace)
    _create(cluster, *objects_for(rules_for(footprint, use=Use.UPGRADE), holder))
    token = cluster.run_kubectl(
        "create", "token", holder.name, f"--namespace={namespace}", f"--duration={ACCOUNT_LIFE}"
    ).strip()
    flat = json.loads(cluster.run_kubectl("config", "view", "--minify", "--flatten", "--raw", "--output=json"))
    context = {"cluster": flat["clusters"][0]["name"], "user": holder.name, "namespace": namespace}
    content = {
        **flat,
        "users": [{"name": holder.name, "user": {"token": token}}],
        "contexts": [{"name": holder.name, "context": context}],
        "current-context": holder.name,
    }
    file = installation.folder / f"{holder.name}.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))
    bound = replace(installation, kubeconfig=file, context=None)
    _await_rights(bound, lambda located: not [r for r in missing_of(located, footprint, use=Use.UPGRADE) if not r.optional])
    return bound


def remove(cluster: Cluster, namespace: str) -> None:
    """The namespace and all in it are asked to go; Kubernetes does it, whether anybody waits or not."""
    cluster.run_kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found", "--request-timeout=20s")


def _values(image: str | None, towpath: Mapping[str, Any]) -> dict[str, Any]:
    probe = {"enabled": True, "periodSeconds": 1}
    liveness = {
        "enabled": True,
        "periodSeconds": int(LIVENESS.period_s),
        "timeoutSeconds": int(LIVENESS.timeout_s),
        "failureThreshold": LIVENESS.failure_threshold,
    }
    own: dict[str, Any] = {"image": {"repo": image}} if image else {}
    usual = {"replicaCount": REPLICAS, "readinessProbe": probe, "livenessProbe": liveness}
    return {"towpath": {**usual, "terminationGracePeriodSeconds": int(GRACE_S), **own, **towpath}}


def _create(cluster: Cluster, *objects: Mapping[str, Any]) -> None:
    content = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.run_kubectl("create", "--filename=-", "--validate=false", content=content)


def _await_rights(installation: Installation, hold: Callable[[Located], bool]) -> None:
    until = time.monotonic() + RIGHTS_LIMIT_S
    while True:
        try:
            if hold(installation.located()):
                return
        except UnreachableError:  # the account itself is not known yet
            pass
        if time.monotonic() > until:
            raise RefusedError(
                f"the service account in {installation.namespace} does not have its rights after {RIGHTS_LIMIT_S:.0f} s",
                code="LK529",
                hint="kubectl auth can-i --list",
            )
        time.sleep(LOOK_S)


def _await_replicas(world: World, release: str, *, namespace: str) -> None:
    began = time.monotonic()
    while True:
        replicas = world.platform.replicas()
        if all_serve(replicas, release, REPLICAS):
            return
        waited_s = time.monotonic() - began
        never = next((e for e in world.platform.events() if _NEVER.search(f"{e.reason} {e.text}")), None)
        if never is not None:
            raise _not_started(f"{never.subject}: {never.reason}: {never.text}", namespace)
        if waited_s > UNREACHED_S:
            for replica in replicas:
                if (why := _unreached(world, replica.name, again=replica.phase is ReplicaPhase.BACK_OFF)) is not None:
                    raise RefusedError(
                        f"{replica.name} in namespace {namespace} does not reach its PostgreSQL: {why}",
                        code="LK526",
                        hint="name an address that pods reach, past every firewall: --host ADDRESS, or --database URL",
                    )
        if waited_s > READY_LIMIT_S:
            ready = sum(replica.ready for replica in replicas)
            raise _not_started(f"{ready} of {REPLICAS} are ready after {READY_LIMIT_S:.0f} s", namespace)
        time.sleep(LOOK_S)


def _unreached(world: World, replica: str, *, again: bool) -> str | None:
    """Why a pod says that its database does not answer; None when it does not say so."""
    try:
        found = list(_UNREACHED.finditer(world.platform.log(replica, previous=again)))
    except LockageError:  # there is no log yet
        return None
    return found[-1]["why"].strip() if found else None


def _not_started(what: str, namespace: str) -> LockageError:
    return RefusedError(
        f"the replicas of {NAME} in namespace {namespace} do not start: {what}",
        code="LK527",
        hint="the nodes need the images towpath:RELEASE, or --image REPOSITORY; docs/demo-on-a-cluster.md has how to make them",
    )
