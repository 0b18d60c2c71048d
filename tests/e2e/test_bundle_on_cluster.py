"""``lockage bundle`` on a real cluster, with the application down and no more than the rights that are printed for looking."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from e2e.installed import NAME, Installed
from e2e.on_cluster import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TOKEN = "ZaunkoenigAusEinemSecret77"
"""Of a Secret, and in the last words of each process that ends."""


def encoded(secret: str) -> set[str]:
    """The secret as it may stand in a text; of base64 what does not depend on what stands around it."""
    within = {base64.b64encode(b"~" * before + secret.encode()).decode().rstrip("=")[4:-4] for before in range(3)}
    return {secret, quote(secret, safe=""), secret.encode().hex(), json.dumps(secret)[1:-1], *within}


def crashing(installed: Installed) -> None:
    """Every replica of it: a setting comes from a Secret, is no number, and is quoted in the log; the sidecar logs it, too."""
    installed.kube.create(Secret(metadata=ObjectMeta(name="towpath-mail"), stringData={"token": TOKEN}))
    variable = {"name": "TOWPATH_PG_POOL_MAX", "valueFrom": {"secretKeyRef": {"name": "towpath-mail", "key": "token"}}}
    says = "echo mail as $TOKEN, $(echo -n $TOKEN | base64); exec sleep 1000"
    sidecar = {"name": "mail", "image": "towpath:2.26.0", "command": ["sh", "-c", says], "env": [{**variable, "name": "TOKEN"}]}
    pod = {"containers": [{"name": NAME, "env": [variable]}, sidecar]}
    spec = {"strategy": {"type": "Recreate", "rollingUpdate": None}, "template": {"spec": pod}}
    installed.kube.patch(Deployment, NAME, {"spec": spec}, patch_type=PatchType.STRATEGIC)

    def crashed() -> bool:
        pods = installed.pods()
        statuses = [s for pod in pods if pod.status for s in pod.status.containerStatuses or ()]
        return len(pods) == 1 and any(status.restartCount for status in statuses)

    eventually(crashed, "the only pod was restarted")


def test_a_bundle_of_what_is_down_has_all_and_no_secret_and_gives_the_same_answer(installed: Installed, tmp_path: Path) -> None:
    installed.install("2.26.0", replicas=1)
    crashing(installed)
    installed.grant(to="2.27.8")
    file = tmp_path / "towpath.tar.gz"
    made = installed.lockage("bundle", NAME, "--json", "--output", str(file), "--kubeconfig", str(installed.looking))
    assert made.code == 0, made.err
    with tarfile.open(file) as archive:
        (folder,) = {Path(name).parts[0] for name in archive.getnames()}
        archive.extractall(tmp_path / "unpacked", filter="data")
    root = tmp_path / "unpacked" / folder

    manifest = json.loads((root / "manifest.json").read_text())
    assert (manifest["schema"], manifest["dropped"]) == ("lockage.bundle/1", [])
    for each in manifest["files"]:
        assert hashlib.sha256((root / each["path"]).read_bytes()).hexdigest() == each["sha256"], each
    paths = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert paths == {each["path"] for each in manifest["files"]} | {"manifest.json"}
    page = (root / "index.html").read_text()
    assert all(path in page for path in paths - {"index.html"})
    logs = {Path(path).name: (root / path).read_text() for path in paths if path.startswith("logs/")}
    assert set(logs) == {f"{NAME}.previous.log", "mail.log"}
    assert "must be a number" in logs[f"{NAME}.previous.log"]
    assert "mail as " in logs["mail.log"]
    assert "Back-off restarting failed container" in (root / "objects" / f"events-{NAME}.yaml").read_text()
    evidence = json.loads((root / "evidence.json").read_text())
    (revision,) = evidence["platform"]["releases"]
    assert (revision["revision"], revision["status"], revision["chart"]) == (1, "deployed", "towpath-2.26.0")

    secrets = [TOKEN, *database_secrets(installed)]
    assert len(secrets) > 2
    for path in sorted(paths):
        text = (root / path).read_text()
        for form in {form for secret in secrets for form in encoded(secret)}:
            assert form not in text, f"{path} holds {form}"
            assert form not in unquote(text), f"{path} holds {form}"

    first = installed.lockage("diagnose", NAME, "--json")
    again = installed.lockage("diagnose", "--from", str(file), "--json", machine="another")
    assert (first.code, again.code) == (5, 5), again.err
    assert root_cause(again.out) == root_cause(first.out)


def database_secrets(installed: Installed) -> list[str]:
    password = urlsplit(installed.database).password
    assert password
    return [installed.database, unquote(password)]


def root_cause(text: str) -> Any:
    found = json.loads(text)["findings"][0]
    return found["code"], found["because"], found["about"]
