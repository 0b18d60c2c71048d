"""Rollouts that stand still, and those who undo them: paused, at zero, past their deadline, autoscalers, GitOps, Helm, runs.

Pure; a part of the family ``cluster``. The surprising thing: nearly everything here is normal for a while. Two releases serve
side by side in every rolling update, autoscalers scale, and a Helm release is pending as long as Helm waits; so each rule says
what makes it last too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.evidence import Revision
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.migrator import migrator
from lockage.core.diagnosis.present import (
    age_s,
    all_well,
    condition,
    event_line,
    events,
    kubectl,
    living,
    newest_revision,
)
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import Contender, ContenderKind, Event, LedgerState, VersionSource, Workload
from lockage.core.release.route import last_migration
from lockage.core.run import FORMER_NOTE, RUN_NOTE, read_notes
from lockage.core.sessions import OURS
from lockage.core.wording import counted, duration, listed
from lockage.errors import HaltedError

PROGRESS_S = 600.0
"""How long a rollout may take before two releases side by side are worth a finding.

Source: Kubernetes API reference v1.33, apps/v1 DeploymentSpec, default of progressDeadlineSeconds.
"""

SIDE_BY_SIDE_S = 300.0
"""How long an old release may serve over a schema that has moved: a rolling update exchanges its replicas within minutes."""

PUT_BACK_S = 1800.0
"""How long ago an autoscaler or GitOps may have put something back, to be told of."""

HELM_WAITS_S = 600.0
"""How long a Helm release may be pending: twice Helm's own limit for a wait. Source: helm upgrade --help, --timeout 5m."""

ENDED_PENDING_S = 60.0
"""How long a release may be pending although all its replicas are ready: Helm writes its end at once."""


def _about(case: Case) -> str:
    return f"deployment {case.evidence.deployment}"


# --- stands still -----------------------------------------------------------------------------------------------------


def paused(case: Case) -> Iterator[Finding]:
    """F080: the Deployment is paused, so that what was asked for is not rolled out."""
    workload = case.evidence.platform.workload
    if workload is None or not workload.paused:
        return
    images = sorted({r.image for r in case.evidence.platform.replicas or ()} - {workload.image})
    if not images:
        return
    by = f", changed by {workload.changed_by}" if workload.changed_by else ""
    yield Finding(
        code="F080",
        cause=f"the rollout of {workload.name} is paused: {workload.image} is asked for, and {listed(tuple(images))} runs",
        confidence=0.95,
        why="spec.paused is true, and the replicas have another image",
        evidence=(Exhibit(source=f"Deployment/{workload.name}", text=f"spec.paused: true, image {workload.image}{by}"),),
        next=kubectl(case, "rollout", "resume", f"deployment/{workload.name}"),
        avoid="do not resume it with several replicas of the new release before the migration was planned: lockage plan",
        about=(_about(case),),
    )


def deadline_exceeded(case: Case) -> Iterator[Finding]:
    """F081: the platform has given up waiting for the rollout; always an effect."""
    shown = condition(case.evidence.platform.conditions or (), "Progressing")
    if shown is None or shown.status != "False" or shown.reason != "ProgressDeadlineExceeded" or all_well(case):
        return
    newest = newest_revision(case)
    name = case.evidence.deployment
    short = f", with {newest.ready} of {newest.wanted} replicas of {newest.release} ready" if newest is not None else ""
    yield Finding(
        code="F081",
        cause=f"the rollout of {name} has exceeded its progress deadline{short}",
        confidence=0.9,
        why="the Deployment says so; why its replicas do not get ready is a cause of its own",
        evidence=(Exhibit(source="conditions of the Deployment", text=f"Progressing False {shown.reason}: {shown.message}"),),
        next=kubectl(case, "rollout", "status", f"deployment/{name}", "--timeout=5s"),
        avoid="do not roll back for this alone: the platform goes on by itself, and the schema may have moved",
        about=(_about(case), *((f"revision {newest.name}",) if newest is not None else ())),
    )


