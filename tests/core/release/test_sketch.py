"""A first profile, written from what was seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.release.profile import ChartValues, DatabaseParts, parse_profile
from lockage.core.release.sketch import LedgerSeen, Seen, chart_values_in, database_in, profile_text

SEEN: dict[str, Any] = {
    "name": "shop",
    "workload": "shop-api",
    "namespace": "prod",
    "image": "registry.example.com/shop/api",
    "release": "1.2.3",
    "container": "api",
    "containers": 2,
}


def test_a_variable_with_a_url_is_found_by_its_content() -> None:
    variables = {"REDIS_URL": "redis://x", "X": "postgres://a:b@c/d", "HOME": "/"}
    found = database_in(variables)
    assert found is not None
    assert found.url_env == "X"


def test_of_several_urls_the_more_telling_name_is_taken() -> None:
    url = "postgresql+asyncpg://a:b@c/d"
    found = database_in({"REPORTING": url, "APP_POSTGRES_URL": url, "CACHE_DB_URL": url})
    assert found is not None
    assert found.url_env == "APP_POSTGRES_URL"


@pytest.mark.parametrize(
    ("variables", "parts", "default"),
    [
        (
            (
                "POSTGRESQL_HOST", "POSTGRESQL_PORT", "POSTGRESQL_USERNAME", "POSTGRESQL_PASSWORD", "POSTGRESQL_DATABASE",
                "REDIS_HOST",
            ),
            DatabaseParts(
                host="POSTGRESQL_HOST", port="POSTGRESQL_PORT", user="POSTGRESQL_USERNAME", password="POSTGRESQL_PASSWORD",
                database="POSTGRESQL_DATABASE",
            ),
            {},
        ),
        (
            ("DB_HOST", "DB_USER", "DB_NAME", "SMTP_HOST", "SMTP_USER"),
            DatabaseParts(host="DB_HOST", user="DB_USER", database="DB_NAME"),
            {},
        ),
        (
            ("PGHOST", "PGUSER", "PGPASSWORD"),
            DatabaseParts(host="PGHOST", user="PGUSER", password="PGPASSWORD"),
            {"database": "postgres"},
        ),
    ],
)  # fmt: skip
def test_parts_are_found_by_their_names(variables: tuple[str, ...], parts: DatabaseParts, default: dict[str, str]) -> None:
    found = database_in(dict.fromkeys(variables, "secret-value"))
    assert found is not None
    assert (found.parts, found.defaults) == (parts, default)


@pytest.mark.parametrize("variables", [{}, {"SMTP_HOST": "x", "SMTP_USER": "y"}, {"URL": "mysql://a"}, {"DB_HOST": "x"}])
def test_what_looks_like_no_address_is_none(variables: dict[str, str]) -> None:
    assert database_in(variables) is None


PROBE = {"enabled": True, "initialDelaySeconds": 0, "periodSeconds": 10}


def test_a_flat_charts_values_are_found() -> None:
    values = {
        "replicaCount": 3, "image": {"repository": "registry.example.com/shop/api", "tag": ""}, "livenessProbe": PROBE,
        "autoscaling": {"minReplicas": 1},
    }  # fmt: skip
    assert chart_values_in(values, image=SEEN["image"], release="1.2.3", replicas=3) == ChartValues(
        replicas="replicaCount", tag="image.tag", liveness="livenessProbe",
        liveness_fields=("initialDelaySeconds", "periodSeconds"), liveness_enabled="livenessProbe.enabled",
    )  # fmt: skip


def test_of_a_chart_with_many_workloads_those_near_the_image_are_taken() -> None:
    def part(name: str) -> dict[str, object]:
        image = {"repository": f"goharbor/{name}", "tag": "v2.13.0"}
        return {"image": image, "replicas": 2, "livenessProbe": {"initialDelaySeconds": 300}}

    values = {"nginx": part("nginx-photon"), "core": part("harbor-core"), "jobservice": part("harbor-jobservice")}
    assert chart_values_in(values, image="goharbor/harbor-core", release="2.13.0", replicas=2) == ChartValues(
        replicas="core.replicas", tag="core.image.tag", tag_format="v{release}", liveness="core.livenessProbe",
        liveness_fields=("initialDelaySeconds",),
    )  # fmt: skip


def test_without_a_number_of_replicas_nothing_is_said_of_a_chart() -> None:
    assert chart_values_in({"image": {"tag": "x"}}, image="x", release="1", replicas=1) is None


def test_what_is_written_is_a_profile_that_needs_a_person() -> None:
    text = profile_text(Seen(**SEEN))
    profile = parse_profile(text.encode(), file="x")
    assert (profile.name, profile.workload.image, profile.workload.container) == ("shop", SEEN["image"], "api")
    assert profile.restricting is None
    assert "# CHECK: no variable holds an address of PostgreSQL" in text
    assert "# CHECK: no table looks like a ledger" in text
    assert profile.helm is None


def test_what_was_seen_stands_in_it() -> None:
    text = profile_text(
        Seen(
            **{**SEEN, "containers": 1},
            labels={"app.kubernetes.io/name": "shop"},
            args=("server", "--dsn=postgres://a:hunter2@db/x", "later"),
            health_path="/ready",
            database=database_in({"DATABASE_URL": "postgres://a:hunter2@db/x"}),
            application_names=("shop/{replica}",),
            ledgers=(
                LedgerSeen(table="public.django_migrations", columns=("id", "app", "name", "applied")),
                LedgerSeen(table="audit.schema_migrations", columns=("version", "dirty")),
            ),
            chart="shop",
            chart_version="0.9.1",
            values=ChartValues(replicas="replicaCount", tag="image.tag"),
            problems=("the chart's values: there is\nno helm",),
        )
    )
    profile = parse_profile(text.encode(), file="x")
    assert "hunter2" not in text
    assert "its first arguments are: server. If" in text
    assert profile.database.url_env == "DATABASE_URL"
    assert profile.workload.application_name == "shop/{replica}"
    assert profile.workload.container is None
    assert (profile.migrations.ledger, profile.migrations.format) == ("audit.schema_migrations", "golang-migrate")
    assert "# It has the shape of golang-migrate." in text
    assert "# CHECK: public.django_migrations looks like a ledger too" in text
    assert profile.service.health_path == "/ready"
    assert profile.helm is not None
    assert (profile.helm.chart, profile.helm.values[0].replicas) == ("shop", "replicaCount")
    assert "CHECK: release 1.2.3 came with chart 0.9.1" in text
    assert "# Not seen: the chart's values: there is no helm" in text


@given(name=st.text(max_size=12), args=st.lists(st.text(max_size=8), max_size=3), problem=st.text(max_size=20))
def test_whatever_was_seen_it_is_valid_toml(name: str, args: list[str], problem: str) -> None:
    seen = Seen(
        **{**SEEN, "name": name, "image": name}, args=tuple(args), problems=(problem,), application_names=(name, problem),
        labels={name: problem},
    )  # fmt: skip
    assert parse_profile(profile_text(seen).encode(), file="x").name == name


@given(
    st.recursive(
        st.integers() | st.text(max_size=3) | st.none(), lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=3)
    )
)
def test_no_values_make_it_fall_over(values: object) -> None:
    if isinstance(values, dict):
        chart_values_in({**values, "replicas": 1}, image="x", release="1", replicas=1)
