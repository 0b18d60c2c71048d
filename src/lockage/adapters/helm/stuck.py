"""A release that Helm takes for being upgraded, though nobody does any more: found, and cured when it was our own child.

Not for anybody else's operation: whether a colleague's ``helm`` or a pipeline's still runs cannot be seen from here, so theirs
is named and left. The surprising thing is the cure. ``helm rollback`` would put old pods over a migrated schema, and deleting
the revision's Secret loses what it tried to do; the revision is marked as failed, which is what Helm itself would have written.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from lightkube import Client
from lightkube.resources.core_v1 import Secret

from lockage.adapters.helm.leash import GRACE_S
from lockage.adapters.helm.manifest import within
from lockage.adapters.helm.private_folder import lives
from lockage.adapters.helm.revisions import Release, Revision
from lockage.errors import RefusedError

LABEL = "lockage.dev/revision"
"""Label on a revision's Secret that says who made it. Helm hands labels on to later revisions, so it begins with the number of
the one that it is about."""

PAUSE_S = 0.2
MARGIN_S = 0.5


def our_label(number: int) -> str:
    """The label's value for a revision that this process makes: number, machine, process."""
    return f"{number}.{_machine()}.{os.getpid()}"


def cure(
    release: Release,
    pending: Revision,
    *,
    client: Client,
    namespace: str,
    environment: Mapping[str, str],
    deadline_s: float,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> bool:
    """Whether a pending revision that a killed child of ours left was marked as failed; False when it is not pending any more.

    To be asked by the holder of the lease only: a child of another holder is older than its deadline then. Raises
    ``RefusedError`` (LK516) for a revision that is not ours.
    """
    if environment.get("HELM_DRIVER", "secret") not in {"secret", "secrets", ""}:
        raise foreign(release, pending, namespace)
    secret = _secret(client, release, pending, namespace)
    if secret is None:
        return False
    number, machine, pid = _label(secret)
    if number != pending.number:
        raise foreign(release, pending, namespace)
    until = monotonic() + _wait_s(secret, machine=machine, pid=pid, deadline_s=deadline_s)
    while monotonic() < until:
        # A child that was asked to end writes by itself that it failed.
        if not next((r.pending for r in release.history() if r.number == pending.number), False):
            return False
        sleep(PAUSE_S)
    secret = _secret(client, release, pending, namespace)
    if secret is None:
        return False
    client.replace(_failed(secret))  # refused when anybody has written to it since
    return True


def mark_failed(name: str, number: int, *, client: Client, namespace: str) -> bool:
    """Whether a revision of release ``name`` that is pending was marked as failed, whoever began it; False: it is not pending.

    For one of which a person, or a long silence, says that no helm works on it. One that does after all writes its own end over
    the mark. Raises ``RefusedError`` where the record may not be read or written, or was written to meanwhile.
    """
    labels: dict[str, Any] = {"owner": "helm", "name": name, "version": str(number)}
    found = client.list(Secret, namespace=namespace, labels=labels)  # pyright: ignore[reportUnknownMemberType]
    secret = next((cast("dict[str, Any]", one.to_dict()) for one in found), None)  # pyright: ignore[reportUnknownMemberType]
    if secret is None or not str(within(secret, "metadata", "labels").get("status", "")).startswith("pending-"):
        return False
    client.replace(_failed(secret))  # refused when anybody has written to it since
    return True


def is_ours(release: Release, pending: Revision, *, client: Client, namespace: str) -> bool:
    """Whether a pending revision was begun by Lockage."""
    secret = _secret(client, release, pending, namespace)
    return secret is not None and _label(secret)[0] == pending.number


def foreign(release: Release, pending: Revision, namespace: str) -> RefusedError:
    """The refusal for an operation that is not ours."""
    return RefusedError(
        f"release {release.name} is {pending.status} in revision {pending.number}, which Lockage did not begin: "
        f"a helm may still be at work, or was killed in the middle",
        code="LK516",
        hint=f"when no helm works on it any more: kubectl -n {namespace} delete secret {secret_name(release, pending)}",
    )


def secret_name(release: Release, revision: Revision) -> str:
    """Where Helm keeps a revision. Source: helm 3.22.0 and 4.3.1, ``pkg/storage``."""
    return f"sh.helm.release.v1.{release.name}.v{revision.number}"


def _secret(client: Client, release: Release, revision: Revision, namespace: str) -> dict[str, Any] | None:
    """The record of a revision as long as it has the status that was seen."""
    labels: dict[str, Any] = {"owner": "helm", "name": release.name, "version": str(revision.number), "status": revision.status}
    found = client.list(Secret, namespace=namespace, labels=labels)  # pyright: ignore[reportUnknownMemberType] - lightkube's own
    return next((cast("dict[str, Any]", one.to_dict()) for one in found), None)  # pyright: ignore[reportUnknownMemberType]


def _label(secret: Mapping[str, Any]) -> tuple[int, str, int]:
    number, _, rest = str(within(secret, "metadata", "labels").get(LABEL, "")).partition(".")
    machine, _, pid = rest.partition(".")
    return (int(number), machine, int(pid)) if number.isdigit() and pid.isdigit() else (0, "", 0)


def _wait_s(secret: Mapping[str, Any], *, machine: str, pid: int, deadline_s: float) -> float:
    """Seconds until the child that made it has certainly ended."""
    if machine == _machine() and (pid == os.getpid() or not lives(pid)):
        # Its leash sees the death of its parent at once; and as we wait for our children, one with our number was of an
        # earlier process.
        return GRACE_S + MARGIN_S
    made = secret["metadata"]["creationTimestamp"]
    age_s = (datetime.now(UTC) - (made if isinstance(made, datetime) else datetime.fromisoformat(made))).total_seconds()
    return max(0.0, deadline_s + GRACE_S + MARGIN_S - max(0.0, age_s))


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _failed(secret: Mapping[str, Any]) -> Secret:
    """The record as Helm would have written it: its status, and the label by which Helm finds it."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    record = msgspec.json.decode(gzip.decompress(packed), type=dict[str, Any])
    record["info"] |= {"status": "failed", "description": "Upgrade failed: its helm was killed before it could say so"}
    content = base64.b64encode(base64.b64encode(gzip.compress(msgspec.json.encode(record)))).decode()
    labels = {**secret["metadata"]["labels"], "status": "failed"}
    changed = {**secret, "metadata": {**secret["metadata"], "labels": labels}, "data": {**secret["data"], "release": content}}
    return cast("Secret", Secret.from_dict(changed))  # pyright: ignore[reportUnknownMemberType]