def at_zero(case: Case) -> Iterator[Finding]:
    """F082: no replica is asked for."""
    workload = case.evidence.platform.workload
    if workload is None or workload.replicas > 0 or living(case):
        return
    by = f", set by {workload.scaled_by}" if workload.scaled_by else ""
    downs = [e for e in events(case, "ScalingReplicaSet") if re.search(r"Scaled down .* to 0\b", e.text)]
    yield Finding(
        code="F082",
        cause=f"{workload.name} is scaled to zero: nothing runs, and nothing will{by}",
        confidence=0.95,
        why="spec.replicas is 0",
        evidence=(
            Exhibit(source=f"Deployment/{workload.name}", text=f"spec.replicas: 0{by}"),
            *(event_line(e) for e in downs[-1:]),
        ),
        next=lockage(case, "recover", "--plan-only"),
        avoid="do not scale it up before the ledger was compared with the image: several replicas would begin to migrate",
        about=(_about(case),),
    )


# --- two releases -----------------------------------------------------------------------------------------------------


def side_by_side(case: Case) -> Iterator[Finding]:
    """F073: an old release still runs beside the new one, for longer than an exchange takes."""
    yield from _mixed_answers(case)
    newest = newest_revision(case)
    if newest is None or migrator(case) is not None:
        return
    old = [r for r in case.evidence.platform.revisions or () if r.number < newest.number and r.ready > 0]
    lasting = age_s(case, newest.created_at) if newest.created_at is not None else PROGRESS_S
    moved = _schema_moved(case, old)
    if not old or lasting < (SIDE_BY_SIDE_S if moved else PROGRESS_S):
        return
    there = " and ".join(f"{counted(r.present, 'replica')} of {r.release or r.image} ({r.name}, {r.ready} ready)" for r in old)
    runs = "runs" if len(old) == 1 and old[0].present == 1 else "run"
    over = ", over a schema that is no longer its own" if moved else ""
    yield Finding(
        code="F073",
        cause=f"{there} still {runs} beside {newest.release or newest.image} after {duration(lasting)}{over}",
        confidence=0.9 if moved else 0.8,
        why="the rollout began long ago, and its old ReplicaSet still has replicas",
        evidence=tuple(_revision_line(r) for r in (*old, newest)),
        next=lockage(case, "survey") if not moved else lockage(case, "recover", "--plan-only"),
        avoid="do not delete the old replicas as long as no new one is ready: they are all that serves"
        if newest.ready == 0
        else "do not restart the old replicas: what runs over the new schema may not start over it",
        about=(_about(case), *(f"revision {r.name}" for r in (*old, newest))),
    )


def _schema_moved(case: Case, old: list[Revision]) -> bool:
    ledger, last = case.evidence.database.ledger, last_of_image(case)
    if ledger is None or ledger.state is not LedgerState.READ or ledger.version is None or last is None:
        return False
    ends = [last_migration(case.profile, r.release) for r in old]
    return any(end is not None and end < ledger.version for end in ends)


def _revision_line(revision: Revision) -> Exhibit:
    text = f"{revision.release}: {revision.wanted} wanted, {revision.present} there, {revision.ready} ready"
    return Exhibit(source=f"ReplicaSet/{revision.name}", text=text)


def _mixed_answers(case: Case) -> Iterator[Finding]:
    """Replicas of one image that show several versions: a tag was pushed again."""
    newest = newest_revision(case)
    own = (VersionSource.BUILDINFO, VersionSource.COMMAND)
    shown = [v for v in case.evidence.platform.versions or () if v.source in own and v.version is not None]
    versions = sorted({(v.version or "").removeprefix("v").partition("+")[0] for v in shown})
    images = {r.image for r in case.evidence.platform.replicas or ()}
    if len(versions) < 2 or len(images) != 1 or (newest is not None and newest.ready < newest.wanted):
        return
    yield Finding(
        code="F073",
        cause=f"replicas of one image, {next(iter(images))}, show {len(versions)} versions: {listed(tuple(versions))}",
        confidence=0.8,
        why="each was asked; the tag was pushed again, and each node has its own copy",
        evidence=tuple(Exhibit(source=f"{v.source} of {v.where}", text=v.version or "") for v in shown[:4]),
        next=kubectl(case, "get", "pods", "-o", "custom-columns=NAME:.metadata.name,ID:.status.containerStatuses[*].imageID"),
        avoid="do not restart one to make them equal before it is known which of the two the schema belongs to",
        about=(_about(case),),
    )


# --- put back ---------------------------------------------------------------------------------------------------------

