"""What can be asked of a deployment, as changes of the supervisor's document: scale, roll out, annotate, lease.

Not for carrying anything out: the reconciler sees the changed document and acts. The surprising thing: the resource version
moves with what was asked for only, never with what replicas do, so a look stays good until somebody writes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from lockage.adapters.local.records import (
    AnnotateRequest,
    LeaseRequest,
    Revision,
    RolloutRequest,
    State,
    revision_hash,
)
from lockage.errors import RefusedError, UsageError
from lockage.ports import LeaseState

REVISIONS_KEPT = 10
"""Revisions without replicas that are remembered. Source: Kubernetes, ``revisionHistoryLimit``."""


def scale(state: State, replicas: int) -> bool:
    """Want a number of replicas; gives whether that is a change.

    Raises ``UsageError`` (LK307) for a negative number.
    """
    if replicas < 0:
        raise UsageError(f"{replicas} replicas cannot be", code="LK307", hint="ask for 0 or more")
    if replicas == state.wanted:
        return False
    state.wanted = replicas
    state.resource_version += 1
    return True


def roll_out(state: State, request: RolloutRequest) -> bool:
    """Make a revision current and want a number of its replicas; gives whether that is a change.

    A revision that is there already comes back under a new number, and its replicas that still run belong to it again.
    Raises ``UsageError``: LK303 for a release that is not there, LK307 for a negative number of replicas.
    """
    spec = state.spec
    if spec.releases and request.release not in spec.releases:
        known = ", ".join(spec.releases)
        raise UsageError(f"there is no release {request.release} of {spec.image}", code="LK303", hint=f"one of {known}")
    before = state.resource_version
    scale(state, request.replicas)
    digest = revision_hash(
        image=spec.image,
        release=request.release,
        liveness=request.liveness,
        readiness=spec.readiness,
        environment=spec.environment,
    )
    if digest != state.revision.hash:
        number = state.revision.number + 1
        found = next((revision for revision in state.revisions if revision.hash == digest), None)
        if found is not None:
            state.revisions.remove(found)
            found.number = number
        revision = found or Revision(
            hash=digest,
            number=number,
            release=request.release,
            liveness=request.liveness,
            readiness=spec.readiness,
        )
        state.revisions.append(revision)
        _forget_old_revisions(state)
    elif state.resource_version == before:
        return False
    state.resource_version = before + 1
    return True


def _forget_old_revisions(state: State) -> None:
    used = {replica.revision for replica in state.replicas}
    unused = [revision for revision in state.revisions[:-1] if revision.hash not in used]
    for revision in unused[: max(len(unused) - REVISIONS_KEPT, 0)]:
        state.revisions.remove(revision)


def annotate(state: State, request: AnnotateRequest) -> bool:
    """Set or remove annotations; gives whether that is a change.

    Raises ``RefusedError`` (LK310) when the document is not the one that was seen.
    """
    if request.expected != str(state.resource_version):
        raise RefusedError(
            f"deployment {state.spec.name} is at resource version {state.resource_version}, not at {request.expected} any more",
            code="LK310",
            hint="look again; somebody else has changed it",
        )
    before = dict(state.annotations)
    for name, value in request.changes.items():
        if value is None:
            state.annotations.pop(name, None)
        else:
            state.annotations[name] = value
    if state.annotations == before:
        return False
    state.resource_version += 1
    return True


def current_lease(state: State, *, now: datetime) -> LeaseState | None:
    """The lease, unless it has run out."""
    return state.lease if state.lease is not None and state.lease.expires_at > now else None


def hold_lease(state: State, request: LeaseRequest, *, now: datetime) -> None:
    """Take or renew the lease.

    Raises ``RefusedError`` (LK311) while another holder's is valid.
    """
    held = current_lease(state, now=now)
    if held is not None and held.holder != request.holder:
        left_s = (held.expires_at - now).total_seconds()
        raise RefusedError(
            f"{held.holder} holds the lease of {state.spec.name} for run {held.run_id}, for {left_s:.0f} s more",
            code="LK311",
            hint="wait for that run to end, or stop it",
        )
    state.lease = LeaseState(
        holder=request.holder,
        run_id=request.run_id,
        renewed_at=now,
        expires_at=now + timedelta(seconds=request.duration_s),
    )


def drop_lease(state: State, request: LeaseRequest) -> None:
    """Give the lease back when it is the asker's."""
    if state.lease is not None and state.lease.holder == request.holder:
        state.lease = None
