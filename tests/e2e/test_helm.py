"""Upgrades by Helm, 3 and 4, of charts in the newer and the older shape, on a real API server."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import lightkube
import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

from e2e.chart_archives import CHART, RELEASES, pack_charts
from e2e.helm_scene import OLDER_SHAPE, HelmScene, told, towpath_profile
from e2e.on_cluster import OnCluster
from e2e.rights import printed
from lockage.core.facts import Probe
from lockage.core.release.profile import ChartValues
from lockage.errors import RefusedError, UsageError
from lockage.ports import Rollout

pytestmark = pytest.mark.e2e

DEFAULT = Probe()
PATIENT = Probe(failure_threshold=90)


@pytest.fixture(scope="session")
def older_charts(cluster: OnCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    if cluster.own is None:
        pytest.skip("Helm 3 and 4 are those of our own cluster")
    return pack_charts(tmp_path_factory.mktemp("older"), helm=cluster.own.programs / "helm3", older=RELEASES)


BY_HELM_3 = pytest.mark.parametrize("scene", ["helm3"], indirect=True)
BY_HELM_4 = pytest.mark.parametrize("scene", ["helm4"], indirect=True)
"""For what does not depend on Helm's major, since we decide it before Helm is asked, or from what both majors print alike."""


@pytest.fixture(params=["helm3", "helm4"])
def scene(
    request: pytest.FixtureRequest, cluster: OnCluster, kube: lightkube.Client, charts: str, tmp_path: Path
) -> Iterator[HelmScene]:
    if cluster.own is None:
        pytest.skip("Helm 3 and 4 are those of our own cluster")
    with ExitStack() as clients:
        yield HelmScene(
            kube=kube,
            helm=cluster.own.programs / request.param,
            kubeconfig=cluster.kubeconfig,
            charts=charts,
            folder=tmp_path,
            clients=clients,
        )


def test_one_replica_with_a_patient_probe_and_then_all_with_their_own_leave_the_users_values_as_they_were(
    scene: HelmScene,
) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=3", "--set=towpath.livenessProbe.enabled=true")
    before = scene.values()
    releaser = scene.releaser()
    first = Rollout(release="2.27.8", replicas=1, liveness=PATIENT)
    assert told(releaser.check(first)) == []
    releaser.release(first)
    replicas, image, liveness = scene.live()
    assert (replicas, image) == (1, "towpath:2.27.8")
    assert liveness == PATIENT
    last = Rollout(release="2.27.8", replicas=3, liveness=DEFAULT)
    assert told(releaser.check(last)) == []
    releaser.release(last)
    assert scene.live() == (3, "towpath:2.27.8", DEFAULT)
    assert scene.values() == before
    assert [status for _, status in scene.history()] == ["superseded", "superseded", "deployed"]


