"""Faults that only Kubernetes has, made for real on the tests' own cluster within seconds; and their harmless neighbours."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from lightkube.core.exceptions import ApiError
from lightkube.models.autoscaling_v2 import CrossVersionObjectReference, HorizontalPodAutoscalerSpec
from lightkube.models.core_v1 import (
    ConfigMapVolumeSource,
    EnvVar,
    EnvVarSource,
    HTTPGetAction,
    Probe,
    ResourceQuotaSpec,
    ResourceRequirements,
    SecretKeySelector,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, ResourceQuota

from e2e.on_cluster import eventually, until_ready
from faults import beside_on_cluster as beside
from faults.cluster_ground import MANY, NAME, ClusterGround
from faults.fault import Fault, Neighbour

HOLDER = "example.com/hold"

ARM_PROGRAM = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 183, 1, 0x400078, 64, 0, 0, 64, 56, 1, 64, 0, 0) + (
    struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 124, 124, 0x10000) + b"\x00\x00\x00\xd4"
)
"""An ELF file of one instruction for AArch64 (e_machine 183). Source: ELF-64 Object File Format 1.5, chapters 3 and 7."""


# --- starting ---------------------------------------------------------------------------------------------------------


@contextmanager
def image_missing(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.create(ground.made("2.26.1"))
    ground.until_event("ImagePullBackOff", "ErrImagePull", "Back-off pulling")
    yield


@contextmanager
def image_not_allowed_to_be_pulled(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made("2.26.1")
    ground.container(made).imagePullPolicy = "Never"
    ground.create(made)
    ground.until_event("ErrImageNeverPull")
    yield


@contextmanager
def never_pulled_and_there(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    ground.container(made).imagePullPolicy = "Never"
    ground.create(made, ready=True)
    yield


@contextmanager
def secret_missing(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    reference = SecretKeySelector(name="ferry-mail", key="password")
    ground.container(made).env.append(EnvVar(name="MAIL_PASSWORD", valueFrom=EnvVarSource(secretKeyRef=reference)))
    ground.create(made)
    ground.until_event('secret "ferry-mail" not found')
    yield


@contextmanager
def optional_secret_missing(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    reference = SecretKeySelector(name="ferry-mail", key="password", optional=True)
    ground.container(made).env.append(EnvVar(name="MAIL_PASSWORD", valueFrom=EnvVarSource(secretKeyRef=reference)))
    ground.create(made, ready=True)
    yield


@contextmanager
def wrong_command(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    ground.container(made).command = ["/usr/bin/ferryd"]
    ground.create(made)
    ground.until_event("/usr/bin/ferryd")
    yield


@contextmanager
def wrong_architecture(ground: ClusterGround) -> Iterator[None]:
    """The program is an ARM's: a real kernel refuses it."""
    ground.seeded()
    program = base64.b64encode(ARM_PROGRAM).decode()
    ground.kube.create(ConfigMap(metadata=ObjectMeta(name="arm"), binaryData={"ferryd": program}))
    made = ground.made()
    assert made.spec is not None
    assert made.spec.template.spec is not None
    source = ConfigMapVolumeSource(name="arm", defaultMode=0o555)
    made.spec.template.spec.volumes = [Volume(name="arm", configMap=source)]
    container = ground.container(made)
    container.volumeMounts = [VolumeMount(name="arm", mountPath="/opt/arm")]
    container.command = ["/opt/arm/ferryd"]
    ground.create(made)
    ground.until_restarted()
    yield


