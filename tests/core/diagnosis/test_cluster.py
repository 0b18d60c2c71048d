"""Why a replica is not made, placed or let go, and rollouts that stand still or are undone."""
# ruff: noqa: E501 - the texts of Kubernetes stand as it prints them

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.evidence import Condition, Quota, ReleaseRevision
from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.facts import Contender, ContenderKind, VersionReading, VersionSource
from support import cases as c
from support.rules import found

NAME = c.names()[0]
SET = f"ReplicaSet/{c.SET}"
DEPLOYMENT = "Deployment/app"
OLD = tuple(c.old_pod(n) for n in c.names(of=c.OLD_SET))


def codes(seen: Case) -> set[str]:
    return {f.code for f in found(seen)}


def one(seen: Case, code: str) -> Finding:
    (finding,) = (f for f in found(seen) if f.code == code)
    return finding


def rolling(*, age: float = 200, present: int = 0, ready: int = 0, **platform: Any) -> Case:
    """The old replicas serve, and the new revision wants one."""
    given = {
        "details": OLD,
        "revisions": (
            c.old_revision(wanted=3, present=3, ready=3),
            c.revision(wanted=1, present=present, ready=ready, created_at=c.ago(age)),
        ),
        "conditions": c.progressing(reason="ReplicaSetUpdated"),
        "logs": (),
        **platform,
    }
    return c.case(platform=given)


QUOTA = (
    'Error creating: pods "app-74d8c6f9b-x7k2p" is forbidden: exceeded quota: compute, requested: limits.memory=512Mi, used: '
    "limits.memory=1536Mi, limited: limits.memory=1536Mi"
)

REFUSED = [
    (
        'Error creating: admission webhook "policy.example" denied the request: image is not signed',
        "admission webhook policy.example",
    ),
    (
        'Error creating: Internal error occurred: failed calling webhook "inject.example": failed to call webhook: Post "https://inject": dial tcp 10.0.0.1:443: connect: connection refused',
        "admission webhook inject.example",
    ),
    (
        'Error creating: pods "app-74d8c6f9b-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
        "the namespace's Pod Security level",
    ),
    (
        'Error creating: pods "app-74d8c6f9b-x" is forbidden: error looking up service account prod/app: serviceaccount "app" not found',
        "a missing service account",
    ),
    (
        'Error creating: pods "app-74d8c6f9b-x" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi',
        "a LimitRange",
    ),
]


def test_a_quota_without_room_is_named_with_what_is_used() -> None:
    quota = Quota(name="compute", hard={"limits.memory": "1536Mi"}, used={"limits.memory": "1536Mi"})
    seen = rolling(events=(c.event("FailedCreate", QUOTA, subject=SET),), quotas=(quota,))
    assert codes(seen) == {"F075"}
    finding = one(seen, "F075")
    assert "limits.memory=1536Mi" in finding.cause
    assert "0 of 1 replicas of 2.27.8 are there" in finding.cause
    assert any("limits.memory 1536Mi of 1536Mi" in e.text for e in finding.evidence)
    assert finding.about == (f"revision {c.SET}",)


def test_the_deployments_condition_says_it_too() -> None:
    failure = Condition(
        type="ReplicaFailure", status="True", reason="FailedCreate", message=QUOTA.removeprefix("Error creating: ")
    )
    assert codes(rolling(events=None, conditions=(*c.progressing(), failure))) == {"F075"}


@pytest.mark.parametrize(("text", "who"), REFUSED)
def test_a_replica_that_is_refused_says_by_whom(text: str, who: str) -> None:
    seen = rolling(events=(c.event("FailedCreate", text, subject=SET),))
    assert codes(seen) == {"F084"}
    assert f"refused by {who}" in one(seen, "F084").cause


UNSCHEDULABLE = "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient memory. preemption: 0/3 nodes are available"


def pending(age: float = 120, **changes: Any) -> Any:
    conditions = (
        Condition(type="PodScheduled", status="False", reason="Unschedulable", message=UNSCHEDULABLE, since=c.ago(age)),
    )
    return replace(
        c.pod(NAME), node=None, phase="Pending", conditions=conditions, containers=(), created_at=c.ago(age), **changes
    )


