"""What the port's suite does not ask of a platform on Kubernetes: requests, logs of several containers, rights, patches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightkube
import msgspec
import pytest
import yaml
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.core_v1 import Container, HTTPGetAction, HTTPHeader
from lightkube.models.core_v1 import Probe as KubernetesProbe
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod, ServiceAccount, ServiceAccountToken
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding
from lightkube.types import PatchType

from e2e.cluster.whole import Cluster
from e2e.kubernetes_scene import NAME, SCRIPTED, KubernetesScene, kubernetes_scene, scripted
from e2e.on_cluster import LABELS, OnCluster, deployment, eventually, until_ready
from lockage.adapters.kubernetes.client import KubernetesClient, open_client
from lockage.adapters.kubernetes.patch import LIVENESS_NOTE, PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.adapters.kubernetes.service import KubernetesService
from lockage.adapters.service import HttpService
from lockage.core.facts import Probe, ReplicaPhase
from lockage.errors import RefusedError, UnreachableError, UsageError
from lockage.ports import Answer, Rollout

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(cluster: OnCluster, own_cluster: Cluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    """A deployment whose behaviour follows files of this host."""
    del own_cluster
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


@pytest.fixture
def bare(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    """A namespace for the test's own objects."""
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


@pytest.fixture
def client(bare: KubernetesScene) -> KubernetesClient:
    """A client for the test's namespace, in which nothing is yet."""
    return bare.client()


def platform_of(client: KubernetesClient) -> KubernetesPlatform:
    releaser = PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
    return KubernetesPlatform(client, deployment=NAME, profile=SCRIPTED, releaser=releaser)


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_namespace_that_is_not_there_is_a_usage_error(cluster: OnCluster) -> None:
    # Only who may see namespaces is told so: here it is the administrator.
    with pytest.raises(UsageError, match="there is no namespace no-such on https") as refused:
        open_client(kubeconfig=cluster.kubeconfig, context=None, namespace="no-such", environment={})
    assert refused.value.code == "LK503"


def test_programs_that_go_there_too_are_told_the_context_by_name(bare: KubernetesScene) -> None:
    kubeconfig = bare.grant()
    place = bare.client().place
    current = yaml.safe_load(kubeconfig.read_text())["current-context"]
    assert (place.context, place.kubeconfigs) == (current, (kubeconfig,))


def test_a_deployment_that_is_not_there_is_refused(client: KubernetesClient) -> None:
    with pytest.raises(RefusedError, match=r"deployments\.apps app in namespace .* does not exist$") as refused:
        platform_of(client).workload()
    assert refused.value.code == "LK506"


def test_a_certificate_that_is_not_trusted_is_named(cluster: OnCluster, tmp_path: Path) -> None:
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    for entry in content["clusters"]:
        del entry["cluster"]["certificate-authority-data"]
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UnreachableError, match="is not one that we trust: ") as refused:
        open_client(kubeconfig=file, context=None, namespace=None, environment={})
    assert refused.value.code == "LK509"


# --- requests ---------------------------------------------------------------------------------------------------------


def get(client: KubernetesClient, url: str) -> Answer:
    return KubernetesService(client, elsewhere=HttpService()).get(url, headers={}, timeout_s=3.0)


def test_pods_and_service_are_asked_through_the_api_server(scene: KubernetesScene) -> None:
    platform, client = scene.open(replicas=2), scene.client()
    for replica in platform.replicas():
        answer = get(client, platform.replica_url(replica.name) + "/healthz")
        assert answer.status == 200
        assert f'"replica": "{replica.name}"' in answer.body
    answer = get(client, platform.service_url() + "/healthz")
    assert (answer.status, '"release": "2.26.0"' in answer.body) == (200, True)


def test_what_does_not_answer_is_an_answer_with_a_problem(scene: KubernetesScene) -> None:
    platform, client = scene.open(replicas=1), scene.client()
    (replica,) = platform.replicas()
    pod, service = platform.replica_url(replica.name), platform.service_url()
    scene.hang(scene.first)
    late = get(client, pod + "/healthz")
    assert (late.status, "within 3 s" in (late.problem or "")) == (0, True)
    platform.scale(0)
    eventually(lambda: platform.replicas() == (), "the pod is gone")
    assert get(client, pod + "/healthz").status == 0
    none = eventually(lambda: get(client, service + "/healthz").problem, "the Service has no endpoints")
    assert "endpoints" in none


# --- logs and events --------------------------------------------------------------------------------------------------


