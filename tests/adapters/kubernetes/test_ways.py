"""The ways to a database: which are tried, what is said of each, and a kubectl that dies."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from lockage.adapters.kubernetes.client import Place
from lockage.adapters.kubernetes.cluster_hosts import Target, is_loopback, leads_there, target_of
from lockage.adapters.kubernetes.objects import PodObject, WorkloadObject, list_pods
from lockage.adapters.kubernetes.port_forward import Kubectl, port_forward
from lockage.adapters.kubernetes.ways import Reach, Ways, reached
from lockage.errors import LockageError, RefusedError, UnreachableError
from support.fake_cluster import FakeCluster

KUBECTL = """#!{python}
import os, socket, sys, time
here = os.path.dirname(__file__)
with open(here + "/calls", "a") as calls:
    calls.write(" ".join([str(os.getpid()), os.environ.get("KUBECONFIG", "")] + sys.argv[1:]) + "\\n")
if os.path.exists(here + "/broken"):
    print("error: " + open(here + "/broken").read(), file=sys.stderr)
    sys.exit(1)
local, _, port = sys.argv[-1].partition(":")
listener = socket.create_server(("127.0.0.1", int(local or 0)))
print(f"Forwarding from 127.0.0.1:{{listener.getsockname()[1]}} -> {{port}}", flush=True)
while True:
    listener.accept()[0].close()
"""

LIMIT_S = 15.0


class FakeKubectl:
    """A program in kubectl's place, which listens and leads nowhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "kubectl"
        program.write_text(KUBECTL.format(python=sys.executable))
        program.chmod(0o755)

    def __call__(self, *, context: str | None = None) -> Kubectl:
        place = Place(server="https://x", namespace="shop", context=context, kubeconfigs=(Path("/a"), Path("/b")))
        return Kubectl(place=place, leash=(), environment={"PATH": str(self.folder)})

    def calls(self) -> list[list[str]]:
        file = self.folder / "calls"
        return [line.split(" ") for line in file.read_text().splitlines()] if file.exists() else []

    def pid(self) -> int:
        return int(self.calls()[-1][0])


@pytest.fixture
def kubectl(tmp_path: Path) -> FakeKubectl:
    return FakeKubectl(tmp_path)


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.add("services", "db", spec={"clusterIPs": ["10.3.0.7"], "selector": {"app": "db"}, "ports": [{"port": 5432}]})
    found.add("services", "outside", spec={"clusterIPs": ["10.3.0.8"], "ports": [{"port": 5432}]})
    found.add("services", "alias", spec={"type": "ExternalName", "externalName": "db.example.com"})
    found.add("services", "headless", spec={"clusterIPs": ["None"], "selector": {"app": "db"}})
    found.add("pods", "db-0", metadata={"labels": {"app": "db"}}, status={"phase": "Running", "podIP": "10.4.0.9"})
    return found


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


# --- what has the address -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["db", "db.shop", "db.shop.svc", "db.shop.svc.cluster.local", "db.shop.svc.corp.example.", "10.3.0.7"]
)
def test_a_service_is_known_by_all_its_names(cluster: FakeCluster, host: str) -> None:
    assert target_of(cluster, host) == Target(namespace="shop", object="service/db", addresses=("10.3.0.7",))


@pytest.mark.parametrize("host", ["db-0.headless.shop.svc.cluster.local", "db-0.headless", "10.4.0.9"])
def test_a_pod_is_known_by_its_address_and_its_name_under_a_service(cluster: FakeCluster, host: str) -> None:
    assert target_of(cluster, host) == Target(namespace="shop", object="pod/db-0", addresses=("10.4.0.9",))


@pytest.mark.parametrize("host", ["db.example.com", "prod.abc.eu-west-1.rds.amazonaws.com", "10.9.9.9", "none", "a_b"])
def test_an_address_outside_is_nobodys(cluster: FakeCluster, host: str) -> None:
    assert target_of(cluster, host) is None


@pytest.mark.parametrize(
    ("host", "problem"), [("outside", "it has no pods of its own"), ("alias", "it stands for db.example.com")]
)
def test_a_service_without_pods_says_why_nothing_is_forwarded_to_it(cluster: FakeCluster, host: str, problem: str) -> None:
    found = target_of(cluster, host)
    assert found is not None
    assert found.problem == problem


def test_a_headless_service_has_the_addresses_of_its_pods(cluster: FakeCluster) -> None:
    found = target_of(cluster, "headless")
    assert found is not None
    assert (found.addresses, found.problem) == (("10.4.0.9",), None)