def test_a_replica_without_a_node_says_what_the_scheduler_lacks() -> None:
    seen = rolling(details=(pending(), *OLD), present=1)
    assert codes(seen) == {"F076"}
    assert "2 Insufficient memory" in one(seen, "F076").cause


def test_the_scheduler_is_heard_through_events_alone() -> None:
    waits = c.container(state=c.waiting(""), ready=False)
    detail = replace(pending(), conditions=(), containers=(waits,))
    seen = rolling(details=(detail, *OLD), present=1, events=(c.event("FailedScheduling", UNSCHEDULABLE, at=20),))
    assert codes(c.blind(seen, "platform.details")) == {"F076"}


def test_a_replica_that_does_not_end_is_named_with_what_holds_it() -> None:
    stuck = replace(c.old_pod(), deleted_at=c.ago(400), finalizers=("example.com/hold",))
    seen = c.case(platform={"details": (*(c.pod(n) for n in c.names()), stuck)})
    assert codes(seen) == {"F079"}
    assert "should have ended 400 s ago" in one(seen, "F079").cause
    assert "example.com/hold" in one(seen, "F079").cause


def test_a_node_that_is_gone_is_named_with_its_replicas() -> None:
    conditions = (
        Condition(
            type="Ready",
            status="Unknown",
            reason="NodeStatusUnknown",
            message="Kubelet stopped posting node status.",
            since=c.ago(300),
        ),
    )
    lost = c.node("node-2", ready=False, conditions=conditions)
    details = (c.pod(NAME, node="node-2", ready=False), *(c.pod(n) for n in c.names()[1:]))
    seen = c.case(platform={"details": details, "nodes": (c.node(), lost)})
    assert codes(seen) == {"F083"}
    assert one(seen, "F083").about == ("node node-2", f"pod {NAME}")


def test_a_node_that_is_gone_is_named_to_who_may_not_look_at_nodes() -> None:
    conditions = tuple(replace(each, since=c.ago(100)) for each in c.conditions(ready=False))
    lost = c.pod(NAME, node="node-2", ready=False, conditions=conditions)
    others = tuple(c.pod(n) for n in c.names()[1:])
    told = c.event("NodeNotReady", "Node is not ready", at=100)
    seen = c.case(platform={"details": (lost, *others), "events": (told,), "nodes": None})
    assert codes(seen) == {"F083"}
    assert one(seen, "F083").about == ("node node-2", f"pod {NAME}")
    back = c.case(platform={"details": (c.pod(NAME, node="node-2"), *others), "events": (told,), "nodes": None})
    assert not codes(back)


def test_a_paused_rollout_is_named_with_both_images() -> None:
    seen = c.case(
        platform={
            "workload": c.workload(paused=True),
            "details": OLD,
            "revisions": (c.old_revision(wanted=3, present=3, ready=3),),
        }
    )
    assert codes(seen) == {"F080"}
    assert c.image() in one(seen, "F080").cause
    assert c.image(c.OLD_RELEASE) in one(seen, "F080").cause


def test_a_rollout_past_its_deadline_is_an_effect() -> None:
    message = f'ReplicaSet "{c.SET}" has timed out progressing.'
    young = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=30), ready=False),))
    seen = rolling(
        age=500,
        present=1,
        details=(young, *OLD),
        conditions=c.progressing("False", "ProgressDeadlineExceeded", message=message),
    )
    assert codes(seen) == {"F081"}
    assert "0 of 1 replicas of 2.27.8 ready" in one(seen, "F081").cause


def test_a_deployment_at_zero_runs_nothing() -> None:
    events = (
        c.event("ScalingReplicaSet", f"Scaled down replica set {c.SET} from 3 to 0", subject=DEPLOYMENT, kind="Normal", at=300),
    )
    seen = c.case(
        platform={
            "workload": c.workload(replicas=0, scaled_by="kubectl (scale)"),
            "details": (),
            "events": events,
            "logs": (),
            "revisions": (c.revision(wanted=0, present=0, ready=0),),
        }
    )
    assert codes(seen) == {"F082"}
    assert "set by kubectl (scale)" in one(seen, "F082").cause


def test_an_old_release_that_serves_on_is_found_when_it_has_lasted() -> None:
    new = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=30), ready=False),), created_at=c.ago(1300))
    seen = rolling(age=1300, present=1, details=(new, *OLD))
    assert codes(seen) == {"F073"}
    assert "3 replicas of 2.26.0" in one(seen, "F073").cause
    assert "after 22 min" in one(seen, "F073").cause


