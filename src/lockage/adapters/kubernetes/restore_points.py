"""What the deployment's namespace shows of backups: VolumeSnapshots, and CloudNativePG's Backups and ScheduledBackups.

Not for other namespaces, whose snapshots are somebody else's. The surprising thing: a kind that the cluster does not serve is
nothing, and one that may not be listed is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from lockage.adapters.kubernetes.failure import ForbiddenError
from lockage.adapters.kubernetes.raw import Anything, Asking, api_groups, at, listed
from lockage.core.recovery.restore_points import RestorePoint, RestorePoints

SNAPSHOTS = "snapshot.storage.k8s.io"
CLOUD_NATIVE_PG = "postgresql.cnpg.io"


def read_backup_objects(client: Asking) -> RestorePoints:
    """What is seen of the client's namespace. Raises as the client does when nothing answers."""
    groups, seen, missing = api_groups(client), list[RestorePoint](), list[str]()
    for group, plural, read in _KINDS:
        if group not in groups:
            continue
        try:
            for each in listed(client, f"/apis/{group}/{groups[group]}/namespaces/{client.namespace}/{plural}"):
                seen.extend(read(each))
        except ForbiddenError as error:
            missing.append(f"{plural} ({error.message})")
    return RestorePoints(seen=tuple(seen), missing=tuple(missing))


def _snapshot(each: Anything) -> Iterator[RestorePoint]:
    volume = at(each.spec, "source", "persistentVolumeClaimName") or "a volume"
    ready = "ready" if at(each.status, "readyToUse") else "not ready"
    made = _when(each.status, "creationTime")
    text = f"of {volume}, {ready}{_said(made)}"
    yield RestorePoint(source="VolumeSnapshot", name=each.metadata.name, text=text, at=made)


def _backup(each: Anything) -> Iterator[RestorePoint]:
    cluster, phase = at(each.spec, "cluster", "name") or "a cluster", at(each.status, "phase") or "not begun"
    ended = _when(each.status, "stoppedAt")
    text = f"of {cluster}, {phase}{_said(ended)}"
    yield RestorePoint(source="Backup", name=each.metadata.name, text=text, at=ended)


def _scheduled(each: Anything) -> Iterator[RestorePoint]:
    cluster, suspended = at(each.spec, "cluster", "name") or "a cluster", at(each.spec, "suspend") is True
    last = _when(each.status, "lastScheduleTime")
    when = "suspended" if suspended else f"by {at(each.spec, 'schedule') or 'no schedule'}"
    text = f"of {cluster}, {when}" + (f", last begun{_said(last)}" if last is not None else ", never begun yet")
    yield RestorePoint(source="ScheduledBackup", name=each.metadata.name, text=text)


def _when(status: Mapping[str, object], key: str) -> datetime | None:
    try:
        return datetime.fromisoformat(str(at(status, key)))
    except ValueError:
        return None


def _said(when: datetime | None) -> str:
    return f" {when:%Y-%m-%d %H:%M:%S} UTC" if when is not None else ""


_KINDS: tuple[tuple[str, str, Callable[[Anything], Iterator[RestorePoint]]], ...] = (
    (SNAPSHOTS, "volumesnapshots", _snapshot),
    (CLOUD_NATIVE_PG, "backups", _backup),
    (CLOUD_NATIVE_PG, "scheduledbackups", _scheduled),
)
"""Source: external-snapshotter v8 (snapshot.storage.k8s.io/v1), CloudNativePG 1.26 (postgresql.cnpg.io/v1)."""
