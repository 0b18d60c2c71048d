"""A deployment on Kubernetes, found by flags and profile, and its database, from wherever its replicas have the address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import lightkube
import psycopg
import pytest
from lightkube.models.core_v1 import (
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    HostAlias,
    KeyToPath,
    SecretEnvSource,
    SecretKeySelector,
    SecretVolumeSource,
    ServicePort,
    ServiceSpec,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Secret, Service
from psycopg.conninfo import conninfo_to_dict

from e2e.cluster.whole import Cluster
from e2e.installed import Installed
from e2e.on_cluster import OnCluster, deployment, eventually, towpath, until_ready
from e2e.rights import granted
from lockage.adapters.kubernetes import relay_program
from lockage.adapters.postgres.embedded import Server
from lockage.core.release.profile import parse_profile
from lockage.interfaces.cli.main import run

pytestmark = pytest.mark.e2e

TOWPATH = resources.files("lockage").joinpath("profiles", "towpath.toml").read_text()
URL_ENV = 'url_env = "TOWPATH_PG_CONNECTION_URL"'


class Shop:
    """A deployment in a namespace of its own, asked about on the command line."""

    def __init__(self, cluster: OnCluster, kube: lightkube.Client, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.kube = kube
        self.said = ""
        self.allowed: tuple[str, ...] = ()  # more arguments for ``lockage rbac``
        self._cluster = cluster
        self._folder = folder
        self._capsys = capsys

    def confined(self, *where: str) -> tuple[str, ...]:
        """The arguments that say where it is, with the right to look at that and no more."""
        where = ("-n", str(self.kube.namespace), *where)
        asked = ("shop", *where, *self.allowed, "--read-only")
        return (*where, "--kubeconfig", str(granted(self.kube, self._cluster.kubeconfig, *asked, folder=self._folder)))

    def ask(self, command: str, *where: str, more: tuple[str, ...] = ()) -> int:
        """The exit code of a command about it; ``where`` says where it is, beside the namespace."""
        environment = {"LOCKAGE_HOME": str(self._folder / "home")}
        return run((command, "shop", *self.confined(*where), *more), environment=environment)

    def survey(self, *where: str) -> dict:
        """What a survey says, after it has ended well."""
        code = self.ask("survey", *where, more=("--json",))
        out, self.said = self._capsys.readouterr()
        assert code == 0, self.said
        return json.loads(out.splitlines()[-1])

    def refused(self, *where: str) -> dict:
        """What is said where there is no survey."""
        code = self.ask("survey", *where, more=("--json",))
        _, self.said = self._capsys.readouterr()
        failure = json.loads(self.said.splitlines()[-1])
        assert code == failure["exit_code"]
        return failure

    def profile(self, database: str, **changes: str) -> str:
        """A file like towpath's profile, with another ``[database]``."""
        text = TOWPATH.replace(URL_ENV, database)
        for before, after in changes.items():
            text = text.replace(before, after)
        file = self._folder / "other.toml"
        file.write_text(text)
        return str(file)


