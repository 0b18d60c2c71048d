"""Lockage's own chart makes the Job that ``lockage upgrade --in-cluster`` makes, and it runs to the end."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Secret

from e2e.cluster.layout import REPOSITORY
from e2e.cluster.lockage_image import image_name
from e2e.cluster.whole import Cluster
from e2e.installed import ACCOUNT, LEDGERS, NAME, Installed
from e2e.on_cluster import eventually
from lockage.core.plan.cluster_job import KEPT_S, ClusterJob, the_job

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]

CHART = REPOSITORY / "charts" / "lockage"
PATIENT = {"enabled": True, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 30}


def helm(own_cluster: Cluster, *arguments: str) -> str:
    command = [str(own_cluster.programs / "helm"), f"--kubeconfig={own_cluster.kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_labels(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: without_labels(value) for key, value in thing.items() if key not in {"labels", "suspend"}}
    return [without_labels(each) for each in thing] if isinstance(thing, list | tuple) else thing


def test_the_chart_renders_the_job_of_an_upgrade_in_the_cluster(own_cluster: Cluster, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(
        yaml.safe_dump(
            {
                "deployment": "shop",
                "plan": "the plan",
                "config": "the description",
                "arguments": ["--no-restore-point"],
                "limitSeconds": 9000,
                "database": {"secretName": "run-1", "secretKey": "database-url"},
                "rbac": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
            }
        )
    )
    text = helm(own_cluster, "template", "run-1", str(CHART), "--namespace=n", f"--values={values}")
    rendered = next(each for each in yaml.safe_load_all(text) if each["kind"] == "Job")
    made = the_job(
        ClusterJob(
            name="run-1",
            namespace="n",
            deployment="shop",
            image=image_name(),
            arguments=(
                "upgrade",
                "shop",
                "--plan",
                "/etc/lockage/plan.yaml",
                "--go-on",
                "--yes",
                "--json",
                "--no-restore-point",
            ),
            plan_digest="",
            limit_s=9000.0,
            database_url="postgres://…",
        )
    )
    assert rendered["spec"]["ttlSecondsAfterFinished"] == KEPT_S
    assert without_labels(rendered["spec"]) == without_labels(made["spec"])


def test_a_run_by_the_chart_upgrades_with_the_printed_rights(
    installed: Installed, own_cluster: Cluster, lockage_image: str, kube: Client, tmp_path: Path
) -> None:
    installed.install(replicas=1, livenessProbe=PATIENT)
    description = installed.folder / "lockage.toml"
    description.write_text(re.sub(r"(?m)^database = .*\n", "", description.read_text()))
    installed.grant(to="2.26.6")
    plan, rights = tmp_path / "plan.yaml", tmp_path / "rights.yaml"
    planned = installed.lockage("plan", NAME, "--to", "2.26.6", "-o", str(plan))
    assert planned.code == 0, planned.err
    printed = installed.lockage("rbac", NAME, "--to", "2.26.6", "--reach", "direct", "--values")
    assert printed.code == 0, printed.err
    rights.write_text(printed.out)

    inside = description.read_text()
    for was, now in (
        (rf'kubeconfig = "{installed.folder / ACCOUNT}.kubeconfig"', ""),
        (f'program = "{installed.helm}"', ""),
        (str(installed.folder / "values.json"), "/etc/lockage/values.json"),
        (installed.charts, "/etc/lockage/towpath.tgz"),
    ):
        inside = inside.replace(was, now)
    config = tmp_path / "inside.toml"
    config.write_text(inside)
    archive = Path(installed.charts.replace("{release}", "2.26.6"))
    kube.create(
        Secret(
            metadata=ObjectMeta(name="files"),
            data=encoded({"towpath.tgz": archive, "values.json": installed.folder / "values.json"}),
        )
    )

    helm(
        own_cluster,
        "install",
        "run-1",
        str(CHART),
        f"--namespace={kube.namespace}",
        f"--set-file=plan={plan}",
        f"--set-file=config={config}",
        f"--values={rights}",
        f"--set=deployment={NAME},filesSecret=files,arguments={{--no-restore-point}}",
    )

    def ended() -> str:
        conditions = kube.get(Job, "run-1").status.conditions or []
        return next((each.type for each in conditions if each.status == "True" and each.type in {"Complete", "Failed"}), "")

    how = eventually(ended, "the run ends", limit_s=240)
    pods = [pod.metadata.name for pod in kube.list(Pod, labels={"lockage.dev/deployment": NAME})]
    assert how == "Complete", "".join(line for pod in pods for line in kube.log(pod))
    assert installed.ledger() == (LEDGERS["2.26.6"], False)
    assert installed.ready("2.26.6") == 1


def encoded(files: dict[str, Path]) -> dict[str, str]:
    from base64 import b64encode

    return {name: b64encode(file.read_bytes()).decode() for name, file in files.items()}
