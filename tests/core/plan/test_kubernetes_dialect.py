"""Commands for a cluster: with this deployment's names, one for each wish, and no secret."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import shutil
import subprocess
from base64 import b64decode, b64encode
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from lockage.core.facts import Contender, ContenderKind, Probe
from lockage.core.plan.dialect import Wish
from lockage.core.plan.kubernetes_dialect import HelmWay, KubernetesDialect, image_of
from lockage.core.plan.planner import plan
from lockage.core.plan.runbook import runbook
from lockage.core.release.profile import ChartValues, HelmProfile
from lockage.settings import Settings
from support.plan_material import LIVENESS, NOW, breaking, harmless, survey, towpath, workload

PATIENT = Probe(path="/healthz", period_s=2.0, failure_threshold=450)
FIRST = Wish(release="2.27.8", replicas=1, liveness=PATIENT)

NEWER = ChartValues(
    replicas="app.replicaCount",
    tag="app.image.tag",
    tag_format="v{release}",
    liveness="app.livenessProbe",
    liveness_enabled="app.livenessProbe.enabled",
    liveness_fields=("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"),
)
OLDER = ChartValues(replicas="app.replicaCount", liveness="app.livenessProbe", liveness_fields=("initialDelaySeconds",))


def by_helm(shape: ChartValues = NEWER, **changes: Any) -> HelmWay:
    fields: dict[str, Any] = {
        "release": "shop",
        "chart": "oci://registry.example/shop",
        "version": "{release}",
        "arguments": ("-f", "values.yaml"),
        "profile": HelmProfile(chart="shop", values=(shape,)),
    }
    return HelmWay(**(fields | changes))


def dialect(**changes: Any) -> KubernetesDialect:
    fields: dict[str, Any] = {
        "workload": workload(),
        "namespace": "canal",
        "selector": {"app.kubernetes.io/name": "towpath", "app.kubernetes.io/instance": "shop"},
        "container": "towpath",
        "context": "prod",
    }
    return KubernetesDialect(**(fields | changes))


AUTOSCALER = Contender(
    kind=ContenderKind.AUTOSCALER, object="HorizontalPodAutoscaler/shop", does="keeps 2 to 5 replicas", minimum=2, maximum=5
)
OWNER = Contender(kind=ContenderKind.OWNER, object="Application/shop in argocd", does="syncs by itself")


def section(text: str, step: str) -> str:
    """The last part of a page that is about a step of that name."""
    return [part for part in re.split(r"^### ", text, flags=re.MULTILINE) if re.match(rf"[\d.]+ {step}: ", part)][-1]


def page(*contenders: Contender, **changes: Any) -> str:
    found = replace(survey(), contenders=contenders)
    made = plan(found, towpath(), target="2.27.8", forecasts=(harmless(), breaking()), now=NOW, settings=Settings())
    return runbook(made, towpath(), dialect(**changes))


def patch_of(wish: Wish) -> dict[str, Any]:
    command = dialect().roll_out("shop", wish)
    return json.loads(command[command.index("-p") + 1])


# --- by Helm -----------------------------------------------------------------------------------------------------------


def test_a_release_is_one_helm_upgrade_with_the_users_arguments_and_ours_behind_them() -> None:
    command = dialect(helm=by_helm()).roll_out("shop", FIRST)
    assert command == (
        "helm", "upgrade", "shop", "oci://registry.example/shop", "--kube-context", "prod", "-n", "canal",
        "--version", "2.27.8", "-f", "values.yaml",
        "--set", "app.replicaCount=1", "--set-string", "app.image.tag=v2.27.8",
        "--set", "app.livenessProbe.enabled=true", "--set", "app.livenessProbe.initialDelaySeconds=0",
        "--set", "app.livenessProbe.periodSeconds=2", "--set", "app.livenessProbe.timeoutSeconds=1",
        "--set", "app.livenessProbe.failureThreshold=450",
    )  # fmt: skip


def test_a_chart_with_numbers_of_its_own_is_asked_for_by_them() -> None:
    own = HelmProfile(chart="shop", values=(NEWER,), charts={FIRST.release: "1.19.1"})
    command = dialect(helm=by_helm(profile=own)).roll_out("shop", FIRST)
    assert command[command.index("--version") + 1] == "1.19.1"
    command = dialect(helm=by_helm(profile=own, version="7.{release}")).roll_out("shop", FIRST)
    assert command[command.index("--version") + 1] == f"7.{FIRST.release}"


def test_without_values_of_the_users_the_last_releases_are_kept() -> None:
    assert "--reset-then-reuse-values" in dialect(helm=by_helm(arguments=("--timeout", "10m"))).roll_out("shop", FIRST)
    assert "--reset-then-reuse-values" not in dialect(helm=by_helm(arguments=("--set=a=1",))).roll_out("shop", FIRST)


def test_the_wish_is_printed_as_values_too() -> None:
    shown = dialect(helm=by_helm()).fragment(FIRST)
    assert shown is not None
    assert re.search(r"app:\n +replicaCount: 1\n +image:\n +tag: v2\.27\.8", shown)
    assert "failureThreshold: 450" in shown
    assert dialect().fragment(FIRST) is None


def test_without_a_probe_the_chart_is_asked_to_switch_it_off() -> None:
    command = dialect(helm=by_helm()).roll_out("shop", replace(FIRST, liveness=None))
    assert "app.livenessProbe.enabled=false" in command
    assert not [word for word in command if "failureThreshold" in word]


def test_what_the_chart_has_no_value_for_is_said() -> None:
    slow = replace(FIRST, liveness=replace(LIVENESS, initial_delay_s=900.0))
    assert dialect(helm=by_helm(OLDER)).caveats(slow) == ()
    (caveat,) = dialect(helm=by_helm(OLDER)).caveats(FIRST)
    assert "failureThreshold" in caveat
    assert "post-renderer" in caveat


def test_secrets_in_the_users_arguments_are_masked() -> None:
    helm = by_helm(arguments=("--set", "app.adminPassword=hunter2", "--set=url=postgres://u:hunter2@db/x"))
    shown = page(helm=helm)
    assert "hunter2" not in shown
    assert "*** stands for what may be a secret" in shown


# --- by patch ----------------------------------------------------------------------------------------------------------


def test_without_helm_one_patch_carries_image_number_and_probe() -> None:
    patched = patch_of(FIRST)["spec"]
    (container,) = patched["template"]["spec"]["containers"]
    assert patched["replicas"] == 1
    assert (container["name"], container["image"]) == ("towpath", "towpath:2.27.8")
    assert container["livenessProbe"]["failureThreshold"] == 450
    assert "httpGet" not in container["livenessProbe"]  # a patch merges, so its action stays


def test_a_probe_is_taken_away_and_put_back_by_the_same_kind_of_patch() -> None:
    (without,) = patch_of(replace(FIRST, liveness=None))["spec"]["template"]["spec"]["containers"]
    assert without["livenessProbe"] is None
    (back,) = patch_of(replace(FIRST, liveness=LIVENESS))["spec"]["template"]["spec"]["containers"]
    assert back["livenessProbe"]["failureThreshold"] == LIVENESS.failure_threshold


@pytest.mark.parametrize(
    ("image", "release", "expected"),
    [
        ("ghcr.io/x/app:v2.26.0", "2.26.0", "ghcr.io/x/app:v2.27.8"),
        ("localhost:5000/app:2.26.0-slim", "2.26.0", "localhost:5000/app:2.27.8-slim"),
        ("localhost:5000/app", "2.26.0", "localhost:5000/app:2.27.8"),
        ("app:2.26.0@sha256:abc", "2.26.0", "app:2.27.8"),
        ("app:latest", "2.26.0", "app:2.27.8"),
    ],
)
def test_the_image_keeps_all_but_the_release_in_its_tag(image: str, release: str, expected: str) -> None:
    assert image_of(replace(workload(), image=image, release=release), "2.27.8") == expected


# --- the rest ----------------------------------------------------------------------------------------------------------


def test_every_command_names_context_and_namespace() -> None:
    for line in page(helm=by_helm()).splitlines():
        words = shlex.split(line) if line.startswith(("kubectl ", "helm ")) else []
        if words:
            assert words[words.index("-n") + 1] == "canal"
            assert words[words.index("--context" if words[0] == "kubectl" else "--kube-context") + 1] == "prod"


def test_terminating_pods_are_waited_for_where_none_shall_be_left() -> None:
    ((*_, limit),) = none = dialect().await_left("shop", 0, limit_s=40.0)
    assert "--for=delete" in none[0]
    assert limit == "--timeout=40s"
    (one,) = dialect().await_left("shop", 1, limit_s=40.0)
    assert "--for=jsonpath={.status.replicas}=1" in one


def test_logs_are_whole_and_events_are_those_of_the_pods() -> None:
    events, log, previous = dialect().evidence("shop")
    assert "Killing" in events
    assert " +towpath-" in events
    assert all("--tail=-1" in line for line in (log, previous))
    assert "--previous" in previous


@pytest.mark.skipif(shutil.which("jq") is None, reason="the lines are for a shell with jq")
def test_a_stuck_revision_is_marked_as_failed_in_its_record_and_by_its_label() -> None:
    record = {"name": "shop", "info": {"status": "pending-upgrade", "notes": "a\nü"}, "manifest": "kind: x\n"}
    packed = b64encode(b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    lines = "\n".join(dialect(helm=by_helm()).mark_failed(4))
    assert lines.count("--context prod -n canal") == 2
    assert lines.count("secret/sh.helm.release.v1.shop.v4") == 2
    here = f"kubectl() {{ case $* in *' get '*) printf %s {packed} ;; *' patch '*) cat ;; esac; }}\n"
    patch = json.loads(subprocess.run(["bash", "-c", here + lines], capture_output=True, check=True).stdout)
    assert patch["metadata"] == {"labels": {"status": "failed"}}
    written = json.loads(gzip.decompress(b64decode(b64decode(patch["data"]["release"]))))
    assert written == {**record, "info": {"status": "failed", "notes": "a\nü"}}


def test_without_helm_no_revision_is_marked() -> None:
    assert dialect().mark_failed(4) == ()


def test_a_note_is_written_on_the_object_and_taken_away_again() -> None:
    note, forget = dialect().note("shop", "was 2.26.0 with 3"), dialect().forget("shop")
    assert note is not None
    assert forget is not None
    assert "lockage.dev/runbook=was 2.26.0 with 3" in note
    assert forget[-1] == "lockage.dev/runbook-"


def test_autoscalers_are_shown_pinned_and_put_back_each_in_its_own_way() -> None:
    both = ("HorizontalPodAutoscaler/shop", "ScaledObject/shop")
    seen_hpa, seen_keda, hpa, keda = dialect().pin(both, 1)
    assert seen_hpa[-2:] == ("get", "horizontalpodautoscaler/shop")
    assert seen_keda[-2:] == ("get", "scaledobject/shop")
    assert json.loads(hpa[-1]) == {"spec": {"minReplicas": 1, "maxReplicas": 1}}
    assert "autoscaling.keda.sh/paused-replicas=1" in keda
    hpa_back, keda_back = dialect().unpin(both)
    assert "MINIMUM" in hpa_back[-1]
    assert keda_back[-1] == "autoscaling.keda.sh/paused-replicas-"


def test_an_autoscaler_is_raised_before_the_replicas_are_and_put_back_at_the_end() -> None:
    text = page(AUTOSCALER, helm=by_helm())
    raising = section(text, "raise-replicas")
    assert raising.index('"maxReplicas": 3') < raising.rindex("--set app.replicaCount=3")
    assert '"minReplicas": 1' in section(text, "pin-contenders")
    assert "MINIMUM" in section(text, "restore")
    assert "MINIMUM" not in section(page(helm=by_helm()), "restore")


def test_what_an_owner_shall_ask_for_is_printed_as_values_and_as_no_command() -> None:
    asked = section(page(OWNER, helm=by_helm()), "hand-over")
    assert "Have Application/shop in argocd ask for 2.27.8" in asked
    assert "replicaCount: 3" in asked
    assert "helm upgrade" not in asked


def test_the_database_is_asked_for_where_the_container_has_it() -> None:
    (line,) = dialect().settings("TOWPATH_PG_CONNECTION_URL")
    assert line.startswith('export TOWPATH_PG_CONNECTION_URL="$(kubectl')
    assert "ADDRESS OF THE DATABASE" not in page()


def test_the_runbook_is_well_formed_markdown() -> None:
    for contenders, helm in product(((), (AUTOSCALER,), (OWNER,)), (None, by_helm(), by_helm(OLDER))):
        text = page(*contenders, helm=helm)
        assert text.count("```") == 2 * (text.count("```sh") + text.count("```yaml"))
        assert "\n\n\n" not in text
        assert not [line for line in text.splitlines() if line != line.rstrip()]
