"""Objects as the API server writes them, for kinds that others bring and for fields that lightkube's models leave open.

Not for the workload and its pods, which are typed. The surprising thing: every record here holds only the fields that somebody
reads, so an object of a newer version of its kind is read as well as an old one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError

T = TypeVar("T")


class Asking(Protocol):
    """What is asked of a client."""

    @property
    def namespace(self) -> str:
        """The namespace of the deployment."""
        ...

    def send(self, method: str, path: str, *, body: object = None, params: dict[str, str] | None = None) -> bytes:
        """The body of the answer."""
        ...


class _Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an object; what else stands there is not read."""


class OwnerReference(_Slice, frozen=True, kw_only=True):
    """Source: Kubernetes API reference v1.33, meta/v1 OwnerReference."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ManagedFields(_Slice, frozen=True, kw_only=True):
    """Source: Kubernetes API reference v1.33, meta/v1 ManagedFieldsEntry."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    time: datetime | None = None
    fieldsV1: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])  # noqa: N815 - Kubernetes' own spelling


class Meta(_Slice, frozen=True, kw_only=True):
    """Source: Kubernetes API reference v1.33, meta/v1 ObjectMeta."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815
    labels: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    annotations: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    ownerReferences: tuple[OwnerReference, ...] = ()  # noqa: N815
    managedFields: tuple[ManagedFields, ...] = ()  # noqa: N815


class Anything(_Slice, frozen=True, kw_only=True):
    """An object whose spec and status are looked into key by key."""

    metadata: Meta
    spec: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    status: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class _Listed(_Slice, frozen=True, kw_only=True):
    items: tuple[Anything, ...] = ()


def found(client: Asking, path: str) -> Anything:
    """The object behind a path. Raises as the client does."""
    return msgspec.json.decode(client.send("GET", path), type=Anything)


def listed(client: Asking, path: str) -> tuple[Anything, ...]:
    """All objects behind a path; none where their kind is not served. Raises as the client does."""
    try:
        return msgspec.json.decode(client.send("GET", path), type=_Listed).items
    except MissingError:
        return ()


def api_groups(client: Asking) -> dict[str, str]:
    """The API groups of this cluster, each with the version that it prefers. Everybody may ask for them."""
    answer = msgspec.json.decode(client.send("GET", "/apis"), type=dict[str, Any])
    return {str(each["name"]): str(each["preferredVersion"]["version"]) for each in answer.get("groups") or ()}


def allowed(looks: list[str], client: Asking) -> tuple[Anything, ...] | None:
    """All objects behind the first path that we may read; None when we may read none of them."""
    for path in looks:
        try:
            return listed(client, path)
        except ForbiddenError:
            continue
    return None


def at(mapping: object, *keys: str) -> Any:
    """What stands behind these keys, one in the other; None where one is missing."""
    value: Any = mapping
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return value  # pyright: ignore[reportUnknownVariableType]


def mapping_at(mapping: object, *keys: str) -> dict[str, Any]:
    """The mapping behind these keys; empty where there is none."""
    return at(mapping, *keys) or {}


def sequence_at(mapping: object, *keys: str) -> list[Any]:
    """The list behind these keys; empty where there is none."""
    return at(mapping, *keys) or []
