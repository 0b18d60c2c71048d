"""Labels and annotations of Kubernetes' objects, typed: lightkube's models leave open what is in their maps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol, cast

from lightkube.models.core_v1 import ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""For a time that an object should have and has not."""


class _Mapped(Protocol):
    labels: dict[str, str] | None
    annotations: dict[str, str] | None
    selector: dict[str, str] | None
    matchLabels: dict[str, str] | None  # noqa: N815 - Kubernetes' own spelling


def labels_of(metadata: ObjectMeta | None) -> Mapping[str, str]:
    """The labels; none where there is no metadata."""
    return (cast("_Mapped", metadata).labels or {}) if metadata is not None else {}


def annotations_of(metadata: ObjectMeta | None) -> Mapping[str, str]:
    """The annotations; none where there is no metadata."""
    return (cast("_Mapped", metadata).annotations or {}) if metadata is not None else {}


def match_labels(selector: LabelSelector) -> Mapping[str, str]:
    """The labels that a selector asks for one by one."""
    return cast("_Mapped", selector).matchLabels or {}


def selected(spec: ServiceSpec | None) -> Mapping[str, str]:
    """The labels of the pods that a Service is in front of; none when it has no selector."""
    return (cast("_Mapped", spec).selector or {}) if spec is not None else {}


def utc(at: datetime | None) -> datetime:
    """The time in UTC; long ago where there is none."""
    return at.astimezone(UTC) if at is not None else LONG_AGO