_SCALED = re.compile(r"Scaled (?P<way>up|down) replica set (?P<name>\S+) from (?P<before>\d+) to (?P<after>\d+)")
_NEW_SIZE = re.compile(r"New size: (?P<size>\d+)")
"""Source: Kubernetes 1.33, pkg/controller/podautoscaler/horizontal.go, SuccessfulRescale."""
_BY_CONTROLLERS = re.compile(r"(?i)argocd|flux|kustomize-controller|helm-controller|keda|horizontal|autoscaler|operator")


def replicas_put_back(case: Case) -> Iterator[Finding]:
    """F074: somebody scaled the Deployment down, and a controller scaled it up again."""
    back = _put_back(case)
    if back is None:
        return
    down, by, up, who = back
    scaled_down, scaled_up = _SCALED.search(down.text), _SCALED.search(up.text)
    low = scaled_down["after"] if scaled_down is not None else "fewer"
    high = scaled_up["after"] if scaled_up is not None else "more"
    after = duration(max(0.0, (up.at - down.at).total_seconds()))
    yield Finding(
        code="F074",
        cause=f"{case.evidence.deployment} was scaled down to {low}, and {who} scaled it back to {high} {after} later",
        confidence=0.85 if by is not None else 0.7,
        why="the autoscaler says so" if by is not None else "the last writer of its replicas is a controller",
        evidence=tuple(event_line(e) for e in (down, by, up) if e is not None),
        next=lockage(case, "plan"),
        avoid="do not scale it down again by hand: it is scaled back; a run of Lockage pins the autoscaler while it lasts",
        about=(_about(case),),
    )


def _put_back(case: Case) -> tuple[Event, Event | None, Event, str] | None:
    scalings = [e for e in events(case, "ScalingReplicaSet") if age_s(case, e.at) < PUT_BACK_S]
    own = events(case, "SuccessfulRescale", "KEDAScaleTargetActivated", "KEDAScaleTargetDeactivated")
    workload = case.evidence.platform.workload
    for up in reversed(scalings):
        found = _SCALED.search(up.text)
        if found is None or found["way"] != "up":
            continue
        downs = [e for e in scalings if e.at <= up.at and _is_down_of(e, found["name"], found["before"])]
        if not downs or any(_sets(e, found["before"]) and abs((e.at - downs[-1].at).total_seconds()) < 5 for e in own):
            continue  # nobody scaled it down, or an autoscaler did, as it should
        by = next((e for e in own if 0 <= (up.at - e.at).total_seconds() < 15 or e.at == up.at), None)
        if by is not None:
            return downs[-1], by, up, by.subject.replace("/", " ")
        if workload is not None and workload.scaled_by and _BY_CONTROLLERS.search(workload.scaled_by):
            return downs[-1], None, up, workload.scaled_by
    return None


def _sets(event: Event, replicas: str) -> bool:
    """Whether an autoscaler's event says that it has asked for so many; one that undoes it may come in the same second."""
    found = _NEW_SIZE.search(event.text)
    return (found["size"] == replicas) if found is not None else replicas == "0" and "Deactivated" in event.reason


def _is_down_of(event: Event, name: str, to: str) -> bool:
    found = _SCALED.search(event.text)
    return found is not None and found["way"] == "down" and found["name"] == name and found["after"] == to


def image_put_back(case: Case) -> Iterator[Finding]:
    """F085: GitOps, or whoever owns the Deployment, puts the old image back, or will."""
    workload = case.evidence.platform.workload
    for owner in case.evidence.platform.contenders or ():
        if workload is None or owner.kind is not ContenderKind.OWNER or owner.paused or owner.desired_image is None:
            continue
        if owner.desired_image != workload.image:
            text = f"{owner.object} wants {owner.desired_image}, and {workload.image} is asked for"
            yield _put_image(case, owner, text, 0.85)
        elif (undone := _undone(case, workload)) is not None:
            text = f"{owner.object} has put {owner.desired_image} back over {undone.image}"
            yield _put_image(case, owner, text, 0.75)


def _put_image(case: Case, owner: Contender, text: str, confidence: float) -> Finding:
    workload = case.evidence.platform.workload
    by = f"; changed by {workload.changed_by}" if workload is not None and workload.changed_by else ""
    return Finding(
        code="F085",
        cause=f"{text}: what it does not know of, it undoes",
        confidence=confidence,
        why="what it wants is read from it, and it is not paused",
        evidence=(Exhibit(source=owner.object, text=f"{owner.does}; wants {owner.desired_image}{by}"),),
        next=f"change the image where {owner.object} reads it (its repository), or pause it; then {lockage(case, 'diagnose')}",
        avoid="do not set the image by hand: it is put back, perhaps in the middle of the migration",
        about=(_about(case),),
    )


