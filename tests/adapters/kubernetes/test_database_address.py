"""The database's address, from what applications take for one to what libpq understands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from lockage.adapters.kubernetes.database_address import Address, database_address, understood, with_files
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.objects import list_workloads
from lockage.core.release.profile import DatabaseParts, DatabaseProfile
from lockage.errors import RefusedError
from support.fake_cluster import FakeCluster

URL = "postgresql://app:pw@db.example.com:5433/shop"


def address(profile: DatabaseProfile, /, **variables: str) -> Address:
    return database_address(environment(**variables), profile)


def environment(**variables: str) -> Environment:
    cluster = FakeCluster()
    cluster.workload("api", {"name": "main", "env": [{"name": name, "value": value} for name, value in variables.items()]})
    (workload,) = list_workloads(cluster, "Deployment")
    return Environment(cluster, workload, workload.spec.template.spec.containers[0])


def refused(profile: DatabaseProfile, /, **variables: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        address(profile, **variables)
    return caught.value


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (URL, URL),
        (f"  {URL}\n", URL),
        (URL.replace("postgresql", "postgres"), URL),
        (URL.replace("postgresql", "postgresql+asyncpg"), URL),
        (URL.replace("postgresql", "psql"), URL),
        (f"jdbc:{URL}", URL),
        (f"{URL}?sslmode=require&connect_timeout=3", f"{URL}?sslmode=require&connect_timeout=3"),
        (f"{URL}?options=-c%20search_path%3Dx", f"{URL}?options=-c%20search_path%3Dx"),
        ("host=db dbname=shop user=app", "host=db dbname=shop user=app"),
    ],
)
def test_an_address_of_any_dialect_is_understood(written: str, url: str) -> None:
    found = address(DatabaseProfile(url_env="DB"), DB=written)
    assert (found.url, found.left_out) == (url, ())
    assert conninfo_to_dict(found.url)


def test_settings_of_pools_are_left_out_and_said() -> None:
    found = address(DatabaseProfile(url_env="DB"), DB=f"{URL}?pool_max_conns=10&sslmode=disable&binary_parameters=yes")
    assert found.url == f"{URL}?sslmode=disable"
    assert found.left_out == ("pool_max_conns", "binary_parameters")


def test_where_it_was_found_is_said() -> None:
    assert (
        address(DatabaseProfile(url_env="DB"), DB=URL).origin == "variable DB of container main of Deployment/api (its value)"
    )


@pytest.mark.parametrize("written", ["mysql://app:hunter2@db/x", "hunter2", "sqlite:///hunter2.db"])
def test_what_is_no_address_is_refused_without_showing_it(written: str) -> None:
    error = refused(DatabaseProfile(url_env="DB"), DB=written)
    assert error.code == "LK536"
    assert "hunter2" not in error.message + str(error.hint)
    assert error.message.startswith("variable DB of container main of Deployment/api (its value) is no address of a PostgreSQL")


def test_parts_make_an_address() -> None:
    parts = DatabaseParts(host="H", port="P", user="U", password="PW", database="D", sslmode="S")
    variables = {"H": "db", "P": "6432", "U": "app", "PW": "p@/:?#% w", "D": "shop", "S": "require"}
    found = conninfo_to_dict(address(DatabaseProfile(parts=parts), **variables).url)
    assert found == {
        "host": "db", "port": "6432", "user": "app", "password": "p@/:?#% w", "dbname": "shop", "sslmode": "require",
    }  # fmt: skip


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=20))
def test_whatever_a_password_holds_arrives(password: str) -> None:
    parts = DatabaseParts(host="H", user="U", password="PW", database="D")
    found = address(DatabaseProfile(parts=parts), H="db", U="app", PW=password, D="shop")
    assert conninfo_to_dict(found.url)["password"] == password


def test_what_no_variable_says_is_as_the_profile_says() -> None:
    profile = DatabaseProfile(parts=DatabaseParts(host="H", port="P", user="U"), defaults={"database": "registry", "port": "1"})
    assert address(profile, H="db", U="app").url == "postgresql://app@db:1/registry"
    assert address(profile, H="fd00::7", U="app", P="2").url == "postgresql://app@[fd00::7]:2/registry"


def test_all_places_that_were_looked_at_are_named() -> None:
    profile = DatabaseProfile(url_env="DB", url_file="/run/$(WHERE)", parts=DatabaseParts(host="H", user="U", database="D"))
    error = refused(profile, DB="", WHERE="url", H="db")
    assert error.code == "LK534"
    where = "container main of Deployment/api"
    assert error.message == (
        f"the database's address is not where the profile says: variable DB of {where} is empty; "
        f"no Secret or ConfigMap brings file /run/url into {where}; U, D of {where} are not set"
    )
    assert error.hint == "correct database in the profile, or give --database URL"


def test_another_kind_of_database_is_refused() -> None:
    profile = DatabaseProfile(url_env="DB", requires={"DB_TYPE": "postgres"})
    assert address(profile, DB=URL).url == URL
    assert address(profile, DB=URL, DB_TYPE="postgres").url == URL
    error = refused(profile, DB=URL, DB_TYPE="mysql")
    assert (error.code, "'mysql' and not 'postgres'" in error.message) == ("LK536", True)


def test_a_token_is_asked_for_where_the_replicas_do() -> None:
    command = ("aws", "rds", "generate-db-auth-token")
    profile = DatabaseProfile(url_env="DB", password_command=command, password_command_when={"CODER_PG_AUTH": "awsiamrds"})
    assert address(profile, DB=URL, CODER_PG_AUTH="awsiamrds").command == command
    assert address(profile, DB=URL, CODER_PG_AUTH="password").command == ()
    assert address(profile, DB=URL).command == ()


@pytest.mark.parametrize(
    "written",
    [
        f"{URL}?sslmode=verify-full&sslrootcert=/certs/ca.crt&sslkey=/certs/client.key",
        "host=db sslmode=verify-full sslrootcert=/certs/ca.crt sslkey=/certs/client.key",
    ],
)
def test_certificates_of_the_container_are_brought_here(tmp_path: Path, written: str) -> None:
    mounted = {"/certs/ca.crt": b"CA", "/certs/client.key": b"KEY"}
    url = with_files(written, mounted.get, folder=tmp_path)
    found: dict[str, Any] = conninfo_to_dict(url)
    assert Path(found["sslrootcert"]).read_bytes() == b"CA"
    assert Path(found["sslkey"]).stat().st_mode & 0o077 == 0
    assert found["sslmode"] == "verify-full"
    assert with_files(f"{URL}?sslrootcert=system", mounted.get, folder=tmp_path) == f"{URL}?sslrootcert=system"


def test_a_certificate_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RefusedError, match="sslrootcert of the database's address is a file of the container that no"
    ) as caught:
        with_files(f"{URL}?sslrootcert=/opt/image/ca.crt", lambda _: None, folder=tmp_path)
    assert caught.value.code == "LK536"


@given(st.text(max_size=40))
def test_no_text_makes_it_fall_over(text: str) -> None:
    try:
        understood(text, origin="variable DB")
    except RefusedError as error:
        assert error.code == "LK536"  # noqa: PT017 - most texts are refused, some are not
