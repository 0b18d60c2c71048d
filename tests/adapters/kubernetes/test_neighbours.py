"""Who else runs the same application on the same database, told without opening a Secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockage.adapters.kubernetes.neighbours import neighbours_of
from lockage.core.release.profile import DatabaseParts, DatabaseProfile
from support.fake_cluster import FakeCluster

URL = DatabaseProfile(url_env="DATABASE_URL")
PARTS = DatabaseProfile(parts=DatabaseParts(host="DB_HOST", user="DB_USER", database="DB_NAME"))


class Cluster(FakeCluster):
    """One whose objects are listed for all namespaces to nobody, or to us."""

    everywhere = False

    def send(self, method: str, path: str, **more: Any) -> bytes:
        if "/namespaces/" not in path:
            if not self.everywhere:
                self.forbidden.add("")
                return super().send(method, "/namespaces//", **more)
            kind = path.rpartition("/")[2]
            return json.dumps({"items": [one for key, one in self.objects.items() if key.startswith(f"{kind}/")]}).encode()
        return super().send(method, path, **more)


def runs(image: str = "app:1", **variables: object) -> dict[str, object]:
    env = [
        {"name": name, **({"value": value} if isinstance(value, str) else {"valueFrom": value})}
        for name, value in variables.items()
    ]
    return {"name": "app", "image": image, "env": env}


def of_secret(name: str = "db", key: str = "url") -> dict[str, object]:
    return {"secretKeyRef": {"name": name, "key": key}}


def found(cluster: FakeCluster, database: DatabaseProfile = URL) -> tuple[str, ...]:
    return neighbours_of(cluster, "shop", container="app", database=database)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.workload("shop", runs(DATABASE_URL=of_secret()))
    return made


def test_one_that_refers_to_the_same_key_of_the_same_secret_is_a_neighbour(cluster: Cluster) -> None:
    cluster.workload("copy", runs("app:2", DATABASE_URL=of_secret()))
    cluster.workload("set", runs(DATABASE_URL=of_secret()), resource="statefulsets")
    assert found(cluster) == ("Deployment/copy in shop", "StatefulSet/set in shop")
    assert not [asked for asked in cluster.asked if asked.startswith("secrets")]


@pytest.mark.parametrize(
    "other",
    [
        runs(DATABASE_URL=of_secret("another")),
        runs(DATABASE_URL=of_secret(key="replica")),
        runs("exporter:1", DATABASE_URL=of_secret()),
        runs(),
    ],
)
def test_another_database_another_image_or_none_is_none(cluster: Cluster, other: dict[str, object]) -> None:
    cluster.workload("other", other)
    assert found(cluster) == ()


def test_one_that_is_scaled_to_zero_is_none(cluster: Cluster) -> None:
    cluster.workload("copy", runs(DATABASE_URL=of_secret()))["spec"]["replicas"] = 0
    assert found(cluster) == ()


def test_addresses_in_plain_text_are_compared_by_host_and_database_and_not_by_password() -> None:
    cluster = Cluster()
    cluster.workload("shop", runs(DATABASE_URL="postgres://a:b@db.example/shop"))
    cluster.workload("copy", runs(DATABASE_URL="postgres://c:d@db.example:5432/shop?sslmode=require"))
    cluster.workload("other", runs(DATABASE_URL="postgres://a:b@db.example/other"))
    assert found(cluster) == ("Deployment/copy in shop",)


def test_addresses_in_parts_are_compared_by_all_that_say_where() -> None:
    cluster = Cluster()
    cluster.workload("shop", runs(DB_HOST="db", DB_USER="a", DB_NAME="x"))
    cluster.workload("copy", runs(DB_HOST="db", DB_USER="b", DB_NAME="x"))
    cluster.workload("other", runs(DB_HOST="db", DB_USER="a", DB_NAME="y"))
    assert found(cluster, PARTS) == ("Deployment/copy in shop",)


def test_one_in_another_namespace_counts_where_we_may_look_and_its_short_host_is_its_own() -> None:
    cluster = Cluster()
    cluster.everywhere = True
    cluster.workload("shop", runs(DATABASE_URL="postgres://db.shop.svc/x"))
    cluster.workload("copy", runs(DATABASE_URL="postgres://db.shop.svc/x"))["metadata"]["namespace"] = "staging"
    cluster.workload("other", runs(DATABASE_URL="postgres://db/x"))["metadata"]["namespace"] = "staging"
    assert found(cluster) == ("Deployment/copy in staging",)