@BY_HELM_4
def test_what_stands_already_makes_no_revision(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=2")
    rollout = Rollout(release="2.26.6", replicas=1, liveness=None)
    scene.releaser().release(rollout)
    scene.releaser().release(rollout)
    assert len(scene.history()) == 2


def test_a_number_of_replicas_that_a_colleague_has_set_is_taken_back(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=2")
    rollout = Rollout(release="2.26.6", replicas=1, liveness=None)
    for release in (rollout, replace(rollout, replicas=2), replace(rollout, replicas=2)):
        scene.kube.patch(Deployment, "towpath", {"spec": {"replicas": 0}}, field_manager="colleague")
        scene.releaser().release(release)
        assert scene.live()[0] == release.replicas
    assert len(scene.history()) == 4


# --- the older shape of the chart ----------------------------------------------------------------------------------------


@BY_HELM_3
def test_an_older_chart_takes_its_initial_delay_by_a_value(scene: HelmScene, older_charts: str) -> None:
    older = replace(scene, charts=older_charts)
    older.install("2.26.0", "--set=towpath.replicaCount=3")
    before = older.values()
    releaser = older.releaser(profile=towpath_profile(OLDER_SHAPE))
    patient = replace(DEFAULT, initial_delay_s=879.0)
    releaser.release(Rollout(release="2.26.6", replicas=1, liveness=patient))
    assert older.live() == (1, "towpath:2.26.6", patient)
    assert older.values()["towpath"]["livenessProbe"] == {"initialDelaySeconds": 879}
    releaser.release(Rollout(release="2.26.6", replicas=3, liveness=DEFAULT))
    assert older.live() == (3, "towpath:2.26.6", DEFAULT)
    assert older.values() == before


def test_what_no_value_reaches_is_done_by_a_post_renderer_and_gone_after_it(scene: HelmScene, older_charts: str) -> None:
    older = replace(scene, charts=older_charts)
    older.install("2.26.0", "--set=towpath.replicaCount=3")
    before = older.values()
    releaser = older.releaser(profile=towpath_profile(OLDER_SHAPE))
    first = Rollout(release="2.26.6", replicas=1, liveness=PATIENT)
    assert told(releaser.check(first)) == []
    releaser.release(first)
    assert older.live() == (1, "towpath:2.26.6", PATIENT)
    assert "livenessProbe" not in older.values()["towpath"]
    releaser.release(first)
    assert len(older.history()) == 2
    releaser.release(Rollout(release="2.26.6", replicas=3, liveness=DEFAULT))
    assert older.live() == (3, "towpath:2.26.6", DEFAULT)
    assert older.values() == before
    without = Rollout(release="2.26.6", replicas=3, liveness=None)
    releaser.release(without)
    assert older.live() == (3, "towpath:2.26.6", None)


@BY_HELM_3
def test_a_chart_that_the_profile_does_not_know_is_edited_whole(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=3")
    profile = towpath_profile(ChartValues(replicas="x", from_chart="9.0.0"))  # a shape of later charts only
    scene.releaser(profile=profile).release(Rollout(release="2.26.6", replicas=1, liveness=PATIENT))
    assert scene.live() == (1, "towpath:2.26.6", PATIENT)


# --- the user's own arguments --------------------------------------------------------------------------------------------

MARK = "sed 's/value: 0.0.0.0:3000/value: 0.0.0.0:3999/'"


def users_post_renderer(scene: HelmScene) -> list[str]:
    """A post-renderer of the user's, as the Helm of the scene takes one."""
    if "helm3" in str(scene.helm):
        program = scene.folder / "mark.sh"
        program.write_text(f"#!/bin/sh\n{MARK}\n")
        program.chmod(0o755)
        return ["--post-renderer", "./mark.sh"]
    plugin = scene.folder / "plugins" / "mark"
    plugin.mkdir(parents=True)
    (plugin / "mark.sh").write_text(f"#!/bin/sh\n{MARK}\n")
    (plugin / "mark.sh").chmod(0o755)
    (plugin / "plugin.yaml").write_text(
        "apiVersion: v1\ntype: postrenderer/v1\nname: mark\nversion: 1.0.0\nruntime: subprocess\n"
        "runtimeConfig:\n  platformCommand:\n    - command: ${HELM_PLUGIN_DIR}/mark.sh\n"
    )
    return ["--post-renderer", "mark"]


def address(scene: HelmScene) -> str:
    """What the user's post-renderer changes."""
    seen = scene.kube.get(Deployment, "towpath").to_dict()
    variables = seen["spec"]["template"]["spec"]["containers"][0]["env"]
    return next(one["value"] for one in variables if one["name"] == "TOWPATH_HTTP_ADDRESS")


def test_the_users_post_renderer_goes_first_and_stays_when_ours_is_gone(scene: HelmScene, older_charts: str) -> None:
    environment = {**scene.environment, "HELM_PLUGINS": str(scene.folder / "plugins")}
    older = replace(scene, charts=older_charts, environment=environment)
    older.install("2.26.0", "--set=towpath.replicaCount=2")
    releaser = older.releaser(*users_post_renderer(older), profile=towpath_profile(OLDER_SHAPE))
    releaser.release(Rollout(release="2.26.6", replicas=1, liveness=PATIENT))
    assert older.live() == (1, "towpath:2.26.6", PATIENT)
    assert address(older) == "0.0.0.0:3999"
    releaser.release(Rollout(release="2.26.6", replicas=2, liveness=DEFAULT))
    assert older.live() == (2, "towpath:2.26.6", DEFAULT)
    assert address(older) == "0.0.0.0:3999"


@BY_HELM_3
def test_a_number_of_replicas_among_the_users_arguments_loses(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=3")
    releaser = scene.releaser("--set", "towpath.replicaCount=5")
    releaser.release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert scene.live()[0] == 1
    releaser.release(Rollout(release="2.26.6", replicas=3, liveness=None))
    assert scene.live()[0] == 3


@BY_HELM_4
def test_what_wins_over_ours_and_cannot_be_edited_is_refused_with_object_value_and_what_was_expected(scene: HelmScene) -> None:
    scene.install()
    releaser = scene.releaser("--set-literal", "towpath.image.tag=2.26.0")
    rollout = Rollout(release="2.26.6", replicas=1, liveness=None)
    with pytest.raises(RefusedError) as refused:
        releaser.release(rollout)
    assert refused.value.code == "LK515"
    assert refused.value.message.startswith("Deployment/towpath: image is towpath:2.26.0, expected release 2.26.6")
    assert told(releaser.check(rollout)) == [refused.value.message]
    assert scene.history() == [(1, "deployed")]


def test_values_that_are_not_given_again_stay_and_large_numbers_stay_numbers(scene: HelmScene) -> None:
    scene.install(
        "2.26.0",
        "--set=towpath.podAnnotations.big=x",
        "--set-json=towpath.podLabels={}",
        "--set=some.big=12345678901,towpath.lifecycle=null",
    )
    (scene.folder / "mine.yaml").write_text("towpath:\n  terminationGracePeriodSeconds: 5\n")
    before = scene.values()
    scene.releaser("-f", "mine.yaml").release(Rollout(release="2.26.6", replicas=1, liveness=None))
    before["towpath"]["terminationGracePeriodSeconds"] = 5
    assert scene.values() == before


@BY_HELM_3
def test_the_users_reset_values_drops_what_was_given_before(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=some.thing=1")
    asked = ("shop", "-n", scene.namespace, "--profile", "towpath", "--chart", scene.charts, "--helm", str(scene.helm))
    rights = printed(scene.kubeconfig, *asked, "--to", "2.26.6", "--", "--reset-values", "--set", "other.thing=2")
    assert "What the chart renders" not in rights, (
        "the chart is rendered for the rights too, by a command that knows no such flag"
    )
    scene.releaser("--reset-values", "--set", "other.thing=2").release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert scene.values() == {"other": {"thing": 2}}


@BY_HELM_4
def test_a_forbidden_flag_is_refused_by_its_name_before_anything_is_done(scene: HelmScene) -> None:
    scene.install()
    with pytest.raises(UsageError, match="--atomic is refused: it would put old pods over a migrated schema"):
        scene.releaser("--atomic").release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert scene.history() == [(1, "deployed")]


@BY_HELM_3
def test_secrets_among_the_arguments_are_not_said(scene: HelmScene) -> None:
    scene.install()
    scene.releaser("--set", "db.password=hunter2").release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert scene.values()["db"]["password"] == "hunter2"
    assert scene.said
    assert "hunter2" not in "\n".join(scene.said)


# --- autoscalers of the chart --------------------------------------------------------------------------------------------


def bounds(scene: HelmScene) -> tuple[int | None, int]:
    """The autoscaler's, as they are on the server."""
    spec = scene.kube.get(HorizontalPodAutoscaler, "towpath").spec
    assert spec is not None
    return spec.minReplicas, spec.maxReplicas


def test_an_autoscaler_of_the_chart_is_held_while_the_schema_moves_and_free_after_it(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=towpath.autoscaling.enabled=true", "--set=towpath.autoscaling.minReplicas=2")
    scene.kube.patch(Deployment.Scale, "towpath", {"spec": {"replicas": 3}})
    before = scene.values()
    releaser = scene.releaser()
    first = Rollout(release="2.26.6", replicas=1, liveness=None)
    assert told(releaser.check(first)) == []
    note = '{"version":1,"release":"2.26.0","replicas":3,"liveness":null}'
    scene.kube.patch(Deployment, "towpath", {"metadata": {"annotations": {"lockage.dev/former": note}}})
    scene.kube.patch(Deployment.Scale, "towpath", {"spec": {"replicas": 0}})
    releaser.release(first)
    assert bounds(scene) == (1, 1)
    assert scene.live()[0] == 1
    releaser.release(Rollout(release="2.26.6", replicas=3, liveness=None))
    assert bounds(scene) == (2, 5)
    assert scene.live()[0] == 3
    assert scene.values() == before


# --- what cannot be ------------------------------------------------------------------------------------------------------


def refusal(scene: HelmScene, *arguments: str, chart: str | None = None) -> RefusedError:
    """What an upgrade to 2.26.6 is refused with; it leaves no revision."""
    releaser = scene.releaser(*arguments, chart=chart)
    rollout = Rollout(release="2.26.6", replicas=1, liveness=None)
    with pytest.raises(RefusedError) as refused:
        releaser.release(rollout)
    assert told(releaser.check(rollout)) == [refused.value.message]
    assert scene.history() == [(1, "deployed")]
    return refused.value


def changed_chart(scene: HelmScene, name: str, file: str, text: str) -> str:
    """A folder with towpath's chart in which one template is another."""
    folder = scene.folder / name
    shutil.copytree(CHART, folder)
    (folder / "templates" / file).write_text(text)
    (folder / "Chart.yaml").write_text((folder / "Chart.yaml").read_text().replace("0.0.0", "2.26.6"))
    return str(folder)


@BY_HELM_3
def test_a_chart_that_is_not_there_is_refused(scene: HelmScene) -> None:
    scene.install()
    error = refusal(scene, chart="./towpath-{release}.tgz")
    assert error.code == "LK512"
    assert error.message.startswith("towpath-2.26.6.tgz does not render")


@BY_HELM_4
def test_a_chart_that_does_not_render_is_refused(scene: HelmScene) -> None:
    scene.install()
    error = refusal(scene, chart=changed_chart(scene, "broken", "broken.yaml", "{{ .Values.no.such.thing }}"))
    assert error.code == "LK512"
    assert "nil pointer" in error.message


@BY_HELM_3
def test_values_that_the_chart_refuses_are_refused(scene: HelmScene) -> None:
    scene.install()
    error = refusal(scene, "--set-string=towpath.terminationGracePeriodSeconds=long")
    assert error.code == "LK512"
    assert "terminationGracePeriodSeconds" in error.message


@BY_HELM_4
def test_a_chart_without_that_deployment_is_refused(scene: HelmScene) -> None:
    scene.install()
    error = refusal(scene, chart=changed_chart(scene, "other", "deployment.yaml", ""))
    assert (error.code, error.message) == (
        "LK515",
        "the chart renders 0 Deployments named towpath; Deployments that it renders: none",
    )


@BY_HELM_3
def test_a_chart_with_a_hook_that_helm_waits_for_is_refused(scene: HelmScene) -> None:
    scene.install()
    hook = (
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations:\n    helm.sh/hook: pre-upgrade\n"
        "spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n"
        "        - {name: x, image: 'towpath:2.26.6'}\n"
    )
    chart = changed_chart(scene, "hooked", "hook.yaml", hook)
    error = refusal(scene, chart=chart)
    assert error.code == "LK519"
    assert "Job/migrate (pre-upgrade)" in error.message
    scene.releaser("--no-hooks", chart=chart).release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert scene.live()[1] == "towpath:2.26.6"


@BY_HELM_4
def test_what_admission_forbids_is_found_without_an_upgrade(scene: HelmScene) -> None:
    scene.install()
    chart = changed_chart(
        scene,
        "unsound",
        "port.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: unsound}\nspec:\n  ports: [{name: x, port: 99999}]\n",
    )
    (fault,) = told(scene.releaser(chart=chart).check(Rollout(release="2.26.6", replicas=1, liveness=None)))
    assert fault.startswith("the API server would refuse Service/unsound")
    assert "99999" in fault


@BY_HELM_4
def test_a_release_that_is_not_there_is_refused(scene: HelmScene) -> None:
    scene.install()
    scene.kube.patch(Deployment, "towpath", {"metadata": {"annotations": {"meta.helm.sh/release-name": "other"}}})
    with pytest.raises(RefusedError, match="Helm knows no release other here") as refused:
        scene.releaser().release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert refused.value.code == "LK518"


# --- where charts come from ----------------------------------------------------------------------------------------------


def serving(folder: Path) -> AbstractContextManager[str]:
    """A folder on the web."""
    return listening(partial(Quiet, directory=str(folder)))


@contextmanager
def listening(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of that kind of requests."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@BY_HELM_3
def test_a_repository_on_the_web_serves_the_chart(scene: HelmScene, tmp_path: Path, charts: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for release in RELEASES:
        shutil.copy(charts.replace("{release}", release), site)
    scene.run("repo", "index", str(site))
    scene.install()
    with serving(site) as url:
        scene.releaser("--repo", url, chart="towpath").release(Rollout(release="2.26.6", replicas=1, liveness=None))
        assert scene.live()[1] == "towpath:2.26.6"
        with pytest.raises(RefusedError, match=r"2\.28\.0"):
            scene.releaser("--repo", url, chart="towpath").release(Rollout(release="2.28.0", replicas=1, liveness=None))


class Registry(SimpleHTTPRequestHandler):
    """A registry of one chart, ``shop/towpath:2.26.6``, as far as pulling needs one."""

    protocol_version = "HTTP/1.1"
    chart = b""

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        config = b'{"name":"towpath","version":"2.26.6","apiVersion":"v2"}'
        blobs = {f"sha256:{hashlib.sha256(blob).hexdigest()}": blob for blob in (config, self.chart)}
        (first, one), (second, other) = blobs.items()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": first, "size": len(one)},
            "layers": [
                {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": second, "size": len(other)}
            ],
        }
        written = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(written).hexdigest()}"
        found = {"2.26.6": written, digest: written, **blobs}.get(self.path.rpartition("/")[2])
        if self.path == "/v2/":
            found = b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", manifest["mediaType"] if found == written else "application/octet-stream")
        if found == written:
            self.send_header("Docker-Content-Digest", digest)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(found or b"")


@pytest.mark.parametrize(("scene", "tag"), [("helm3", ":{release}"), ("helm4", "")], indirect=["scene"])
def test_a_registry_serves_the_chart(scene: HelmScene, tag: str) -> None:
    scene.install()
    handler = type("Handler", (Registry,), {"chart": Path(scene.chart("2.26.6")).read_bytes()})
    with listening(handler) as url:
        chart = f"{url.replace('http:', 'oci:')}/shop/towpath{tag}"
        scene.releaser("--plain-http", chart=chart).release(Rollout(release="2.26.6", replicas=1, liveness=None))
        assert scene.live()[1] == "towpath:2.26.6"
        with pytest.raises(RefusedError, match=r"2\.26\.9"):
            scene.releaser("--plain-http", chart=chart).release(Rollout(release="2.26.9", replicas=1, liveness=None))


@BY_HELM_4
def test_a_folder_and_a_repository_in_the_users_own_configuration_serve_it_too(scene: HelmScene, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for release in RELEASES:
        shutil.copy(scene.chart(release), site)
    scene.run("repo", "index", str(site))
    home = {
        **scene.environment,
        "HELM_REPOSITORY_CONFIG": str(tmp_path / "r.yaml"),
        "HELM_REPOSITORY_CACHE": str(tmp_path / "c"),
    }
    scene.install()
    with serving(site) as url:
        subprocess.run([str(scene.helm), "repo", "add", "mine", url], check=True, capture_output=True, env=home)
        mine = replace(scene, environment=home)
        mine.releaser(chart="mine/towpath").release(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert scene.live()[1] == "towpath:2.26.6"
    folder = changed_chart(scene, "folder", "extra.yaml", "")
    scene.releaser(chart=folder).release(Rollout(release="2.26.6", replicas=2, liveness=None))
    assert scene.live()[:2] == (2, "towpath:2.26.6")