@pytest.mark.parametrize(
    ("host", "loopback"), [("localhost", True), ("127.0.0.1", True), ("::1", True), ("/tmp", True), ("", True), ("db", False)]
)
def test_a_loopback_address_is_the_replica_itself(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_name_that_means_another_machine_here_does_not_lead_there() -> None:
    there = Target(namespace="shop", object="service/localhost", addresses=("10.3.0.7",))
    assert not leads_there("localhost", there)
    assert not leads_there("no-such-name.invalid", there)
    assert leads_there("127.0.0.1", Target(namespace="shop", object="service/x", addresses=("127.0.0.1",)))
    assert leads_there("127.0.0.1", Target(namespace="shop", object="service/x", alias="127.0.0.1"))
    assert not leads_there("127.0.0.1", Target(namespace="shop", object="service/x", alias="127.0.0.2"))
    assert leads_there("127.0.0.1", Target(namespace="shop", object="service/x"))  # nobody says where it leads there


# --- kubectl port-forward -------------------------------------------------------------------------------------------


@pytest.mark.real
def test_a_forward_has_our_cluster_and_ends_with_its_context(kubectl: FakeKubectl) -> None:
    with port_forward(kubectl(context="prod"), namespace="shop", target="service/db", port=5432) as port:
        socket.create_connection(("127.0.0.1", port)).close()
        pid, kubeconfig, *arguments = kubectl.calls()[0]
    assert kubeconfig == "/a:/b"
    assert " ".join(arguments) == "--context prod port-forward --namespace shop --address 127.0.0.1 service/db :5432"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.real
def test_a_forward_that_dies_comes_back_on_the_same_port(kubectl: FakeKubectl) -> None:
    with port_forward(kubectl(), namespace="shop", target="service/db", port=5432) as port:
        os.kill(kubectl.pid(), signal.SIGKILL)
        eventually(lambda: len(kubectl.calls()) == 2)
        assert kubectl.calls()[1][-1] == f"{port}:5432"
        eventually(lambda: answers(port))


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.real
def test_a_forward_that_is_not_allowed_says_what_kubectl_said(kubectl: FakeKubectl) -> None:
    (kubectl.folder / "broken").write_text('pods "db-0" is forbidden')
    with (
        pytest.raises(
            UnreachableError, match='to service/db port 5432 in namespace shop does not work: error: pods "db-0" is forb'
        ) as caught,
        port_forward(kubectl(), namespace="shop", target="service/db", port=5432),
    ):
        pass
    assert caught.value.code == "LK538"


def test_a_kubectl_that_is_not_installed_is_named(tmp_path: Path) -> None:
    place = Place(server="https://x", namespace="shop")
    with pytest.raises(UnreachableError, match="kubectl is not installed") as caught:
        Kubectl(place=place, leash=(), environment={"PATH": str(tmp_path)}).command("x")
    assert caught.value.code == "LK538"


# --- which way ------------------------------------------------------------------------------------------------------


class Doors:
    """Logins: each address that was tried, and whether it opens."""

    def __init__(self, opens: Callable[[dict[str, object]], LockageError | None]) -> None:
        self.tried: list[dict[str, object]] = []
        self._opens = opens

    def __call__(self, url: str) -> None:
        self.tried.append(dict(conninfo_to_dict(url)))
        error = self._opens(self.tried[-1])
        if error is not None:
            raise error


NOBODY = UnreachableError("no database answers at db:5432", code="LK121")
HBA = RefusedError("the database at db:5432 does not let role app into database shop from here", code="LK127")
POOLER = RefusedError("the database URL leads through a connection pooler", code="LK141")
FULL = UnreachableError("the database at db:5432 has no connection left for role app", code="LK125")
PASSWORD = RefusedError("the database refuses the password of role app at db:5432", code="LK122")


def way(
    cluster: FakeCluster, kubectl: FakeKubectl, doors: Doors, url: str, reach: Reach = "auto", *, said: list[str] | None = None
) -> str:
    def running() -> PodObject | None:
        return next(iter(list_pods(cluster)), None)

    ways = Ways(
        client=cluster,
        kubectl=kubectl(),
        workload=WorkloadObject(kind="Deployment"),
        pod=running,
        relay_image="none",
        log_in=doors,
        say=[].append if said is None else said.append,
    )
    with ExitStack() as stack:
        return reached(url, reach, ways, stack)


def test_the_direct_way_is_taken_where_a_login_works(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    url = "postgresql://app@db.example.com/shop"
    assert way(cluster, kubectl, Doors(lambda _: None), url) == url
    assert kubectl.calls() == []


def test_the_direct_way_is_not_tried_when_it_is_asked_for(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    doors = Doors(lambda _: NOBODY)
    url = "postgresql://app@localhost/shop"
    assert way(cluster, kubectl, doors, url, "direct") == url
    assert doors.tried == []


@pytest.mark.real
@pytest.mark.parametrize("failure", [NOBODY, HBA])
def test_a_service_is_reached_by_port_forward_under_its_own_name(
    cluster: FakeCluster, kubectl: FakeKubectl, failure: LockageError
) -> None:
    doors = Doors(lambda parameters: None if parameters.get("hostaddr") else failure)
    said: list[str] = []
    found = conninfo_to_dict(
        way(cluster, kubectl, doors, "postgresql://app:pw@10.3.0.7:6000/shop?sslmode=verify-full", said=said)
    )
    assert (found["host"], found["hostaddr"], found["sslmode"], found["password"]) == (
        "10.3.0.7",
        "127.0.0.1",
        "verify-full",
        "pw",
    )
    assert kubectl.calls()[0][-2:] == ["service/db", ":6000"]
    assert said == ["the database at 10.3.0.7:6000 is reached by kubectl port-forward"]


@pytest.mark.real
def test_a_name_of_the_cluster_is_not_looked_for_on_this_network(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    cluster.add("services", "localhost.x", spec={"clusterIPs": ["10.3.0.7"], "selector": {"app": "db"}})
    doors = Doors(lambda _: None)
    assert "hostaddr=127.0.0.1" in way(cluster, kubectl, doors, "postgresql://app@db/shop")
    assert [parameters.get("hostaddr") for parameters in doors.tried] == ["127.0.0.1"]


@pytest.mark.real
def test_a_proxy_beside_the_replica_is_reached_through_its_pod(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    said: list[str] = []
    assert "port=" in way(cluster, kubectl, Doors(lambda _: None), "postgresql://app@localhost:5432/shop", said=said)
    assert kubectl.calls()[0][-2:] == ["pod/db-0", ":5432"]
    assert said[0] == "the database is reached through a proxy beside pod db-0: this way ends with the pod"


@pytest.mark.parametrize("failure", [PASSWORD, FULL, POOLER])
def test_a_database_that_answers_is_no_reason_to_look_elsewhere(
    cluster: FakeCluster, kubectl: FakeKubectl, failure: LockageError
) -> None:
    with pytest.raises(RefusedError) as caught:
        way(cluster, kubectl, Doors(lambda _: failure), "postgresql://app@db.example.com/shop")
    assert caught.value is failure


def test_a_way_that_is_not_allowed_is_named_among_the_others(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    cluster.forbidden.add("pods")
    with pytest.raises(UnreachableError) as caught:
        way(cluster, kubectl, Doors(lambda _: NOBODY), "postgresql://app@db.example.com/shop")
    assert caught.value.code == "LK537"
    assert "through a pod of ours: our identity may not create pods in namespace shop" in caught.value.message


@pytest.mark.real
def test_where_no_way_leads_there_each_is_named(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    (kubectl.folder / "broken").write_text("forbidden")
    with pytest.raises(UnreachableError) as caught:
        way(cluster, kubectl, Doors(lambda _: NOBODY), "postgresql://app:hunter2@10.3.0.7/shop", "port-forward")
    assert caught.value.code == "LK537"
    assert caught.value.message == (
        "no way leads to the database at 10.3.0.7:5432: by kubectl port-forward: kubectl port-forward to service/db port 5432 "
        "in namespace shop does not work: error: forbidden"
    )
    assert "--database URL" in str(caught.value.hint)


@pytest.mark.real
def test_every_one_of_several_hosts_gets_a_way(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    found = conninfo_to_dict(
        way(cluster, kubectl, Doors(lambda _: None), "postgresql://app@db:1,db-0.headless:2/shop", "port-forward")
    )
    assert (found["host"], found["hostaddr"]) == ("db,db-0.headless", "127.0.0.1,127.0.0.1")
    assert sorted(call[-1] for call in kubectl.calls()) == [":1", ":2"]
    assert len(str(found["port"]).split(",")) == 2


def test_an_address_that_cannot_be_taken_apart_is_not_shown(cluster: FakeCluster, kubectl: FakeKubectl) -> None:
    with pytest.raises(RefusedError) as caught:
        way(cluster, kubectl, Doors(lambda _: None), "postgresql://app:hunter2%zz@db/shop")
    assert caught.value.code == "LK536"
    assert "hunter2" not in caught.value.message
