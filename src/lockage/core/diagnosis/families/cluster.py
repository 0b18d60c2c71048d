"""The cluster: why a replica is not made, not placed, not let go, or sits on a node that is gone.

Pure. Rollouts, autoscalers and GitOps are in ``standstill``. The surprising thing: where no new replica is made there is no pod
to look at; the reason stands at the ReplicaSet, whose events are told ever more seldom, so that they are compared with how
many replicas it still lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.evidence import ContainerPhase, Node, ReplicaDetail
from lockage.core.diagnosis.families import standstill
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.present import (
    age_s,
    condition,
    details,
    event_line,
    events,
    kubectl,
    living,
    newest_revision,
    noun,
    pod_events,
    pods,
    replica,
    who,
)
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import Event, ReplicaPhase
from lockage.core.wording import duration, listed

RETRIED_S = 1100.0
"""How old the last refusal may be: a ReplicaSet tries again at intervals that grow to 1 000 s.

Source: Kubernetes 1.33, client-go DefaultControllerRateLimiter.
"""

UNSCHEDULED_S = 15.0
"""How long a replica may wait for its place: a scheduler takes milliseconds, and its queue tries again within ten seconds."""

TOLD_S = 10.0
"""How far the event of a replica whose node is gone may be from when it was called unready: both are written at once."""

NO_FORCE = (
    "do not force-delete its pods before the machine is known to be off: their processes may still run, hold locks and write"
)

STUCK_S = 30.0
"""How long after its grace a terminating replica may still be there: the kubelet kills, and cleans up, within seconds."""


# --- not made ---------------------------------------------------------------------------------------------------------


def not_admitted(case: Case) -> Iterator[Finding]:
    """F075, F084: the API server does not take new replicas."""
    seen = _refusal(case)
    if seen is None:
        return
    text, exhibit, name = seen
    quota = re.search(r"(?:exceeded|failed) quota: (?P<name>[^:,]+)", text)
    newest = newest_revision(case)
    short = f"; {newest.present} of {newest.wanted} replicas of {newest.release} are there" if newest is not None else ""
    about = (f"revision {name}",) if name else ((f"revision {newest.name}",) if newest is not None else ())
    if quota is not None:
        yield Finding(
            code="F075",
            cause=f"ResourceQuota {quota['name']} has no room for another {noun(case)}: {_after(text, 'quota: ')}{short}",
            confidence=0.95,
            why="the API server refused the replica with these words",
            evidence=(exhibit, *_quota_lines(case, quota["name"])),
            next=kubectl(case, "describe", "resourcequota", quota["name"]),
            avoid="do not delete replicas that serve to make room: the new one may need longer than you think",
            about=about,
        )
        return
    yield Finding(
        code="F084",
        cause=f"new replicas are refused by {_who_refuses(text)}: {_refused(text)}{short}",
        confidence=0.9,
        why="the API server refused the replica with these words",
        evidence=(exhibit,),
        next=kubectl(case, "describe", "replicaset", name or (newest.name if newest is not None else "")).rstrip(),
        avoid="do not switch the policy off for everybody: correct the pod's template, or ask whoever runs it for an exception",
        about=about,
    )


def _refusal(case: Case) -> tuple[str, Exhibit, str | None] | None:
    """What was said last of a replica that could not be made, as long as one is lacking."""
    newest = newest_revision(case)
    for event in reversed(events(case, "FailedCreate")):
        kind, _, name = event.subject.partition("/")
        if kind == "ReplicaSet" and age_s(case, event.at) < RETRIED_S and _lacks(case, name):
            return event.text, event_line(event), name
    failure = condition(case.evidence.platform.conditions or (), "ReplicaFailure")
    if failure is not None and failure.status == "True" and (newest is None or newest.present < newest.wanted):
        text = f"ReplicaFailure {failure.reason}: {failure.message}"
        return failure.message, Exhibit(source="conditions of the Deployment", text=text), None
    return None


def _lacks(case: Case, name: str) -> bool:
    """Whether this ReplicaSet still wants a replica that is not there."""
    revisions = case.evidence.platform.revisions
    if revisions is not None:
        found = next((r for r in revisions if r.name == name), None)
        return found is not None and found.present < found.wanted
    workload = case.evidence.platform.workload
    return workload is None or len(living(case)) < workload.replicas


def _quota_lines(case: Case, name: str) -> Iterator[Exhibit]:
    for quota in case.evidence.platform.quotas or ():
        if quota.name == name:
            full = ", ".join(f"{what} {quota.used.get(what, '0')} of {limit}" for what, limit in quota.hard.items())
            yield Exhibit(source=f"ResourceQuota/{name}", text=full)


def _after(text: str, word: str) -> str:
    _, _, rest = text.partition(word)
    return rest.partition(", ")[2][:200] or rest[:200]


def _who_refuses(text: str) -> str:
    webhook = re.search(r"(?:admission webhook|failed calling webhook) \"(?P<name>[^\"]+)\"", text)
    if webhook is not None:
        return f"admission webhook {webhook['name']}"
    policy = re.search(r"ValidatingAdmissionPolicy '(?P<name>[^']+)'", text)
    if policy is not None:
        return f"ValidatingAdmissionPolicy {policy['name']}"
    for words, refuser in (
        ("violates PodSecurity", "the namespace's Pod Security level"),
        ("service account", "a missing service account"),
        ("usage per", "a LimitRange"),
        ("PriorityClass", "a missing PriorityClass"),
    ):
        if words in text:
            return refuser
    return "the API server"


def _refused(text: str) -> str:
    return " ".join(text.removeprefix("(combined from similar events): ").removeprefix("Error creating: ").split())[:240]


# --- not placed -------------------------------------------------------------------------------------------------------


def not_scheduled(case: Case) -> Iterator[Finding]:
    """F076: no node takes a replica."""
    found = [(detail, seen) for detail in living(case) if (seen := _unscheduled(case, detail)) is not None]
    if not found:
        return
    names = tuple(detail.name for detail, _ in found)
    text, exhibit = found[0][1]
    waits = "finds" if len(names) == 1 else "find"
    yield Finding(
        code="F076",
        cause=f"{who(case, names)} {waits} no node: {text[:240]}",
        confidence=0.95,
        why="the scheduler says so, and it has no node yet",
        evidence=(exhibit,),
        next=kubectl(case, "describe", "pod", names[0]),
        avoid="do not delete a replica that migrates to make room",
        about=pods(*names),
    )


def _unscheduled(case: Case, detail: ReplicaDetail) -> tuple[str, Exhibit] | None:
    if detail.node is not None or (detail.created_at is not None and age_s(case, detail.created_at) < UNSCHEDULED_S):
        return None
    scheduled = condition(detail.conditions, "PodScheduled")
    if scheduled is not None:
        if scheduled.status != "False" or scheduled.reason != "Unschedulable":
            return None
        text = " ".join(scheduled.message.split())
        return text, Exhibit(source=f"conditions of Pod/{detail.name}", text=f"PodScheduled False Unschedulable: {text}")
    # The list of replicas does not tell of nodes.
    listed_one = replica(case, detail.name)
    last = pod_events(case, detail.name, "FailedScheduling", "Scheduled")[-1:]
    if listed_one is None or listed_one.phase is not ReplicaPhase.PENDING or not last or last[0].reason == "Scheduled":
        return None
    return last[0].text, event_line(last[0])


# --- not let go, and gone ---------------------------------------------------------------------------------------------


def stuck_terminating(case: Case) -> Iterator[Finding]:
    """F079: a replica was asked to end, and is there long after its grace."""
    gone = {node.name for node in case.evidence.platform.nodes or () if not node.ready}
    for detail in details(case):
        late = age_s(case, detail.deleted_at) if detail.deleted_at is not None else 0.0
        if detail.deleted_at is None or late < STUCK_S:
            continue
        running = any(c.state.phase is ContainerPhase.RUNNING for c in detail.containers)
        why = _why_stuck(detail, node_gone=detail.node in gone)
        yield Finding(
            code="F079",
            cause=f"{noun(case)} {detail.name} should have ended {duration(late)} ago and is still there{why}",
            confidence=0.9,
            why="its deletion time, which includes its grace, is past",
            evidence=(_deletion(detail),),
            next=lockage(case, "survey") if running else kubectl(case, "describe", "pod", detail.name),
            avoid=(
                "do not delete it with --force before it is known that its process is gone: "
                "it may still hold sessions and locks, and write"
            ),
            about=(*pods(detail.name), *((f"node {detail.node}",) if detail.node in gone else ())),
        )


def _why_stuck(detail: ReplicaDetail, *, node_gone: bool) -> str:
    if node_gone:
        return f": its node {detail.node} does not answer"
    return f": finalizers {listed(detail.finalizers)} hold it" if detail.finalizers else ""


def _deletion(detail: ReplicaDetail) -> Exhibit:
    finalizers = f", finalizers {', '.join(detail.finalizers)}" if detail.finalizers else ""
    states = ", ".join(f"{c.name} {c.state.phase}" for c in detail.containers)
    at = f"{detail.deleted_at:%H:%M:%S}" if detail.deleted_at is not None else "?"
    return Exhibit(source=f"metadata of Pod/{detail.name}", text=f"deletionTimestamp {at}{finalizers}; containers: {states}")


def node_gone(case: Case) -> Iterator[Finding]:
    """F083: a node with a replica on it does not answer."""
    if case.evidence.platform.nodes is None:
        yield from _node_gone_unseen(case)
    for node in case.evidence.platform.nodes or ():
        guests = tuple(d.name for d in details(case) if d.node == node.name and d.phase not in {"Failed", "Succeeded"})
        if node.ready or not guests:
            continue
        shown = condition(node.conditions, "Ready")
        since = f" for {duration(age_s(case, shown.since))}" if shown is not None and shown.since is not None else ""
        yield Finding(
            code="F083",
            cause=f"node {node.name} has not been ready{since}, with {who(case, guests)} on it",
            confidence=0.9,
            why="the API server has not heard of it"
            if shown is not None and shown.status == "Unknown"
            else "it says so itself",
            evidence=(_ready_line(node), *(event_line(e) for e in _node_events(case, node)[-1:])),
            next=kubectl(case, "describe", "node", node.name),
            avoid=NO_FORCE,
            about=(f"node {node.name}", *pods(*guests)),
        )


def _node_gone_unseen(case: Case) -> Iterator[Finding]:
    """F083 for whoever may not look at nodes: their controller says so at each replica that it calls unready for it."""
    told: dict[str, list[tuple[str, Event]]] = {}
    for detail in details(case):
        said, shown = pod_events(case, detail.name, "NodeNotReady")[-1:], condition(detail.conditions, "Ready")
        if not said or detail.node is None or shown is None or shown.status == "True":
            continue
        if shown.since is None or abs((said[0].at - shown.since).total_seconds()) <= TOLD_S:  # later: for another reason
            told.setdefault(detail.node, []).append((detail.name, said[0]))
    for node, guests in told.items():
        names = tuple(name for name, _ in guests)
        yield Finding(
            code="F083",
            cause=f"node {node} has not been ready for {duration(age_s(case, guests[0][1].at))}, with {who(case, names)} on it",
            confidence=0.8,
            why="its replicas' events say so; the node itself may not be looked at",
            evidence=tuple(event_line(event) for _, event in guests[:2]),
            next=kubectl(case, "describe", "node", node),
            avoid=NO_FORCE,
            about=(f"node {node}", *pods(*names)),
        )


def _node_events(case: Case, node: Node) -> tuple[Event, ...]:
    return events(case, "NodeNotReady", subject=f"Node/{node.name}")


def _ready_line(node: Node) -> Exhibit:
    shown = condition(node.conditions, "Ready")
    text = f"Ready {shown.status} {shown.reason}: {shown.message}" if shown is not None else "not ready"
    return Exhibit(source=f"conditions of Node/{node.name}", text=text.rstrip(": "))


RULES: tuple[Rule, ...] = (not_admitted, not_scheduled, stuck_terminating, node_gone, *standstill.RULES)
