"""States that Lockage did not make, on a real cluster with a real Helm, and ``lockage recover`` out of them."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest
from lightkube.resources.apps_v1 import Deployment

from e2e.installed import LEDGERS, NAME, Installed
from e2e.on_cluster import eventually

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(500)
def test_a_naive_upgrade_that_its_probe_kills_is_diagnosed_and_recovered(installed: Installed) -> None:
    installed.install("2.26.6", replicas=2)
    with closing(psycopg.connect(installed.database_here, application_name="reports/nightly")) as holder:
        holder.execute("lock table api_keys in access share mode")
        values, chart = installed.folder / "values.json", installed.charts.replace("{release}", "2.27.8")
        short = "--set=towpath.livenessProbe.failureThreshold=3"
        installed.helm_command("upgrade", NAME, chart, f"--values={values}", short)
        eventually(lambda: _restarted(installed), "the probe has killed the pod that migrates")
        diagnosed = installed.lockage("diagnose", NAME)
        assert diagnosed.code == 5, diagnosed.err
        recovered = installed.lockage("recover", NAME, "--yes")
        assert recovered.code == 0, f"{diagnosed.out}\n{recovered.err}"
    assert installed.ledger() == (LEDGERS["2.27.8"], False)
    assert installed.ready("2.27.8") == 2
    assert installed.lockage("verify", NAME).code == 0


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
