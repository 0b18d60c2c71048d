"""Helm's own records of a release, read without ``helm``: what its history was, for somebody who has only ``kubectl``.

Not for changing any of it, nor for runs, which ask ``helm`` (``revisions``). The surprising thing: a record is base64 of gzip
of JSON, inside a Secret whose values are base64 already; its labels say number and status, so only the newest are unpacked.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from lockage.adapters.helm.manifest import within
from lockage.adapters.helm.revisions import MARK
from lockage.core.diagnosis.evidence import ReleaseRevision

UNPACKED = 10
"""Records that are unpacked, the newest: as many as Helm keeps by default (``--history-max``)."""


class _Asking(Protocol):
    """What of a client is needed here."""

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer to a raw request."""
        ...


class _Secret(msgspec.Struct, frozen=True):
    metadata: dict[str, Any]
    data: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class _Listed(msgspec.Struct, frozen=True):
    items: tuple[_Secret, ...] | None = None


def history(client: _Asking, namespace: str, release: str) -> tuple[ReleaseRevision, ...]:
    """All revisions that Helm keeps of a release, oldest first; empty where there are none. Raises as the client does.

    Source: helm 3.22.0 and 4.3.1, ``pkg/storage/driver/secrets.go``.
    """
    params = {"labelSelector": f"owner=helm,name={release}"}
    body = client.send("GET", f"/api/v1/namespaces/{namespace}/secrets", params=params)
    found = sorted(msgspec.json.decode(body, type=_Listed).items or (), key=_number)
    unread = len(found) - UNPACKED
    return tuple(_revision(secret, unpack=index >= unread) for index, secret in enumerate(found))


def _number(secret: _Secret) -> int:
    number = str(within(secret.metadata, "labels").get("version", ""))
    return int(number) if number.isdigit() else 0


def _revision(secret: _Secret, *, unpack: bool) -> ReleaseRevision:
    record = _unpacked(secret) if unpack else {}
    chart, info = within(record, "chart", "metadata"), within(record, "info")
    return ReleaseRevision(
        revision=_number(secret),
        status=str(within(secret.metadata, "labels").get("status", "")),
        chart=f"{chart.get('name', '')}-{chart.get('version', '')}".strip("-"),
        description=str(info.get("description", "")).partition(MARK)[0],
        updated_at=_time(info.get("last_deployed")),
    )


def _unpacked(secret: _Secret) -> dict[str, Any]:
    """The record; nothing where it is not one that we know, as one that is compressed otherwise."""
    try:
        packed = base64.b64decode(base64.b64decode(secret.data.get("release", "")))
        return msgspec.json.decode(gzip.decompress(packed), type=dict[str, Any])
    except (binascii.Error, ValueError, OSError, EOFError, zlib.error, msgspec.MsgspecError):
        return {}


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
