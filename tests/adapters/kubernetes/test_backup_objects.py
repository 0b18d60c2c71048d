"""Snapshots and backups of a namespace, as far as they may be listed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lockage.adapters.kubernetes.restore_points import read_backup_objects
from support.fake_cluster import FakeCluster

GROUPS = {"snapshot.storage.k8s.io": "v1", "postgresql.cnpg.io": "v1"}


class WithGroups(FakeCluster):
    """A cluster that serves these API groups."""

    def __init__(self, groups: Mapping[str, str] = GROUPS) -> None:
        super().__init__()
        self.groups = groups

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        if path == "/apis":
            served = [{"name": name, "preferredVersion": {"version": version}} for name, version in self.groups.items()]
            return json.dumps({"groups": served}).encode()
        return super().send(method, path, body=body, params=params)


def filled() -> WithGroups:
    cluster = WithGroups()
    cluster.add(
        "volumesnapshots", "nightly", spec={"source": {"persistentVolumeClaimName": "pg-1"}},
        status={"readyToUse": True, "creationTime": "2026-11-22T03:00:00Z"},
    )  # fmt: skip
    cluster.add(
        "backups", "shop-1", spec={"cluster": {"name": "shop"}},
        status={"phase": "completed", "stoppedAt": "2026-11-22T04:00:00Z"},
    )  # fmt: skip
    cluster.add("scheduledbackups", "shop", spec={"cluster": {"name": "shop"}, "schedule": "0 0 4 * * *"}, status={})
    return cluster


def test_each_kind_is_told_with_what_it_is_of() -> None:
    assert [(p.source, p.name, p.text) for p in read_backup_objects(filled()).seen] == [
        ("VolumeSnapshot", "nightly", "of pg-1, ready 2026-11-22 03:00:00 UTC"),
        ("Backup", "shop-1", "of shop, completed 2026-11-22 04:00:00 UTC"),
        ("ScheduledBackup", "shop", "of shop, by 0 0 4 * * *, never begun yet"),
    ]


def test_a_kind_that_may_not_be_listed_is_unknown_and_the_others_are_told() -> None:
    cluster = filled()
    cluster.forbidden.add("volumesnapshots")
    found = read_backup_objects(cluster)
    assert [p.source for p in found.seen] == ["Backup", "ScheduledBackup"]
    assert found.missing == ("volumesnapshots (our identity may not get volumesnapshots in namespace shop)",)


def test_a_cluster_without_these_kinds_is_asked_for_none() -> None:
    cluster = WithGroups({})
    assert read_backup_objects(cluster).seen == ()
    assert cluster.asked == []