@pytest.fixture
def shop(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(cluster, kube, tmp_path, capsys)


def resting(url: str) -> Deployment:
    """towpath without replicas: what is read of it is its template."""
    return towpath(url, "2.26.0", replicas=0)


def container(made: Deployment) -> Container:
    return made.spec.template.spec.containers[0]


def without_url(made: Deployment, *instead: EnvVar) -> Deployment:
    kept = [variable for variable in container(made).env if variable.name != "TOWPATH_PG_CONNECTION_URL"]
    container(made).env = [*instead, *kept]
    return made


def secret(kube: lightkube.Client, name: str, **values: str) -> None:
    kube.create(Secret(metadata=ObjectMeta(name=name), stringData=dict(values)))


def database_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


def test_flags_alone_are_enough_for_a_survey(shop: Shop, pods_database: str) -> None:
    shop.kube.create(towpath(pods_database, "2.26.0", replicas=2))
    until_ready(shop.kube, "towpath", replicas=2)
    seen = shop.survey()
    assert seen["profile"] == "towpath"
    assert seen["workload"]["name"] == "towpath"
    assert seen["ledger"]["version"] == 12
    assert owners(seen) == {replica["name"] for replica in seen["replicas"]}
    assert "Deployment/towpath in namespace" in shop.said
    assert "fits profile towpath" in shop.said


def owners(seen: Mapping) -> set[str]:
    return {session["replica"] for session in seen["sessions"] if session["replica"]}


# --- where the address is ---------------------------------------------------------------------------------------------


def test_the_address_is_in_a_secret(shop: Shop, pods_database: str) -> None:
    secret(shop.kube, "db", url=f"{pods_database}\n")
    source = EnvVarSource(secretKeyRef=SecretKeySelector(name="db", key="url"))
    shop.kube.create(without_url(resting(""), EnvVar(name="TOWPATH_PG_CONNECTION_URL", valueFrom=source)))
    assert shop.survey()["database"]["database"] == database_of(pods_database)


def test_the_address_is_one_of_many_variables_of_a_secret(shop: Shop, pods_database: str) -> None:
    secret(shop.kube, "all", PG_CONNECTION_URL=pods_database, OTHER="x")
    made = without_url(resting(""))
    container(made).envFrom = [EnvFromSource(prefix="TOWPATH_", secretRef=SecretEnvSource(name="all"))]
    shop.kube.create(made)
    assert shop.survey()["database"]["database"] == database_of(pods_database)


def test_the_address_is_made_of_other_variables(shop: Shop, pods_database: str) -> None:
    parts = conninfo_to_dict(pods_database)
    secret(shop.kube, "db", password=str(parts["password"]))
    password = EnvVarSource(secretKeyRef=SecretKeySelector(name="db", key="password"))
    url = pods_database.replace(str(parts["password"]), "$(DB_PASSWORD)")
    shop.kube.create(
        without_url(
            resting(""), EnvVar(name="DB_PASSWORD", valueFrom=password), EnvVar(name="TOWPATH_PG_CONNECTION_URL", value=url)
        )
    )
    assert shop.survey()["database"]["database"] == database_of(pods_database)


def test_the_address_is_in_a_mounted_file(shop: Shop, pods_database: str) -> None:
    secret(shop.kube, "db", address=f"{pods_database}\n")
    made = without_url(resting(""))
    container(made).volumeMounts = [VolumeMount(name="address", mountPath="/run/secrets/db")]
    source = SecretVolumeSource(secretName="db", items=[KeyToPath(key="address", path="url")])
    made.spec.template.spec.volumes = [Volume(name="address", secret=source)]
    shop.kube.create(made)
    profile = shop.profile('url_file = "/run/secrets/db/url"')
    assert shop.survey("--profile", profile)["database"]["database"] == database_of(pods_database)


def test_the_address_is_in_parts(shop: Shop, pods_database: str) -> None:
    parts = conninfo_to_dict(pods_database)
    secret(shop.kube, "db", password=str(parts["password"]))
    password = EnvVarSource(secretKeyRef=SecretKeySelector(name="db", key="password"))
    variables = {"PG_HOST": parts["host"], "PG_PORT": parts["port"], "PG_USER": parts["user"]}
    values = [EnvVar(name=name, value=str(value)) for name, value in variables.items()]
    shop.kube.create(without_url(resting(""), *values, EnvVar(name="PG_PASSWORD", valueFrom=password)))
    profile = shop.profile(
        'parts = { host = "PG_HOST", port = "PG_PORT", user = "PG_USER", password = "PG_PASSWORD" }\n'
        f'defaults = {{ database = "{parts["dbname"]}" }}'
    )
    assert shop.survey("--profile", profile)["database"]["database"] == database_of(pods_database)


# --- the way to it ----------------------------------------------------------------------------------------------------


@pytest.fixture
def inner_database(shop: Shop, pods_database: str) -> str:
    """URL of a database at a Service of the namespace, which resolves in the shop's pods only."""
    parts = conninfo_to_dict(pods_database)
    program = Path(relay_program.__file__).read_text()
    words = ["7000", f"5432={parts['host']}:{parts['port']}"]
    # It ends without signs of life; this one shall live as long as the namespace.
    command = ["python3", "-c", program.replace("SILENCE_S = 60.0", "SILENCE_S = 1e6"), *words]
    shop.kube.create(
        deployment("db", Container(name="db", image="towpath:2.26.0", imagePullPolicy="IfNotPresent", command=command))
    )
    shop.kube.create(
        Service(
            metadata=ObjectMeta(name="db"),
            spec=ServiceSpec(selector={"app.kubernetes.io/instance": "db"}, ports=[ServicePort(port=6000, targetPort=5432)]),
        )
    )
    until_ready(shop.kube, "db")
    return f"postgresql://{parts['user']}:{parts['password']}@db:6000/{parts['dbname']}"


def aliased(shop: Shop, made: Deployment) -> Deployment:
    address = shop.kube.get(Service, "db").spec.clusterIP
    made.spec.template.spec.hostAliases = [HostAlias(ip=address, hostnames=["db"])]
    return made


def test_a_service_of_the_cluster_is_reached_by_port_forward(shop: Shop, inner_database: str) -> None:
    shop.kube.create(aliased(shop, towpath(inner_database, "2.26.0", replicas=2)))
    until_ready(shop.kube, "towpath", replicas=2)
    seen = shop.survey("--selector", "app.kubernetes.io/instance=towpath")
    assert seen["ledger"]["version"] == 12
    assert "reached by kubectl port-forward" in shop.said
    # What PostgreSQL sees of the replicas is the address of what stands between; their names are their own.
    assert owners(seen) == {replica["name"] for replica in seen["replicas"] if replica["name"].startswith("towpath-")}
    assert not [session for session in seen["sessions"] if session["orphan"]]
    assert shop.ask("forecast", "--selector", "app.kubernetes.io/instance=towpath", more=("--to", "2.26.6")) == 0


@contextmanager
def refusing_the_host(server: Server, database: str, host: str) -> Iterator[None]:
    """While it lasts, only pods may log in to the database."""
    rules = server.data_dir / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host {database} all {host}/32 reject\n{before}")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            rules.write_text(before)
            admin.execute("select pg_reload_conf()")


def test_a_database_that_only_pods_reach_is_reached_through_a_pod_which_is_gone_afterwards(
    shop: Shop, pods_database: str, pods_server: Server, own_cluster: Cluster
) -> None:
    shop.kube.create(towpath(pods_database, "2.26.0"))
    until_ready(shop.kube, "towpath")
    shop.allowed = ("--reach", "pod")
    with refusing_the_host(pods_server, database_of(pods_database), own_cluster.network.host):
        failure = shop.refused("--reach", "auto", "--relay-image", "nowhere.invalid/none:1")
        assert failure["code"] == "LK537"
        for way in (
            "directly: ",
            "by kubectl port-forward: no Service or Pod",
            "through a pod of ours: the pod lockage-relay-",
        ):
            assert way in failure["message"]
        seen = shop.survey("--relay-image", "towpath:2.26.0")
    assert seen["ledger"]["version"] == 12
    assert "reached through a pod of ours" in shop.said
    assert len(owners(seen)) == 1
    eventually(
        lambda: not [pod for pod in shop.kube.list(Pod) if pod.metadata.name.startswith("lockage-relay")], "the relay is gone"
    )


# --- a profile of what nobody has written one for ---------------------------------------------------------------------


def test_a_profile_is_written_from_what_runs_and_holds_no_secret(shop: Shop, installed: Installed, tmp_path: Path) -> None:
    installed.install(replicas=1, rows=10)
    file = tmp_path / "mine.toml"
    where = shop.confined("--helm", str(installed.helm), "--chart", "x")
    environment = {"LOCKAGE_HOME": str(tmp_path / "home")}
    assert run(("profile", "init", "shop", *where, "-o", str(file)), environment=environment) == 0
    text = file.read_text()
    assert str(conninfo_to_dict(installed.database)["password"]) not in text
    assert "Not seen" not in text
    profile = parse_profile(text.encode(), file=str(file))
    assert profile.workload.image == "towpath"
    assert profile.workload.application_name == "towpath/{replica}"
    assert profile.database.url_env == "TOWPATH_PG_CONNECTION_URL"
    assert (profile.migrations.ledger, profile.migrations.format) == ("public.schema_migrations", "golang-migrate")
    assert profile.service.health_path == "/healthz"
    assert profile.helm is not None
    assert profile.helm.chart == "towpath"
    (values,) = profile.helm.values
    assert (values.replicas, values.tag, values.liveness) == (
        "towpath.replicaCount", "towpath.image.tag", "towpath.livenessProbe",
    )  # fmt: skip
    assert values.liveness_enabled == "towpath.livenessProbe.enabled"
    assert run(("profile", "check", str(file)), environment=environment) == 0
    seen = shop.survey("--profile", str(file))
    assert seen["ledger"]["version"] == 12
    assert owners(seen) == {replica["name"] for replica in seen["replicas"]}
