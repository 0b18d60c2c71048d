"""States that Lockage did not make, on a real cluster with a real Helm, and ``lockage recover`` out of them.

The surprising thing: the naive upgrade is of an image and a chart called ferry, which no profile fits, so that it is diagnosed
as a stranger's; only ``lockage recover`` is told what it is. Each of its rows passes a customer's own trigger, which is slow:
so its one long statement outlasts the probe, and the diagnosis, on any machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lightkube.resources.apps_v1 import Deployment

from e2e.chart_archives import CHART
from e2e.cluster.whole import Cluster
from e2e.installed import LEDGERS, NAME, Installed
from e2e.on_cluster import OnCluster, eventually
from e2e.rights import Rule, lockage
from faults.cluster_ground import MANY, SLOW_ROWS, tag_images
from lockage.core.release import profile as profiles

pytestmark = pytest.mark.e2e

HOLDS_THE_LOCK = """
select pid from pg_locks join pg_database on pg_database.oid = pg_locks.database
where locktype = 'advisory' and granted and datname = current_database()
"""
WAITS_ITS_TURN = "select pid from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"

ENVIRONMENT = [
    {"name": "TOWPATH_PG_CONNECTION_URL", "valueFrom": {"secretKeyRef": {"name": "towpath-database", "key": "url"}}},
    {"name": "TOWPATH_REPORT_INTERVAL_S", "value": "3600"},  # a report would hold api_keys by itself: another cause
    {"name": "TOWPATH_REPORT_LENGTH_S", "value": "0"},
]

KEPT = {
    "users": "id, email, username, login_type, created_at",
    "organizations": "id, name",
    "organization_members": "organization_id, user_id",
    "templates": "id, organization_id, name",
    "workspaces": "id, owner_id, organization_id, template_id, name, created_at",
    "api_keys": "id, hashed_secret, user_id, expires_at, created_at",
}
"""What no upgrade changes of a row. Of keys those that live: the application itself removes the others."""


class Ferry(Installed):
    """towpath under a name that no profile fits; the user's own profile says what it is."""

    def ready(self, release: str) -> int:
        pods = self.pods()
        images = {c.image for p in pods if p.spec for c in p.spec.containers}
        ready = [
            p for p in pods if p.status and any(c.type == "Ready" and c.status == "True" for c in p.status.conditions or ())
        ]
        return len(ready) if images == {f"ferry:{release}"} and len(ready) == len(pods) else 0

    def grant(self, *arguments: str, to: str, without: Callable[[Rule], bool] = lambda _: False) -> None:
        built_in = Path(profiles.__file__).parents[2] / "profiles" / "towpath.toml"
        text = built_in.read_text()
        for key in ("name", "image", "chart"):
            text = text.replace(f'{key} = "towpath"', f'{key} = "ferry"')
        (self.folder / "ferry.toml").write_text(text)
        described = self.folder / "lockage.toml"
        described.write_text(described.read_text().replace('profile = "towpath"', f'profile = "{self.folder / "ferry.toml"}"'))
        super().grant(*arguments, to=to, without=without)

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_here, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def order(self, statements: str) -> None:
        with psycopg.connect(self.database_here, autocommit=True) as connection:
            connection.execute(statements.encode())

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        lives = {"api_keys": " where expires_at > now() + interval '1 day'"}
        return {table: sorted(self.asked(f"select {columns} from {table}{lives.get(table, '')}"), key=str)
                for table, columns in KEPT.items()}  # fmt: skip


@pytest.fixture
def ferry(installed: Installed, own_cluster: Cluster) -> Ferry:
    """Nothing of it is installed yet; its charts and images are there."""
    tag_images(own_cluster)
    source = installed.folder / "ferry"
    shutil.copytree(CHART, source)
    description = source / "Chart.yaml"
    description.write_text(description.read_text().replace("name: towpath", "name: ferry"))
    for release in ("2.26.6", "2.27.8"):
        packed = [str(installed.helm), "package", str(source), f"--version={release}", f"--app-version={release}"]
        subprocess.run([*packed, f"--destination={installed.folder}"], check=True, capture_output=True)
    given = {field.name: getattr(installed, field.name) for field in fields(installed) if field.init}
    return Ferry(**{**given, "charts": str(installed.folder / "ferry-{release}.tgz")})


@pytest.mark.timeout(400)
def test_the_chain_of_a_naive_upgrade_is_named_without_a_profile_and_recovered_without_loss(
    ferry: Ferry, cluster: OnCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ferry.install("2.26.6", replicas=2, rows=MANY, image={"repo": "ferry"}, env=ENVIRONMENT)
    ferry.order(SLOW_ROWS)
    before = ferry.rows()
    values, chart = ferry.folder / "values.json", ferry.charts.replace("{release}", "2.27.8")
    ferry.helm_command("upgrade", NAME, chart, f"--values={values}", "--set=towpath.livenessProbe.failureThreshold=3")
    eventually(lambda: _restarted(ferry), "the probe has killed the pod that migrates")
    eventually(lambda: ferry.asked(WAITS_ITS_TURN), "the next process waits at the migration lock")
    ((orphan,),) = ferry.asked(HOLDS_THE_LOCK)

    stranger = tmp_path_factory.mktemp("stranger")
    arguments = ["diagnose", "-n", str(ferry.kube.namespace), "--kubeconfig", str(ferry.looking), "--json"]
    done = lockage(cluster, arguments, home=stranger, here=stranger)
    assert done.returncode == 5, done.stderr
    assert "no profile fits" in done.stderr
    diagnosis = json.loads(done.stdout)
    trouble = [one for one in diagnosis["findings"] if not one["harmless"]]
    chain = [(one["code"], one["because"]) for one in trouble]
    assert chain[:2] == [("F001", None), ("F043", "F001")], trouble
    assert {code for code, _ in chain} <= {"F001", "F043", "F011"}, trouble
    assert f"backend {orphan}, whose client is dead, still holds the migration lock" in trouble[1]["cause"]
    assert "lockage recover" in trouble[0]["next"]

    with ThreadPoolExecutor(1) as beside:
        recovering = beside.submit(ferry.lockage, "recover", NAME, "--yes")
        there = f"select from pg_stat_activity where pid = {orphan}"
        eventually(lambda: recovering.done() or not ferry.asked(there), "the orphan, which could only roll back, is ended")
        ferry.order("update customer.pace set seconds = 0")
        recovered = recovering.result()
    assert recovered.code == 0, f"{done.stdout}\n{recovered.err}"
    assert ferry.ledger() == (LEDGERS["2.27.8"], False)
    assert ferry.ready("2.27.8") == 2
    assert ferry.rows() == before
    ferry.order("drop schema customer cascade")  # it is not the application's, and would be named
    verified = ferry.lockage("verify", NAME)
    assert verified.code == 0, verified


@pytest.mark.timeout(400)
def test_scaled_to_nothing_over_a_schema_that_fits_it_serves_again(installed: Installed) -> None:
    installed.install("2.26.6", replicas=2)
    before = installed.end()
    installed.kube.patch(Deployment, NAME, {"spec": {"replicas": 0}})
    eventually(lambda: not installed.pods(), "no pod is left")
    recovered = installed.lockage("recover", NAME, "--yes", "--replicas", "2")
    assert recovered.code == 0, recovered.err
    assert installed.ready("2.26.6") == 2
    assert installed.end() == before


def _restarted(installed: Installed) -> bool:
    statuses = [s for pod in installed.pods() if pod.status for s in pod.status.containerStatuses or ()]
    return any(status.restartCount for status in statuses)
