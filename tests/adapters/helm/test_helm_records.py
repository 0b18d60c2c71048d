"""Helm's history read without ``helm``."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from lockage.adapters.helm.records import UNPACKED, history
from lockage.adapters.helm.revisions import MARK
from support.fake_cluster import FakeCluster


def keep(cluster: FakeCluster, number: int, status: str, *, release: str | None = None, **info: Any) -> None:
    """One record, as Helm keeps it."""
    record = {"chart": {"metadata": {"name": "shop", "version": f"1.{number}.0"}}, "info": info}
    packed = base64.b64encode(gzip.compress(json.dumps(record).encode())).decode() if release is None else release
    cluster.secret(f"sh.helm.release.v1.shop.v{number}", release=packed)
    labels = {"owner": "helm", "name": "shop", "version": str(number), "status": status}
    cluster.objects[f"secrets/sh.helm.release.v1.shop.v{number}"]["metadata"]["labels"] = labels


def test_revisions_come_oldest_first_with_what_their_records_say() -> None:
    cluster = FakeCluster()
    keep(cluster, 10, "pending-upgrade", description="Preparing upgrade", last_deployed="2026-11-22T20:00:00.123456789Z")
    keep(cluster, 9, "deployed", description=f"Upgrade complete{MARK}{{}}", last_deployed="2026-11-21T20:00:00Z")
    first, second = history(cluster, "shop", "shop")
    assert (first.revision, first.status, first.chart, first.description) == (9, "deployed", "shop-1.9.0", "Upgrade complete")
    assert (second.revision, second.status) == (10, "pending-upgrade")
    assert second.updated_at is not None


def test_a_record_that_is_not_understood_leaves_its_number_and_status() -> None:
    cluster = FakeCluster()
    keep(cluster, 1, "failed", release="no gzip")
    (only,) = history(cluster, "shop", "shop")
    assert (only.revision, only.status, only.chart, only.updated_at) == (1, "failed", "", None)


def test_only_the_newest_are_unpacked_and_another_releases_are_not_there() -> None:
    cluster = FakeCluster()
    for number in range(1, UNPACKED + 3):
        keep(cluster, number, "superseded")
    found = history(cluster, "shop", "shop")
    assert [bool(one.chart) for one in found] == [False, False, *([True] * UNPACKED)]
    assert history(cluster, "shop", "another") == ()