def _undone(case: Case, workload: Workload) -> Revision | None:
    """A newer release that was rolled out a short while ago, and then replaced by the present one."""
    newest = newest_revision(case)
    if newest is None or newest.created_at is None or newest.image != workload.image:
        return None
    for revision in case.evidence.platform.revisions or ():
        young = revision.created_at is not None and age_s(case, revision.created_at) < PUT_BACK_S
        if revision.number == newest.number - 1 and revision.image != newest.image and young:
            return revision
    return None


# --- half done --------------------------------------------------------------------------------------------------------


def stuck_helm_release(case: Case) -> Iterator[Finding]:
    """F077: Helm's last revision is pending, and nobody waits for it any more."""
    releases = case.evidence.platform.releases or ()
    last = releases[-1] if releases else None
    if last is None or not last.status.startswith(("pending", "uninstalling")):
        return
    age = age_s(case, last.updated_at) if last.updated_at is not None else None
    limit = ENDED_PENDING_S if all_well(case) else HELM_WAITS_S
    if age is not None and age < limit:
        return
    since = f" for {duration(age)}" if age is not None else ""
    yield Finding(
        code="F077",
        cause=f"Helm's revision {last.revision} of {last.chart} has been {last.status}{since}: Helm refuses the next upgrade",
        confidence=0.9 if age is not None else 0.6,
        why="longer than Helm waits by itself" if age is not None else "since when is not known: Helm may still be at work",
        evidence=tuple(
            Exhibit(source="helm history", text=f"{r.revision} {r.status} {r.chart} {r.description}".strip())
            for r in releases[-3:]
        ),
        next=lockage(case, "recover", "--plan-only"),
        avoid="no helm rollback before the ledger was looked at: it puts an old image over a schema that may have moved",
        about=(_about(case),),
    )


def unfinished_run(case: Case) -> Iterator[Finding]:
    """F078: a run of Lockage is part-way, or left notes or pins behind."""
    workload = case.evidence.platform.workload
    if workload is None:
        return
    standing = [key for key in (RUN_NOTE, FORMER_NOTE) if key in workload.annotations]
    pins = [
        c.object
        for c in case.evidence.platform.contenders or ()
        if c.kind is ContenderKind.AUTOSCALER and (c.changed_by or "").startswith("lockage") and c.minimum == c.maximum
    ]
    if not standing and not pins:
        return
    alive = _run_is_alive(case)
    what = _run_in_words(workload) if standing else f"{listed(tuple(pins))} is still pinned by a run that is over"
    yield Finding(
        code="F078",
        cause=what + (", and it is at work" if alive else ""),
        confidence=0.8 if alive or pins else 0.7,
        why="its sessions are in the database"
        if alive
        else "its note stands there; whether it still runs elsewhere is not seen",
        evidence=(
            *(Exhibit(source=f"Deployment/{workload.name}", text=f"annotation {key}") for key in standing),
            *(Exhibit(source=pin, text="minimum equals maximum, written by lockage") for pin in pins),
        ),
        next=lockage(case, "watch") if alive else lockage(case, "recover", "--plan-only"),
        avoid="do not remove the annotations by hand: they say how it was before",
        harmless=alive,
        about=(_about(case),),
    )


def _run_is_alive(case: Case) -> bool:
    """Whether a run's own sessions are seen; only a run fences off whoever connects."""
    looks = case.evidence.database.looks
    return bool(looks) and any(s.application_name == f"{OURS}fence" for s in looks[-1].sessions)


def _run_in_words(workload: Workload) -> str:
    try:
        run = read_notes(workload).run
    except HaltedError:
        return f"a run of Lockage has left a note on {workload.name} that cannot be read"
    if run is None:
        return f"a run of Lockage that is over has left its notes on {workload.name}"
    plan = run.plan
    return (
        f"run {run.id} of Lockage ({plan.from_release} to {plan.to_release}, by {run.holder}) is unfinished on {workload.name}"
    )


RULES: tuple[Rule, ...] = (
    paused,
    deadline_exceeded,
    at_zero,
    side_by_side,
    replicas_put_back,
    image_put_back,
    stuck_helm_release,
    unfinished_run,
)