def test_the_log_has_all_containers_the_applications_first(kube: lightkube.Client, bare: KubernetesScene) -> None:
    made = deployment(NAME, _says("sidecar", "busy", image="towpath:2.26.6"))
    assert made.spec is not None
    pod = made.spec.template.spec
    assert pod is not None
    pod.containers.append(_says(NAME, "app line 1; echo app line 2", image="docker.io/library/towpath:2.26.0"))
    pod.initContainers = [_says("migrate", "migrated", image="towpath:2.26.6", lasts="true")]
    kube.create(made)
    until_ready(kube, NAME)
    client = bare.client()
    platform = KubernetesPlatform(
        client,
        deployment=NAME,
        profile=_with_container(NAME),
        releaser=PatchReleaser(client, deployment=NAME, profile=_with_container(NAME)),
    )
    (replica,) = platform.replicas()
    assert replica.release == "2.26.0"
    expected = "app line 1\napp line 2\n==> sidecar <==\nbusy\n==> migrate <==\nmigrated\n"
    assert eventually(lambda: (log := platform.log(replica.name)) == expected and log, "all lines are there")
    assert platform.log(replica.name, previous=True) == ""


def _says(name: str, words: str, *, image: str, lasts: str = "sleep infinity") -> Container:
    text = f"echo {words}; exec {lasts}"
    return Container(name=name, image=image, imagePullPolicy="IfNotPresent", command=["sh", "-c", text])


def _with_container(name: str) -> Any:
    return msgspec.structs.replace(SCRIPTED, workload=msgspec.structs.replace(SCRIPTED.workload, container=name))


def test_the_log_before_a_restart_is_kept_apart(scene: KubernetesScene) -> None:
    platform = scene.open(replicas=1, liveness=scene.strict)
    (before,) = platform.replicas()
    first = platform.log(before.name)
    scene.hang(scene.first)

    def restarted() -> bool:
        (replica,) = platform.replicas()
        return replica.restarts > before.restarts and replica.phase is ReplicaPhase.RUNNING

    assert scene.eventually(restarted)
    assert first.splitlines()[0] in platform.log(before.name, previous=True)
    assert "SIGTERM" in platform.log(before.name, previous=True)


def test_a_pod_that_is_gone_has_no_log(scene: KubernetesScene) -> None:
    platform = scene.open(replicas=1)
    with pytest.raises(RefusedError) as refused:
        platform.log("app-gone")
    assert refused.value.code == "LK506"


def test_events_of_deployment_replica_sets_and_pods_are_told_oldest_first(scene: KubernetesScene) -> None:
    platform = scene.open(replicas=1)
    wanted = {("Deployment", "ScalingReplicaSet"), ("ReplicaSet", "SuccessfulCreate"), ("Pod", "Scheduled"), ("Pod", "Started")}

    def told() -> bool:
        return wanted <= {(event.subject.split("/")[0], event.reason) for event in platform.events()}

    assert scene.eventually(told)
    times = [event.at for event in platform.events()]
    assert times == sorted(times)


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ((), "the profile has no version command"),
        (("sh", "-c", "echo no; exit 3"), "the version command ended with 3 and said 'no'"),
        (("no-such-program",), "does not run"),
    ],
)
def test_a_version_that_is_not_told_has_a_problem(scene: KubernetesScene, command: tuple[str, ...], problem: str) -> None:
    (replica,) = scene.open(replicas=1).replicas()
    profile = msgspec.structs.replace(SCRIPTED, version=msgspec.structs.replace(SCRIPTED.version, command=command))
    client = scene.client()
    releaser = PatchReleaser(client, deployment=NAME, profile=profile)
    reading = KubernetesPlatform(client, deployment=NAME, profile=profile, releaser=releaser).command_version(replica.name)
    assert reading.version is None
    assert problem in (reading.problem or "")


# --- pods that are no replicas ----------------------------------------------------------------------------------------


