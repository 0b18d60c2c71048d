"""Objects of the API as they stand there, as far as one must know them to find a workload and its database.

Not for what a run looks at all the time (``workload``, ``replicas``). The surprising thing: these are our own few fields and
not lightkube's models, because a rendered manifest, a live object and a test's ten lines of YAML are all read by them alike.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Generic, Literal, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from lockage.adapters.kubernetes.failure import MissingError

T = TypeVar("T")

Texts = dict[str, str]


class Asking(Protocol):
    """What of a client is needed here."""

    @property
    def namespace(self) -> str:
        """The namespace that everything is asked in."""
        ...

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer to a raw request."""
        ...


class _Object(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an object; unknown fields are passed over."""


class Metadata(_Object, frozen=True, kw_only=True):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: Texts = msgspec.field(default_factory=Texts)
    annotations: Texts = msgspec.field(default_factory=Texts)
    deletion_timestamp: str | None = None


class KeyRef(_Object, frozen=True, kw_only=True):
    """One key of a Secret or ConfigMap."""

    name: str = ""
    key: str
    optional: bool = False


class FieldRef(_Object, frozen=True, kw_only=True):
    """One field of the pod itself."""

    field_path: str


class ValueFrom(_Object, frozen=True, kw_only=True):
    """Where a variable has its value from."""

    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: dict[str, object] | None = None
    file_key_ref: dict[str, object] | None = None


class Variable(_Object, frozen=True, kw_only=True):
    """One entry of a container's ``env``."""

    name: str
    value: str = ""
    value_from: ValueFrom | None = None


class WholeRef(_Object, frozen=True, kw_only=True):
    """A whole Secret or ConfigMap."""

    name: str = ""
    optional: bool = False


class VariablesFrom(_Object, frozen=True, kw_only=True):
    """One entry of a container's ``envFrom``."""

    prefix: str = ""
    secret_ref: WholeRef | None = None
    config_map_ref: WholeRef | None = None


class Mount(_Object, frozen=True, kw_only=True):
    """One volume in a container."""

    name: str
    mount_path: str
    sub_path: str = ""


class HttpGet(_Object, frozen=True, kw_only=True):
    """A probe by HTTP."""

    path: str = "/"


class ProbeObject(_Object, frozen=True, kw_only=True):
    """A probe, as far as ``profile init`` tells it."""

    http_get: HttpGet | None = None


class ContainerObject(_Object, frozen=True, kw_only=True):
    """One container of a pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    env_from: tuple[VariablesFrom, ...] = ()
    volume_mounts: tuple[Mount, ...] = ()
    readiness_probe: ProbeObject | None = None
    liveness_probe: ProbeObject | None = None


class KeyPath(_Object, frozen=True, kw_only=True):
    """Under which path a key is mounted."""

    key: str
    path: str


class SecretVolume(_Object, frozen=True, kw_only=True):
    """A Secret as files."""

    secret_name: str = ""
    items: tuple[KeyPath, ...] = ()
    optional: bool = False


class MountedRef(_Object, frozen=True, kw_only=True):
    """A Secret or ConfigMap as files, by its name."""

    name: str = ""
    items: tuple[KeyPath, ...] = ()
    optional: bool = False


class Projection(_Object, frozen=True, kw_only=True):
    """One source of a projected volume."""

    secret: MountedRef | None = None
    config_map: MountedRef | None = None


class Projected(_Object, frozen=True, kw_only=True):
    """Several sources as files in one folder."""

    sources: tuple[Projection, ...] = ()


class Volume(_Object, frozen=True, kw_only=True):
    """One volume of a pod."""

    name: str
    secret: SecretVolume | None = None
    config_map: MountedRef | None = None
    projected: Projected | None = None


class PodSpecObject(_Object, frozen=True, kw_only=True):
    """What a pod is made of."""

    containers: tuple[ContainerObject, ...] = ()
    volumes: tuple[Volume, ...] = ()
    service_account_name: str = "default"
    enable_service_links: bool = True
    node_name: str = ""
    image_pull_secrets: tuple[WholeRef, ...] = ()


class Template(_Object, frozen=True, kw_only=True):
    """The pod that a workload makes."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: PodSpecObject = msgspec.field(default_factory=PodSpecObject)


class Selector(_Object, frozen=True, kw_only=True):
    """Which pods are a workload's."""

    match_labels: Texts = msgspec.field(default_factory=Texts)


class WorkloadSpec(_Object, frozen=True, kw_only=True):
    """What a workload was asked for."""

    selector: Selector = msgspec.field(default_factory=Selector)
    template: Template = msgspec.field(default_factory=Template)
    replicas: int = 1


class WorkloadObject(_Object, frozen=True, kw_only=True):
    """A Deployment, StatefulSet or DaemonSet."""

    kind: str = ""  # lists leave it out
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: WorkloadSpec = msgspec.field(default_factory=WorkloadSpec)

    @property
    def title(self) -> str:
        """Kind and name, as kubectl takes them."""
        return f"{self.kind}/{self.metadata.name}"


class PodStatusObject(_Object, frozen=True, kw_only=True):
    """Where a pod is."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    host_ip: str = msgspec.field(default="", name="hostIP")


class PodObject(_Object, frozen=True, kw_only=True):
    """A pod."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: PodSpecObject = msgspec.field(default_factory=PodSpecObject)
    status: PodStatusObject = msgspec.field(default_factory=PodStatusObject)

    @property
    def runs(self) -> bool:
        """Whether its containers can be reached."""
        return self.status.phase == "Running" and self.metadata.deletion_timestamp is None


class ServicePortObject(_Object, frozen=True, kw_only=True):
    """One port of a Service."""

    port: int
    name: str = ""


class ServiceSpecObject(_Object, frozen=True, kw_only=True):
    """What a Service is in front of."""

    selector: Texts = msgspec.field(default_factory=Texts)
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    ports: tuple[ServicePortObject, ...] = ()
    type: str = "ClusterIP"
    external_name: str = ""


class ServiceObject(_Object, frozen=True, kw_only=True):
    """A Service."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: ServiceSpecObject = msgspec.field(default_factory=ServiceSpecObject)


class _List(msgspec.Struct, Generic[T]):
    items: tuple[T, ...] | None = None  # an empty list may come as null


LISTS = (_List[WorkloadObject], _List[PodObject], _List[ServiceObject])
"""What lists are read as."""


class _Data(_Object, frozen=True, kw_only=True):
    data: Texts = msgspec.field(default_factory=Texts)
    binary_data: Texts = msgspec.field(default_factory=Texts)


WorkloadKind = Literal["Deployment", "StatefulSet", "DaemonSet"]


def list_workloads(client: Asking, kind: WorkloadKind, *, selector: str | None = None) -> tuple[WorkloadObject, ...]:
    """The workloads of a kind in the namespace; ``selector`` as kubectl takes it. Raises as the client does."""
    path = f"/apis/apps/v1/namespaces/{client.namespace}/{kind.lower()}s"
    found = _listed(client, path, WorkloadObject, selector)
    return tuple(msgspec.structs.replace(one, kind=kind) for one in found)


def list_pods(client: Asking, *, selector: str | None = None, namespace: str | None = None) -> tuple[PodObject, ...]:
    """The pods of a namespace. Raises as the client does."""
    return _listed(client, f"/api/v1/namespaces/{namespace or client.namespace}/pods", PodObject, selector)


def list_services(client: Asking, *, namespace: str | None = None) -> tuple[ServiceObject, ...]:
    """The Services of a namespace. Raises as the client does."""
    return _listed(client, f"/api/v1/namespaces/{namespace or client.namespace}/services", ServiceObject, None)


def read_secret(client: Asking, name: str) -> dict[str, bytes] | None:
    """What a Secret holds, by key; None when there is no such Secret. Raises as the client does."""
    held = _held(client, "secrets", name)
    return None if held is None else {key: _decoded(value) for key, value in held.data.items()}


def read_config_map(client: Asking, name: str) -> dict[str, bytes] | None:
    """What a ConfigMap holds, by key; None when there is no such ConfigMap. Raises as the client does."""
    held = _held(client, "configmaps", name)
    if held is None:
        return None
    binary = {key: _decoded(value) for key, value in held.binary_data.items()}
    return {key: value.encode() for key, value in held.data.items()} | binary


def selecting(labels: Mapping[str, str]) -> str:
    """Labels as a selector that wants all of them."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _listed(client: Asking, path: str, of: type[T], selector: str | None) -> tuple[T, ...]:
    params = {"labelSelector": selector} if selector else None
    return msgspec.json.decode(client.send("GET", path, params=params), type=_List[of]).items or ()


def _held(client: Asking, kind: str, name: str) -> _Data | None:
    try:
        body = client.send("GET", f"/api/v1/namespaces/{client.namespace}/{kind}/{quote(name, safe='')}")
    except MissingError:
        return None
    return msgspec.json.decode(body, type=_Data)


def _decoded(value: str) -> bytes:
    try:
        return b64decode(value)
    except (NotBase64, ValueError):
        return b""