def test_replicas_of_one_image_that_show_two_versions_are_mixed() -> None:
    versions = tuple(
        VersionReading(source=VersionSource.BUILDINFO, where=n, version=v)
        for n, v in zip(c.names(), ("v2.27.8", "2.27.8+a1", "2.27.9"), strict=True)
    )
    seen = c.case(platform={"versions": versions})
    assert codes(seen) == {"F073"}
    assert "2.27.8, 2.27.9" in one(seen, "F073").cause


HPA = Contender(
    kind=ContenderKind.AUTOSCALER, object="HorizontalPodAutoscaler/app", does="keeps 3 to 6 replicas", minimum=3, maximum=6
)
PUT_BACK = (
    c.event("ScalingReplicaSet", f"Scaled down replica set {c.SET} from 3 to 1", subject=DEPLOYMENT, kind="Normal", at=200),
    c.event(
        "SuccessfulRescale",
        "New size: 3; reason: Current number of replicas below Spec.MinReplicas",
        subject="HorizontalPodAutoscaler/app",
        kind="Normal",
        at=185,
    ),
    c.event("ScalingReplicaSet", f"Scaled up replica set {c.SET} from 1 to 3", subject=DEPLOYMENT, kind="Normal", at=185),
)


def test_an_autoscaler_that_undoes_a_scale_down_is_named() -> None:
    seen = c.case(platform={"events": PUT_BACK, "contenders": (HPA,)})
    assert codes(seen) == {"F074"}
    assert one(seen, "F074").cause == "app was scaled down to 1, and HorizontalPodAutoscaler app scaled it back to 3 15 s later"


def test_an_autoscaler_that_undoes_it_at_once_is_named_and_one_that_scales_by_itself_is_not() -> None:
    at_once = (replace(PUT_BACK[0], at=c.ago(186)), *PUT_BACK[1:])
    assert codes(c.case(platform={"events": at_once, "contenders": (HPA,)})) == {"F074"}
    own = replace(PUT_BACK[1], text="New size: 1; reason: All metrics below target", at=c.ago(201))
    by_itself = c.case(platform={"events": (own, *PUT_BACK), "contenders": (HPA,)})
    assert not codes(by_itself)


ARGO = Contender(
    kind=ContenderKind.OWNER, object="Application/app in argocd", does="syncs by itself", desired_image=c.image(c.OLD_RELEASE)
)


def test_gitops_that_wants_the_old_image_is_named() -> None:
    seen = c.case(platform={"contenders": (ARGO,)})
    assert codes(seen) == {"F085"}
    assert "Application/app in argocd wants" in one(seen, "F085").cause


def test_gitops_that_has_put_the_old_image_back_is_named() -> None:
    back = c.revision(number=5, image=c.image(c.OLD_RELEASE), release=c.OLD_RELEASE, created_at=c.ago(100), name=c.OLD_SET)
    tried = c.revision(number=4, wanted=0, present=0, ready=0, created_at=c.ago(160))
    seen = c.case(
        platform={
            "workload": c.workload(image=c.image(c.OLD_RELEASE), release=c.OLD_RELEASE),
            "details": OLD,
            "revisions": (tried, back),
            "contenders": (ARGO,),
        }
    )
    assert codes(seen) == {"F085"}
    assert "has put" in one(seen, "F085").cause


def release(status: str, *, at: float, revision: int = 4) -> ReleaseRevision:
    return ReleaseRevision(revision=revision, status=status, chart="app-2.27.8", updated_at=c.ago(at))


def test_a_helm_release_that_is_pending_for_good_is_stuck() -> None:
    seen = c.case(platform={"releases": (release("superseded", at=9000, revision=3), release("pending-upgrade", at=3000))})
    assert codes(seen) == {"F077"}
    assert "revision 4 of app-2.27.8 has been pending-upgrade for 50 min" in one(seen, "F077").cause


def test_a_run_that_stands_on_the_object_is_unfinished() -> None:
    seen = c.case(platform={"workload": c.workload(annotations={"lockage.dev/run": "{}", "lockage.dev/former": "{}"})})
    assert codes(seen) == {"F078"}
    assert not one(seen, "F078").harmless
    left = c.case(platform={"workload": c.workload(annotations={"lockage.dev/former": "{}"})})
    assert "cannot be read" in one(left, "F078").cause


