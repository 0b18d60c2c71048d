"""One run at a time: a Lease of ``coordination.k8s.io`` beside the Deployment.

Not a fence: it does not stop ``helm`` or a statement that is under way. The surprising things: all times are the API server's,
so that two machines whose clocks differ agree on who holds it; and a lease that is given back stays as an object without a
holder, because deleting could delete another's.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.failure import ConflictError, MissingError
from lockage.adapters.kubernetes.texts import annotations_of, utc
from lockage.errors import RefusedError
from lockage.ports import LeaseState

RUN = "lockage.dev/run"
"""Annotation of the Lease: the run that holds it."""

TRIES = 5
"""How often we look again when another writes at the same moment; each time one of us gets it."""


class DeploymentLease:
    """The lease of one Deployment."""

    def __init__(self, client: KubernetesClient, *, deployment: str) -> None:
        self._client = client
        self._deployment = deployment
        self._name = f"lockage-{deployment}"

    def state(self) -> LeaseState | None:
        """Who holds it now; None when nobody does, or it has run out."""
        found = self._found()
        return self._valid(found) if found is not None else None

    def hold(self, *, holder: str, run_id: str, duration_s: float) -> None:
        """Take or renew it, for whole seconds rounded up. Raises ``RefusedError`` (LK311) while another holder's is valid."""
        for _ in range(TRIES):
            found = self._found()
            valid = self._valid(found) if found is not None else None
            if valid is not None and valid.holder != holder:
                raise self._held(valid)
            wanted = self._wanted(found, holder=holder, run_id=run_id, duration_s=duration_s)
            try:
                if found is None:
                    self._client.kube.create(wanted)
                else:
                    self._client.kube.replace(wanted)
            except ConflictError:
                continue
            return
        raise RefusedError(
            f"the lease {self._name} was changed by others {TRIES} times while we asked for it",
            code="LK311",
            hint=f"kubectl -n {self._client.namespace} get lease {self._name} -o yaml",
        )

    def drop(self, *, holder: str) -> None:
        """Give it back when it is ours; nothing otherwise."""
        for _ in range(TRIES):
            found = self._found()
            if found is None or found.spec is None or found.spec.holderIdentity != holder:
                return
            found.spec.holderIdentity = None
            found.spec.leaseDurationSeconds = None
            found.spec.renewTime = None
            found.spec.acquireTime = None
            try:
                self._client.kube.replace(found)
            except ConflictError:
                continue
            return

    def _found(self) -> Lease | None:
        try:
            return self._client.kube.get(Lease, self._name)
        except MissingError:
            return None

    def _valid(self, lease: Lease) -> LeaseState | None:
        spec = lease.spec
        if spec is None or not spec.holderIdentity or spec.renewTime is None:
            return None
        renewed_at = utc(spec.renewTime)
        expires_at = renewed_at + timedelta(seconds=spec.leaseDurationSeconds or 0)
        if expires_at <= self._client.now():
            return None
        return LeaseState(
            holder=spec.holderIdentity,
            run_id=annotations_of(lease.metadata).get(RUN, ""),
            renewed_at=renewed_at,
            expires_at=expires_at,
        )

    def _wanted(self, found: Lease | None, *, holder: str, run_id: str, duration_s: float) -> Lease:
        now = _micro_time(self._client.now())
        before = found.spec if found is not None and found.spec is not None else LeaseSpec()
        same = before.holderIdentity == holder
        metadata = found.metadata if found is not None and found.metadata is not None else ObjectMeta(name=self._name)
        metadata.annotations = {**annotations_of(metadata), RUN: run_id}
        spec = LeaseSpec(
            holderIdentity=holder,
            leaseDurationSeconds=max(1, math.ceil(duration_s)),
            acquireTime=_micro_time(before.acquireTime) if same and before.acquireTime else now,
            renewTime=now,
            leaseTransitions=(before.leaseTransitions or 0) + (0 if same or found is None else 1),
        )
        return Lease(metadata=metadata, spec=spec)

    def _held(self, valid: LeaseState) -> RefusedError:
        left_s = (valid.expires_at - self._client.now()).total_seconds()
        return RefusedError(
            f"{valid.holder} holds the lease of {self._deployment} for run {valid.run_id or '(unnamed)'}, {left_s:.0f} s more",
            code="LK311",
            hint=f"wait for it, or look at it: kubectl -n {self._client.namespace} get lease {self._name} -o yaml",
        )


def _micro_time(at: datetime) -> datetime:
    """The time with a fraction, since Kubernetes' MicroTime is not read without one."""
    at = at.astimezone(UTC)
    return at if at.microsecond else at.replace(microsecond=1)
