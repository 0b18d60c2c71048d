"""A deployment of the scripted application on a real cluster, for tests of the platform; it ends with its namespace."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import lightkube
import msgspec
from lightkube.models.core_v1 import (
    Container,
    ContainerPort,
    EnvVar,
    EnvVarSource,
    HostPathVolumeSource,
    HTTPGetAction,
    ObjectFieldSelector,
    Volume,
    VolumeMount,
)
from lightkube.models.core_v1 import Probe as KubernetesProbe
from lightkube.resources.apps_v1 import Deployment

from e2e.on_cluster import LABELS, PORT, OnCluster, deployment, service, until_ready
from e2e.rights import granted
from lockage.adapters.kubernetes.client import KubernetesClient, open_client
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.core.facts import Probe
from lockage.core.release.profile import Profile
from support.app_profile import PROFILE

APP = Path(__file__).parents[1] / "support" / "scripted_app.py"
NAME = "app"
SCENE = "/scene"
LIMIT_S = 90.0
"""For whatever a cluster does on two cores that others use too; a second back-off alone is 20 s."""

SCRIPTED: Profile = msgspec.structs.replace(
    PROFILE,
    workload=msgspec.structs.replace(PROFILE.workload, image="docker.io/library/towpath"),
    version=msgspec.structs.replace(PROFILE.version, command=("sh", "-c", 'echo "version v$TOWPATH_RELEASE"')),
)
"""A profile of the scripted application, which runs in towpath's images; those tell it its release by a variable."""


class KubernetesScene:
    """A ``PlatformScene`` with real pods."""

    first = "2.26.0"
    second = "2.27.8"
    strict = Probe(period_s=1.0, timeout_s=1.0, failure_threshold=2)

    def __init__(self, folder: Path, kube: lightkube.Client, kubeconfig: Path, clients: ExitStack) -> None:
        self._folder = folder
        self._kube = kube
        self._kubeconfig = kubeconfig
        self._confined: Path | None = None
        self._clients = clients
        self._behaviour: dict[str, dict[str, object]] = {}

    def open(self, *, replicas: int = 2, liveness: Probe | None = None) -> KubernetesPlatform:
        self._kube.create(service(NAME))
        self._kube.create(scripted(self._folder, release=self.first, replicas=replicas, liveness=liveness))
        until_ready(self._kube, NAME, replicas=replicas)
        return self.again()

    def again(self) -> KubernetesPlatform:
        client = self.client()
        releaser = PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
        return KubernetesPlatform(client, deployment=NAME, profile=SCRIPTED, releaser=releaser)

    def client(self, *, kubeconfig: Path | None = None) -> KubernetesClient:
        """A client of its own for the scene's namespace, with the rights that are printed for what is there; or others."""
        chosen = kubeconfig or self._confined or self.grant()
        opened = open_client(kubeconfig=chosen, context=None, namespace=self._kube.namespace, environment={})
        return self._clients.enter_context(opened)

    def grant(self, *arguments: str) -> Path:
        """From now on, what ``lockage rbac`` prints for what is there now, and no more; ``arguments`` are more of its own."""
        self._confined = scripted_rights(self._kube, self._kubeconfig, self._folder, *arguments)
        return self._confined

    @staticmethod
    def eventually(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def behave(self, release: str, **behaviour: object) -> None:
        """Replicas of a release behave so; see the application for the words."""
        self._behaviour.setdefault(release, {}).update(behaviour)
        file = self._folder / f"{release}.json"
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(self._behaviour[release]))
        beside.chmod(0o644)
        beside.replace(file)

    def hang(self, release: str) -> None:
        self.behave(release, deaf=True)

    def answer(self, release: str) -> None:
        self.behave(release, deaf=False)

    def crash(self, release: str, code: int) -> None:
        self.behave(release, exit=code)

    def cling(self, release: str) -> None:
        self.behave(release, ignore_sigterm=True)


@contextmanager
def kubernetes_scene(cluster: OnCluster, kube: lightkube.Client, folder: Path) -> Iterator[KubernetesScene]:
    """A scene in the client's namespace, whose pods see the folder.

    The folder is pytest's to remove: a container that starts again after the test would make it anew.
    """
    with ExitStack() as clients:
        folder.chmod(0o755)
        shutil.copy(APP, folder / APP.name)
        yield KubernetesScene(folder, kube, cluster.kubeconfig, clients)


def scripted_rights(kube: lightkube.Client, kubeconfig: Path, folder: Path, *arguments: str) -> Path:
    """A kubeconfig that may do what ``lockage rbac`` prints for the scripted application; the other is the administrator's."""
    profile = folder / "app-profile.toml"
    profile.write_bytes(msgspec.toml.encode(_told(msgspec.to_builtins(SCRIPTED))))
    selector = ",".join(f"{name}={value}" for name, value in LABELS.items())
    where = ("-n", str(kube.namespace), "--profile", str(profile), "--selector", selector, "--reach", "direct")
    return granted(kube, kubeconfig, NAME, *where, *arguments, folder=folder)


def _told(value: Any) -> Any:
    """Without what is None, which TOML cannot say."""
    if isinstance(value, dict):
        return {key: _told(each) for key, each in value.items() if each is not None}
    return [_told(each) for each in value] if isinstance(value, list) else value


def scripted(folder: Path, *, release: str, replicas: int, liveness: Probe | None) -> Deployment:
    """The scripted application as a Deployment: readiness each second."""
    asked = HTTPGetAction(path="/healthz", port="http")
    container = Container(
        name=NAME,
        image=f"towpath:{release}",
        imagePullPolicy="IfNotPresent",
        command=["sh", "-c", f"exec python3 -S {SCENE}/{APP.name} $TOWPATH_RELEASE 0.0.0.0:{PORT} {SCENE}"],
        env=[EnvVar(name="REPLICA", valueFrom=EnvVarSource(fieldRef=ObjectFieldSelector(fieldPath="metadata.name")))],
        ports=[ContainerPort(containerPort=PORT, name="http")],
        volumeMounts=[VolumeMount(name="scene", mountPath=SCENE)],
        readinessProbe=KubernetesProbe(httpGet=asked, periodSeconds=1),
        livenessProbe=_probe(liveness, asked) if liveness is not None else None,
    )
    made = deployment(NAME, container, replicas=replicas)
    assert made.spec is not None
    assert made.spec.template.spec is not None
    made.spec.template.spec.terminationGracePeriodSeconds = 2
    made.spec.template.spec.volumes = [Volume(name="scene", hostPath=HostPathVolumeSource(path=str(folder)))]
    return made


def _probe(liveness: Probe, asked: HTTPGetAction) -> KubernetesProbe:
    return KubernetesProbe(
        httpGet=asked,
        initialDelaySeconds=int(liveness.initial_delay_s),
        periodSeconds=int(liveness.period_s),
        timeoutSeconds=int(liveness.timeout_s),
        failureThreshold=liveness.failure_threshold,
    )