def test_a_pin_that_was_left_behind_is_found() -> None:
    pinned = replace(HPA, minimum=1, maximum=1, changed_by="lockage at 02:10:00")
    assert "still pinned" in one(c.case(platform={"contenders": (pinned,)}), "F078").cause


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_a_quota_that_has_made_room_since_is_over() -> None:
    events = (c.event("FailedCreate", QUOTA, subject=SET, at=200),)
    assert codes(c.case(platform={"events": events})) == set()


def test_a_failed_scheduling_of_a_replica_that_has_its_node_is_over() -> None:
    assert codes(c.case(platform={"events": (c.event("FailedScheduling", UNSCHEDULABLE, at=60),)})) == set()


def test_a_replica_that_waits_for_its_node_for_a_moment_is_nothing() -> None:
    assert codes(rolling(details=(pending(age=4), *OLD), present=1)) == set()


def test_a_rollout_that_moves_has_two_releases_for_a_while() -> None:
    new = c.pod(NAME, created_at=c.ago(30))
    assert codes(rolling(age=40, present=1, ready=1, details=(new, *OLD))) == set()


def test_an_autoscaler_that_scales_as_it_should_is_left_alone() -> None:
    events = (
        c.event(
            "SuccessfulRescale",
            "New size: 3; reason: All metrics below target",
            subject="HorizontalPodAutoscaler/app",
            kind="Normal",
            at=901,
        ),
        c.event("ScalingReplicaSet", f"Scaled down replica set {c.SET} from 5 to 3", subject=DEPLOYMENT, kind="Normal", at=900),
        c.event(
            "SuccessfulRescale",
            "New size: 5; reason: cpu resource utilization (percentage of request) above target",
            subject="HorizontalPodAutoscaler/app",
            kind="Normal",
            at=300,
        ),
        c.event("ScalingReplicaSet", f"Scaled up replica set {c.SET} from 3 to 5", subject=DEPLOYMENT, kind="Normal", at=300),
    )
    assert codes(c.case(platform={"events": events, "contenders": (HPA,)})) == set()


def test_a_person_who_scales_down_and_up_again_is_left_alone() -> None:
    events = (PUT_BACK[0], PUT_BACK[2])
    assert codes(c.case(platform={"events": events, "workload": c.workload(scaled_by="kubectl (scale)")})) == set()


def test_gitops_that_wants_what_runs_is_left_alone() -> None:
    assert codes(c.case(platform={"contenders": (replace(ARGO, desired_image=c.image()),)})) == set()
    assert codes(c.case(platform={"contenders": (replace(ARGO, paused=True),)})) == set()


def test_a_paused_deployment_that_has_what_was_asked_for_is_left_alone() -> None:
    assert codes(c.case(platform={"workload": c.workload(paused=True)})) == set()


def test_a_helm_that_still_waits_is_not_stuck() -> None:
    new = c.pod(NAME, ready=False, containers=(c.container(state=c.running(for_s=30), ready=False),), created_at=c.ago(50))
    seen = rolling(age=60, present=1, details=(new, *OLD), releases=(release("pending-upgrade", at=60),))
    assert codes(seen) == set()
    assert codes(c.case(platform={"releases": (release("failed", at=9000, revision=3), release("deployed", at=3000))})) == set()


def test_a_cordoned_node_and_one_without_our_replicas_are_nothing() -> None:
    nodes = (c.node(unschedulable=True), c.node("node-9", ready=False))
    assert codes(c.case(platform={"nodes": nodes})) == set()


def test_a_run_that_is_at_work_is_said_and_harmless() -> None:
    fence = c.session(99, application_name="lockage/fence", user="lockage")
    seen = c.case(platform={"workload": c.workload(annotations={"lockage.dev/run": "{}"})}, database={"looks": c.looks(fence)})
    assert one(seen, "F078").harmless


def test_a_job_beside_the_deployment_is_none_of_its_replicas() -> None:
    events = (
        c.event(
            "BackOff",
            "Back-off restarting failed container backup in pod app-backup-29401-x_prod(0c9f)",
            subject="Pod/app-backup-29401-x",
        ),
    )
    assert codes(c.case(platform={"events": events})) == set()