def test_pods_that_have_failed_and_pods_of_others_do_not_count(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = scene.open(replicas=1)
    (replica,) = platform.replicas()
    (owner,) = kube.list(ReplicaSet)
    assert owner.metadata is not None
    labels = {**LABELS, "app.kubernetes.io/instance": NAME}
    template = kube.get(Pod, replica.name).spec
    assert template is not None
    template.nodeName = None
    # One that nobody owns is taken over by the ReplicaSet and ended as one too many, so it has an owner of its own.
    stranger = OwnerReference(apiVersion="v1", kind="Pod", name=replica.name, uid="someone", controller=True)
    template.containers = [_says(NAME, "x", image="towpath:2.26.0")]
    template.volumes = []
    kube.create(Pod(metadata=ObjectMeta(name="stranger", labels=labels, ownerReferences=[stranger]), spec=template))
    kube.patch(Pod.Status, replica.name, {"status": {"phase": "Failed", "reason": "Evicted"}}, patch_type=PatchType.MERGE)

    def replaced() -> bool:
        names = {one.name for one in platform.replicas()}
        return len(names) == 1 and replica.name not in names

    assert scene.eventually(replaced)


def test_a_deployment_that_is_made_anew_with_other_labels_is_looked_at_anew(
    kube: lightkube.Client, bare: KubernetesScene
) -> None:
    kube.create(deployment(NAME, _says(NAME, "x", image="towpath:2.26.0")))
    until_ready(kube, NAME)
    platform = platform_of(bare.client())
    (former,) = platform.replicas()
    kube.delete(Deployment, NAME)
    made = deployment(NAME, _says(NAME, "x", image="towpath:2.27.8"))
    assert made.spec is not None
    made.spec.selector.matchLabels = {"made": "anew"}
    made.spec.template.metadata = ObjectMeta(labels={"made": "anew"})

    def made_anew() -> bool:
        try:
            kube.create(made)
        except lightkube.ApiError as error:  # the former one is still there
            return error.status.reason != "AlreadyExists"
        return True

    eventually(made_anew, "the former Deployment is gone")
    eventually(lambda: [one.release for one in platform.replicas()] == ["2.27.8"], "its new pod is seen")
    assert former.name not in {one.name for one in platform.replicas()}


# --- rights -----------------------------------------------------------------------------------------------------------


def as_account(cluster: OnCluster, kube: lightkube.Client, folder: Path, *rules: PolicyRule) -> Path:
    """A kubeconfig of a service account that may do just that in the namespace."""
    kube.create(ServiceAccount(metadata=ObjectMeta(name="someone")))
    kube.create(Role(metadata=ObjectMeta(name="someone"), rules=list(rules)))
    subject = Subject(kind="ServiceAccount", name="someone", namespace=kube.namespace)
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="someone")
    kube.create(RoleBinding(metadata=ObjectMeta(name="someone"), roleRef=role, subjects=[subject]))
    asked = ServiceAccountToken(metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[], expirationSeconds=600))
    token = kube.create(asked, "someone").status
    assert token is not None
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token.token}
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return file


LOOK = (
    PolicyRule(apiGroups=["apps"], resources=["deployments", "replicasets"], verbs=["get", "list"]),
    PolicyRule(apiGroups=[""], resources=["pods", "pods/log", "events", "services"], verbs=["get", "list"]),
)


def test_what_our_identity_may_not_do_is_named(
    cluster: OnCluster, kube: lightkube.Client, scene: KubernetesScene, tmp_path: Path
) -> None:
    scene.open(replicas=1)
    client = scene.client(kubeconfig=as_account(cluster, kube, tmp_path, *LOOK))
    platform = platform_of(client)
    (replica,) = platform.replicas()
    platform.events()
    assert platform.log(replica.name)
    who = f"system:serviceaccount:{kube.namespace}:someone"
    with pytest.raises(RefusedError) as refused:
        platform.scale(2)
    assert (refused.value.code, refused.value.message) == (
        "LK504",
        f"{who} may not patch deployments.apps in namespace {kube.namespace}",
    )
    with pytest.raises(RefusedError, match=r"may not get leases\.coordination\.k8s\.io in namespace") as refused:
        platform.lease()
    assert refused.value.code == "LK504"
    reading = platform.command_version(replica.name)
    assert "pods/exec" in (reading.problem or "")
    answer = get(client, platform.replica_url(replica.name) + "/healthz")
    assert (answer.status, "pods/proxy" in (answer.problem or "")) == (0, True)


# --- rollouts by patch ------------------------------------------------------------------------------------------------


@pytest.fixture
def at_rest(kube: lightkube.Client, bare: KubernetesScene, tmp_path: Path) -> KubernetesPlatform:
    """A Deployment without replicas, whose liveness probe has a port and headers of its own."""
    made = scripted(tmp_path, release="2.26.0", replicas=0, liveness=None)
    assert made.spec is not None
    assert made.spec.template.spec is not None
    made.spec.template.spec.containers[0].livenessProbe = KubernetesProbe(
        httpGet=HTTPGetAction(path="/live", port=9999, scheme="HTTPS", httpHeaders=[HTTPHeader(name="X-Probe", value="1")]),
        periodSeconds=7,
        terminationGracePeriodSeconds=3,
    )
    kube.create(made)
    platform = platform_of(bare.client())
    eventually(lambda: platform.workload().revision == 1, "the Deployment is numbered")
    return platform


