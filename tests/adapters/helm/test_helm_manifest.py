"""What was rendered against what was asked for, the edits that would make it so, and what changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from lockage.adapters.helm.changes import changes, same
from lockage.adapters.helm.manifest import Asked, Edit, image_release, mismatches, objects, repository, says_replicas
from lockage.adapters.helm.post_renderer import edited
from lockage.core.facts import Probe
from lockage.core.release.profile import WorkloadProfile
from lockage.errors import RefusedError

PROFILE = WorkloadProfile(image="ghcr.io/coder/coder")
MANIFEST = """---
# Source: coder/templates/coder.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: coder
data:
  mode: 0644
  on: yes
---
# Source: coder/templates/coder.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: coder
  annotations: {octal: "0644", date: 2026-01-01}
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: proxy
          image: other:1
        - name: coder
          image: "mirror.test/coder/coder:v2.29.0@sha256:00"
          args: ['yes', no, =]
          readinessProbe: {httpGet: {path: /healthz, port: http}}
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            initialDelaySeconds: 0
"""
ASKED = Asked(workload="coder", release="2.29.0", replicas=3, liveness=Probe(), pinned=False)


def wrong(asked: Asked, manifest: str = MANIFEST) -> list[str]:
    return [str(one) for one in mismatches(objects(manifest), asked, PROFILE)]


def made_so(asked: Asked, manifest: str = MANIFEST) -> str:
    edits = [edit for one in mismatches(objects(manifest), asked, PROFILE) for edit in one.edits]
    return edited(manifest, edits)


def test_what_is_as_asked_for_is_no_mismatch() -> None:
    assert wrong(ASKED) == []


def test_each_field_that_differs_is_named_with_its_value_and_what_was_expected() -> None:
    asked = replace(ASKED, release="2.30.0", replicas=1, liveness=Probe(failure_threshold=90, period_s=5.0))
    assert wrong(asked) == [
        "Deployment/coder: replicas is 3, expected 1",
        "Deployment/coder: image is mirror.test/coder/coder:v2.29.0@sha256:00, expected release 2.30.0",
        "Deployment/coder: periodSeconds is 10, expected 5",
        "Deployment/coder: failureThreshold is 3, expected 90",
    ]


def test_edits_make_it_so_and_leave_every_other_letter_as_it_was() -> None:
    asked = replace(ASKED, replicas=1, liveness=Probe(failure_threshold=90))
    after = made_so(asked)
    assert wrong(asked, after) == []
    assert after.startswith(MANIFEST[: MANIFEST.index("---\n# Source: coder/templates/coder.yaml\napiVersion: apps/v1")])
    for kept in ('octal: "0644"', "date: 2026-01-01", "'yes', no, =", "image: other:1"):
        assert kept in after


def test_a_probe_is_taken_out_and_put_in() -> None:
    without = replace(ASKED, liveness=None)
    assert wrong(without) == ["Deployment/coder: livenessProbe is there, expected none"]
    bare = made_so(without)
    assert wrong(without, bare) == []
    back = replace(ASKED, liveness=Probe(failure_threshold=7))
    again = made_so(back, bare)
    assert wrong(back, again) == []
    probe = next(thing for thing in objects(again) if thing["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"][
        1
    ]
    assert probe["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_a_deployment_that_says_no_number_of_replicas_is_left_to_its_autoscaler() -> None:
    manifest = MANIFEST.replace("  replicas: 3\n", "")
    assert wrong(replace(ASKED, replicas=1), manifest) == []
    assert not says_replicas(objects(manifest), "coder")


AUTOSCALERS = """---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: coder}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: coder}
  maxReplicas: 5
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: scaled}
spec:
  scaleTargetRef: {name: coder}
  minReplicaCount: 2
  maxReplicaCount: 9
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: another}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: another}
  maxReplicas: 5
"""


def test_autoscalers_of_the_workload_are_held_when_asked_for() -> None:
    manifest = MANIFEST + AUTOSCALERS
    assert wrong(ASKED, manifest) == []
    held = replace(ASKED, pinned=True)
    assert wrong(held, manifest) == [
        "HorizontalPodAutoscaler/coder: minReplicas is None, expected 3",
        "HorizontalPodAutoscaler/coder: maxReplicas is 5, expected 3",
        "ScaledObject/scaled: minReplicaCount is 2, expected 3",
        "ScaledObject/scaled: maxReplicaCount is 9, expected 3",
    ]
    assert wrong(held, made_so(held, manifest)) == []


def test_another_chart_is_refused_with_the_deployments_that_it_has() -> None:
    with pytest.raises(RefusedError, match="renders 0 Deployments named shop; Deployments that it renders: coder") as refused:
        wrong(replace(ASKED, workload="shop"))
    assert refused.value.code == "LK515"


def test_an_edit_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place to edit in Deployment/shop"):
        edited(MANIFEST, [Edit(kind="Deployment", name="shop", path=("spec", "replicas"), value=1)])


@pytest.mark.parametrize(
    ("image", "name", "release"),
    [
        ("coder:v2.30.0", "coder", "2.30.0"),
        ("host:5000/a/b:2.1.0@sha256:ff", "host:5000/a/b", "2.1.0"),
        ("host:5000/a/b", "host:5000/a/b", None),
        ("a/b:latest", "a/b", "latest"),
    ],
)
def test_an_image_is_read_with_ports_tags_and_digests(image: str, name: str, release: str | None) -> None:
    assert (repository(image), image_release(image)) == (name, release)


def test_changes_are_told_by_object_and_field_without_secrets() -> None:
    before = objects(
        MANIFEST + "---\nkind: Secret\nmetadata: {name: s}\ndata: {a: one}\n---\nkind: Role\nmetadata: {name: old}\n"
    )
    after = objects(
        MANIFEST.replace("replicas: 3", "replicas: 1").replace(
            "image: other:1", "image: other:2\n          env: [{name: A, value: b}]"
        )
        + "---\nkind: Secret\nmetadata: {name: s}\ndata: {a: two}\n---\nkind: Role\nmetadata: {name: new}\n"
    )
    lines = changes(before, after)
    assert lines[:2] == ("Role/old goes", "Role/new comes")
    assert "Deployment/coder: spec.replicas 3 becomes 1" in lines
    assert "Deployment/coder: container proxy.image other:1 becomes other:2" in lines
    assert "Secret/s: data.a changes" in lines
    assert any(line.endswith("env.A.value changes") for line in lines)
    assert not same(before, after)
    assert same(before, tuple(reversed(before)))


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(RefusedError, match="no YAML"):
        objects("a: [")


def test_a_list_is_taken_apart() -> None:
    assert [thing["kind"] for thing in objects(yaml.safe_dump({"kind": "List", "items": [{"kind": "A"}, {"kind": "B"}]}))] == [
        "A",
        "B",
    ]