@contextmanager
def out_of_memory(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    container = ground.container(made)
    container.command = [
        "python3",
        "-c",
        "import time\nkept = []\nwhile True:\n kept.append(b'x' * 5_000_000); time.sleep(0.01)",
    ]
    container.resources = ResourceRequirements(limits={"memory": "64Mi"}, requests={"memory": "32Mi"})
    ground.create(made)
    ground.until_restarted()
    yield


@contextmanager
def enough_memory(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    ground.container(made).resources = ResourceRequirements(limits={"memory": "512Mi"}, requests={"memory": "32Mi"})
    ground.create(made, ready=True)
    yield


# --- probes -----------------------------------------------------------------------------------------------------------


@contextmanager
def startup_probe(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    asked = HTTPGetAction(path="/started", port="http")
    ground.container(made).startupProbe = Probe(httpGet=asked, periodSeconds=1, failureThreshold=3)
    ground.create(made)
    ground.until_restarted()
    yield


@contextmanager
def naive_upgrade(ground: ClusterGround) -> Iterator[None]:
    """A new image, a liveness probe that knows nothing of migrations, slow rows: the real kubelet kills the migrating pod."""
    ground.seeded(rows=MANY, slow=True)
    made = ground.made(replicas=2)
    asked = HTTPGetAction(path="/healthz", port="http")
    ground.container(made).livenessProbe = Probe(
        httpGet=asked, periodSeconds=1, timeoutSeconds=1, failureThreshold=3, initialDelaySeconds=2
    )
    ground.create(made, ready=True)
    ground.patch({"template": {"spec": {"containers": [{"name": NAME, "image": f"{NAME}:2.27.8"}]}}})
    ground.until_event("failed liveness probe")
    ground.until_one_waits_behind_an_orphan()
    yield


# --- placing and counting ---------------------------------------------------------------------------------------------


@contextmanager
def unschedulable(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    ground.container(made).resources = ResourceRequirements(requests={"cpu": "64"})
    ground.create(made)
    ground.until_event("FailedScheduling")
    ground.until_waited(15.5)  # a scheduler may be behind
    yield


@contextmanager
def quota(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.kube.create(ResourceQuota(metadata=ObjectMeta(name="pods"), spec=ResourceQuotaSpec(hard={"pods": "1"})))
    ground.create(ground.made(replicas=2))
    ground.until_event("exceeded quota")
    eventually(lambda: any(_ready(pod) for pod in ground.pods()), "the one pod that fits is ready")
    yield


@contextmanager
def quota_that_fits(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.kube.create(ResourceQuota(metadata=ObjectMeta(name="pods"), spec=ResourceQuotaSpec(hard={"pods": "2"})))
    ground.create(ground.made(replicas=2), ready=True)
    yield


@contextmanager
def refused_by_admission(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    ground.kube.patch(Namespace, str(ground.kube.namespace), label)
    ground.create(ground.made())
    ground.until_event("violates PodSecurity")
    yield


@contextmanager
def scaled_to_zero(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.create(ground.made(), ready=True)
    ground.patch({"replicas": 0})
    eventually(lambda: not ground.pods(), "no pod is there")
    yield


def _autoscaled(ground: ClusterGround, *, minimum: int) -> None:
    """An autoscaler without metrics: it holds its bounds, and no more."""
    ground.seeded()
    ground.create(ground.made(replicas=2), ready=True)
    target = CrossVersionObjectReference(kind="Deployment", name=NAME, apiVersion="apps/v1")
    spec = HorizontalPodAutoscalerSpec(scaleTargetRef=target, minReplicas=minimum, maxReplicas=3)
    ground.kube.create(HorizontalPodAutoscaler(metadata=ObjectMeta(name=NAME), spec=spec))
    ground.patch({"replicas": 1})


@contextmanager
def scaled_back(ground: ClusterGround) -> Iterator[None]:
    _autoscaled(ground, minimum=2)
    ground.until_event("SuccessfulRescale")
    until_ready(ground.kube, NAME, replicas=2)
    yield


@contextmanager
def scaled_within_bounds(ground: ClusterGround) -> Iterator[None]:
    _autoscaled(ground, minimum=1)
    until_ready(ground.kube, NAME)
    yield


@contextmanager
def paused(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.create(ground.made(), ready=True)
    image = {"template": {"spec": {"containers": [{"name": NAME, "image": f"{NAME}:2.26.6"}]}}}
    ground.patch({"paused": True, **image})
    yield


@contextmanager
def rolled_out(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.create(ground.made(), ready=True)
    ground.patch({"template": {"spec": {"containers": [{"name": NAME, "image": f"{NAME}:2.26.6"}]}}})
    until_ready(ground.kube, NAME)
    yield


@contextmanager
def terminating(ground: ClusterGround) -> Iterator[None]:
    """Something forgot to take its finalizer from a pod."""
    ground.seeded()
    ground.create(ground.made(), ready=True)
    (pod,) = ground.pods()
    assert pod.metadata is not None
    name = str(pod.metadata.name)
    ground.kube.patch(Pod, name, {"metadata": {"finalizers": [HOLDER]}})
    ground.kube.delete(Pod, name, grace_period=1)
    try:
        ground.until_waited(33.0)  # past its grace: until then it is only on its way
        yield
    finally:
        try:
            ground.kube.patch(Pod, name, {"metadata": {"finalizers": None}})
        except ApiError as error:
            if error.status.code != 404:
                raise


def _ready(pod: Pod) -> bool:
    conditions = (pod.status.conditions if pod.status else None) or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


AROUND = ("F011", "F081")

FAULTS = (
    Fault(
        name="the registry is out of reach",
        code="F016",
        make=image_missing,
        allowed=AROUND,
        neighbour=Neighbour(name="an image is there at last", make=beside.image_there_at_last),
    ),
    Fault(
        name="the image is not there",
        code="F013",
        make=image_not_allowed_to_be_pulled,
        allowed=AROUND,
        neighbour=Neighbour(name="an image that is there is not pulled", make=never_pulled_and_there),
    ),
    Fault(
        name="a Secret is missing",
        code="F018",
        make=secret_missing,
        allowed=AROUND,
        neighbour=Neighbour(name="an optional Secret is missing", make=optional_secret_missing),
    ),
    Fault(
        name="the command is not there",
        code="F017",
        make=wrong_command,
        allowed=AROUND,
        neighbour=Neighbour(name="another command that is there", make=beside.another_command),
    ),
    Fault(
        name="the program is for another processor",
        code="F015",
        make=wrong_architecture,
        allowed=AROUND,
        neighbour=Neighbour(name="a program of the customer's own", make=beside.program_of_the_customers_own),
    ),
    Fault(
        name="out of memory",
        code="F006",
        make=out_of_memory,
        allowed=AROUND,
        neighbour=Neighbour(name="a limit that is enough", make=enough_memory),
    ),
    Fault(
        name="the startup probe kills it",
        code="F002",
        make=startup_probe,
        allowed=AROUND,
        neighbour=Neighbour(name="the startup probe is patient", make=beside.slow_start),
    ),
    Fault(
        name="a naive upgrade",
        code="F001",
        make=naive_upgrade,
        allowed=(*AROUND, "F043"),
        chained=(("F043", "F001"),),
        neighbour=Neighbour(name="an upgrade", make=rolled_out),
    ),
    Fault(
        name="nobody can place it",
        code="F076",
        make=unschedulable,
        allowed=AROUND,
        neighbour=Neighbour(name="it has its place at last", make=beside.placed_at_last),
    ),
    Fault(
        name="the quota is used up",
        code="F075",
        make=quota,
        allowed=AROUND,
        neighbour=Neighbour(name="the quota fits", make=quota_that_fits),
    ),
    Fault(
        name="admission refuses the pods",
        code="F084",
        make=refused_by_admission,
        allowed=AROUND,
        neighbour=Neighbour(name="admission only warns", make=beside.warned_by_admission),
    ),
    Fault(
        name="scaled to zero",
        code="F082",
        make=scaled_to_zero,
        neighbour=Neighbour(name="another application is at zero", make=beside.another_scaled_to_zero),
    ),
    Fault(
        name="an autoscaler scales back",
        code="F074",
        make=scaled_back,
        neighbour=Neighbour(name="an autoscaler lets it be", make=scaled_within_bounds),
    ),
    Fault(
        name="the rollout is paused",
        code="F080",
        make=paused,
        allowed=("F073",),
        neighbour=Neighbour(name="a rollout that was paused goes on", make=beside.resumed),
    ),
    Fault(
        name="a pod cannot go",
        code="F079",
        make=terminating,
        allowed=AROUND,
        neighbour=Neighbour(name="a pod is on its way", make=beside.on_its_way),
    ),
)