def liveness(kube: lightkube.Client) -> KubernetesProbe | None:
    spec = kube.get(Deployment, NAME).spec
    assert spec is not None
    assert spec.template.spec is not None
    return spec.template.spec.containers[0].livenessProbe


def test_a_longer_probe_asks_what_it_asked_before(kube: lightkube.Client, at_rest: KubernetesPlatform) -> None:
    before, former = at_rest.workload().liveness, liveness(kube)
    assert before is not None
    longer = Probe(path=before.path, period_s=before.period_s, timeout_s=1.4, failure_threshold=200)
    at_rest.roll_out(Rollout(release="2.27.8", replicas=0, liveness=longer))
    seen = at_rest.workload()
    assert (seen.release, seen.revision) == ("2.27.8", 2)
    assert seen.liveness == Probe(path="/live", period_s=7.0, timeout_s=2.0, failure_threshold=200)
    now = liveness(kube)
    assert former is not None
    assert now is not None
    assert (now.httpGet, now.terminationGracePeriodSeconds) == (former.httpGet, 3)
    at_rest.roll_out(Rollout(release="2.27.8", replicas=0, liveness=before))
    assert liveness(kube) == former


def test_a_probe_that_is_taken_away_comes_back_as_it_was(kube: lightkube.Client, at_rest: KubernetesPlatform) -> None:
    before, former = at_rest.workload().liveness, liveness(kube)
    at_rest.roll_out(Rollout(release="2.27.8", replicas=0, liveness=None))
    assert liveness(kube) is None
    assert LIVENESS_NOTE in at_rest.workload().annotations
    at_rest.roll_out(Rollout(release="2.27.8", replicas=0, liveness=before))
    assert liveness(kube) == former
    assert LIVENESS_NOTE not in at_rest.workload().annotations


@pytest.mark.parametrize("path", ["tcp://:3000", "exec:test -f /scene", "/other"])
def test_a_probe_of_another_kind_takes_the_place_of_the_present_one(
    kube: lightkube.Client, at_rest: KubernetesPlatform, path: str
) -> None:
    wanted = Probe(path=path, period_s=3.0)
    at_rest.roll_out(Rollout(release="2.26.0", replicas=0, liveness=wanted))
    assert at_rest.workload().liveness == wanted
    now = liveness(kube)
    assert now is not None
    assert len([one for one in (now.httpGet, now.tcpSocket, now.exec, now.grpc) if one]) == 1


def test_the_check_tries_the_patch_without_making_it(bare: KubernetesScene, at_rest: KubernetesPlatform) -> None:
    before = at_rest.workload()
    rollout = Rollout(release="2.27.8", replicas=1, liveness=before.liveness)
    checks = PatchReleaser(bare.client(), deployment=NAME, profile=SCRIPTED).check(rollout)
    assert [(check.name, check.ok) for check in checks] == [("dry run", True), ("result", True)]
    assert checks[1].text == "1 replicas of towpath:2.27.8, with the liveness probe asked for"
    assert at_rest.workload() == before


def test_containers_of_the_same_image_go_to_the_release_together(
    kube: lightkube.Client, bare: KubernetesScene, tmp_path: Path
) -> None:
    made = scripted(tmp_path, release="2.26.0", replicas=0, liveness=None)
    assert made.spec is not None
    pod = made.spec.template.spec
    assert pod is not None
    pod.initContainers = [_says("migrate", "x", image="towpath:2.26.0"), _says("wait", "x", image="towpath:2.26.6")]
    pod.containers.append(_says("worker", "x", image="towpath:2.26.0"))
    kube.create(made)
    profile = _with_container(NAME)
    PatchReleaser(bare.client(), deployment=NAME, profile=profile).release(Rollout(release="2.27.8", replicas=0, liveness=None))
    spec = kube.get(Deployment, NAME).spec
    assert spec is not None
    assert spec.template.spec is not None
    images = {one.name: one.image for one in [*spec.template.spec.containers, *(spec.template.spec.initContainers or [])]}
    expected = {NAME: "towpath:2.27.8", "worker": "towpath:2.27.8", "migrate": "towpath:2.27.8", "wait": "towpath:2.26.6"}
    assert images == expected
    assert [one.name for one in spec.template.spec.containers] == [NAME, "worker"]


def test_who_patched_is_written_on_the_object(kube: lightkube.Client, at_rest: KubernetesPlatform) -> None:
    at_rest.roll_out(Rollout(release="2.27.8", replicas=0, liveness=None))
    metadata = kube.get(Deployment, NAME).metadata
    assert metadata is not None
    assert "lockage" in {entry.manager for entry in metadata.managedFields or []}
