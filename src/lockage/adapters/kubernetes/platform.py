"""A Deployment behind the port ``Platform``.

``KubernetesPlatform(client, deployment="coder", profile=profile, releaser=releaser)``, where the client is that of
``client.open_client`` and the releaser one of ``helm``'s or ``patch.PatchReleaser``. The client is closed by who opened it.

Not for finding a deployment, and not for revisions: those are the releaser's. The surprising thing: a change here returns when
the Deployment's controller has taken notice of it, so that the next look shows the new revision and not the old one's number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lightkube.models.core_v1 import Container, ObjectReference
from lightkube.resources import core_v1
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from lockage.adapters.kubernetes.autoscalers import pin, unpin
from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.contenders import contenders_of
from lockage.adapters.kubernetes.events import events_of
from lockage.adapters.kubernetes.failure import ConflictError
from lockage.adapters.kubernetes.inside import Inside
from lockage.adapters.kubernetes.lease import DeploymentLease
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.pods import by_our_clock, owned, replicas_of
from lockage.adapters.kubernetes.preflight import preflight, unchecked
from lockage.adapters.kubernetes.raw import api_groups
from lockage.adapters.kubernetes.service import pod_url, service_url
from lockage.adapters.kubernetes.texts import annotations_of, labels_of, match_labels
from lockage.adapters.kubernetes.usage import METRICS, Reading, Target, UsageWatch, reader, running_targets
from lockage.adapters.kubernetes.workload import (
    asked_version,
    container_in,
    main_container,
    parts,
    wanted_replicas,
    workload_of,
)
from lockage.adapters.kubernetes.writers import REPLICAS, TEMPLATE, entries_of, last_writer
from lockage.core.facts import Check, Contender, ContenderKind, Event, Replica, Usage, VersionReading, Workload
from lockage.core.release.profile import Profile
from lockage.errors import RefusedError
from lockage.ports import LeaseState, Releaser, Rollout

NOTICED_LIMIT_S = 5.0
"""For the Deployment's controller to take notice of a change. It takes milliseconds; where it is away, looks will show so."""

NOTICED_PAUSE_S = 0.03
"""Between two looks whether it has."""

TRIES = 10
"""How often we look again when the object was changed while we made a patch; the controller counts in its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """What never changes in the life of a Deployment, so that a look at its pods need not ask for it."""

    uid: str
    labels: Mapping[str, str]  # that its pods are selected by


class KubernetesPlatform:
    """``lockage.ports.Platform`` over one Deployment of the client's namespace."""

    def __init__(self, client: KubernetesClient, *, deployment: str, profile: Profile, releaser: Releaser) -> None:
        self._client = client
        self._kube = client.kube
        self._name = deployment
        self._profile = profile
        self._releaser = releaser
        self._inside = Inside(client, profile=profile)
        self._identity: _Identity | None = None
        self._lease = DeploymentLease(client, deployment=deployment)
        self._usage = UsageWatch(self._targets, self._read_usage)

    # --- looking ------------------------------------------------------------------------------------------------------

    def workload(self) -> Workload:
        """A fresh look at what was asked for. Raises ``RefusedError`` (LK506) when there is no such Deployment."""
        deployment = self._deployment()
        metadata, _, _ = parts(deployment)
        scaled_by, changed_by = (last_writer(entries_of(metadata), fields) for fields in (REPLICAS, TEMPLATE))
        found = workload_of(deployment, self._profile.workload)
        return replace(found, scaled_by=scaled_by, changed_by=changed_by)

    def replicas(self) -> tuple[Replica, ...]:
        """A fresh look at every pod of the Deployment's ReplicaSets, terminating ones included, oldest first."""
        known = self._identity or self._identified()
        # Pods first: the ReplicaSet of each is there by then.
        pods, sets = self._pods(known), self._sets(known)
        if not sets and known == self._identity:  # it may have been made anew since, with another selector
            known = self._identified()
            pods, sets = self._pods(known), self._sets(known)
        found = replicas_of(pods, sets=sets, deployment=self._name, profile=self._profile.workload)
        return tuple(by_our_clock(replica, self._client.ours) for replica in found)

    def events(self) -> tuple[Event, ...]:
        """Events of the Deployment, its ReplicaSets and its pods (those that are gone too), oldest first."""
        known = self._identified()
        sets = self._sets(known)
        pods = {pod.metadata.uid for pod in self._pods(known) if pod.metadata is not None}
        names = tuple(f"{one.metadata.name}-" for one in sets.values() if one.metadata is not None)

        def about(subject: ObjectReference) -> bool:
            if subject.kind == "Pod":
                return subject.uid in pods or bool(subject.name and subject.name.startswith(names))
            return subject.uid == known.uid or subject.uid in sets

        found = events_of(self._client.listed(core_v1.Event), about=about)
        return tuple(replace(event, at=self._client.ours(event.at)) for event in found)

    def log(self, replica: str, *, previous: bool = False) -> str:
        """All lines of all containers, the application's first; ``previous``: of the process before the last restart.

        Raises ``RefusedError`` (LK506) when there is no such pod.
        """
        return self._inside.log(replica, previous=previous)

    def command_version(self, replica: str) -> VersionReading:
        """The version that the profile's version command prints inside the pod."""
        return self._inside.version(replica)

    def service_url(self) -> str:
        """The URL of the Service, through the API server. Raises ``RefusedError`` (LK506) when there is none."""
        deployment = self._deployment()
        _, spec, _ = parts(deployment)
        container = main_container(deployment, self._profile.workload)
        return service_url(self._client, labels_of(spec.template.metadata), container)

    def replica_url(self, replica: str) -> str:
        """The URL of one pod, through the API server. Raises ``RefusedError`` (LK506) when there is no such pod or port."""
        pod = self._kube.get(Pod, replica)
        return pod_url(self._client, replica, self._container(pod))

    def releases(self) -> tuple[str, ...]:
        """None: a registry is not asked."""
        return ()

    def contenders(self) -> tuple[Contender, ...]:
        """Everybody who would undo a change of the Deployment, or stop or end its pods."""
        container = main_container(self._deployment(), self._profile.workload)
        return contenders_of(self._client, self._name, container=container.name, image=container.image or "")

    def usage(self) -> tuple[Usage, ...]:
        """Memory and CPU of every pod that runs, as they were seen last; nothing at first."""
        return self._usage.latest()

    def preflight(self, rollout: Rollout, *, between: Callable[[], None] = lambda: None) -> tuple[Check, ...]:
        """What the rollout would make, by the releaser; and whether its pods would be accepted and could start.

        For what somebody else owns the releaser has nothing to say: the rollout is not its own.
        """
        workload, container = self.workload(), main_container(self._deployment(), self._profile.workload)
        owned = any(contender.kind is ContenderKind.OWNER for contender in self.contenders())
        made = () if owned else self._releaser.check(rollout)
        between()
        patching = PatchReleaser(self._client, deployment=self._name, profile=self._profile)
        image = (patching if owned else self._releaser).image(rollout)
        if image is None:
            return (*made, unchecked("image", "what the rollout would run is not known"))
        started = preflight(
            self._client,
            workload,
            container=container.name,
            profile=self._profile,
            rollout=rollout,
            image=image,
            between=between,
        )
        return (*made, *started)

    def lease(self) -> LeaseState | None:
        """Who holds the lease now, by the API server's clock."""
        return self._lease.state()

    # --- acting -------------------------------------------------------------------------------------------------------

    def scale(self, replicas: int) -> None:
        """Ask for a number of replicas; nothing when that number is asked for already. Undone by scaling back."""
        for attempt in range(1, TRIES + 1):
            metadata, spec, _ = parts(self._deployment())
            if wanted_replicas(spec) == replicas:
                return
            body = {"metadata": {"resourceVersion": metadata.resourceVersion}, "spec": {"replicas": replicas}}
            try:
                self._client.patched(Deployment, self._name, body, patch_type=PatchType.MERGE)
            except ConflictError:
                if attempt == TRIES:
                    raise
                continue
            self._until_noticed()
            return

    def annotate(self, changes: Mapping[str, str | None], *, expected: str) -> None:
        """Set (or remove: None) annotations on the Deployment's own metadata.

        Raises ``RefusedError`` (LK310) when somebody has asked for something else since ``expected`` was seen.
        """
        for _ in range(TRIES):
            metadata, _, _ = parts(self._deployment())
            if asked_version(metadata) != expected:
                break
            there = annotations_of(metadata)
            needed = {key: value for key, value in changes.items() if there.get(key) != value}
            if not needed:
                return
            body = {"metadata": {"resourceVersion": metadata.resourceVersion, "annotations": needed}}
            try:
                self._client.patched(Deployment, self._name, body, patch_type=PatchType.MERGE)
            except ConflictError:
                continue
            return
        raise RefusedError(
            f"Deployment {self._name} was changed by somebody else since we looked at it",
            code="LK310",
            hint=f"kubectl -n {self._client.namespace} get deployment {self._name} -o yaml --show-managed-fields",
        )

    def roll_out(self, rollout: Rollout) -> None:
        """Make a new revision by the releaser's one change; nothing when it is there already."""
        self._releaser.release(rollout)
        self._until_noticed()

    def pin(self, replicas: int, autoscalers: Sequence[Contender]) -> None:
        """Keep these autoscalers at exactly this number. Undone by ``unpin``."""
        pin(self._client, autoscalers, replicas)

    def unpin(self, former: Sequence[Contender]) -> None:
        """Put autoscalers back to how they were."""
        unpin(self._client, former)

    def hold_lease(self, *, holder: str, run_id: str, duration_s: float) -> None:
        """Take or renew the lease. Raises ``RefusedError`` (LK311) while another holder's is valid."""
        self._lease.hold(holder=holder, run_id=run_id, duration_s=duration_s)

    def drop_lease(self, *, holder: str) -> None:
        """Give the lease back when it is ours; nothing otherwise."""
        self._lease.drop(holder=holder)

    # --- the objects --------------------------------------------------------------------------------------------------

    def _deployment(self) -> Deployment:
        return self._kube.get(Deployment, self._name)

    def _identified(self) -> _Identity:
        metadata, spec, _ = parts(self._deployment())
        self._identity = _Identity(uid=metadata.uid or "", labels=match_labels(spec.selector))
        return self._identity

    def _sets(self, known: _Identity) -> dict[str, ReplicaSet]:
        return owned(known.uid, self._client.listed(ReplicaSet, labels=known.labels))

    def _pods(self, known: _Identity) -> list[Pod]:
        return self._client.listed(Pod, labels=known.labels)

    def _container(self, pod: Pod) -> Container:
        assert pod.spec is not None
        found = container_in(pod.spec, self._profile.workload, annotations=annotations_of(pod.metadata))
        return found or pod.spec.containers[0]

    def _targets(self) -> list[Target]:
        container = main_container(self._deployment(), self._profile.workload)
        return running_targets(self._client, [replica.name for replica in self.replicas()], container.name)

    def _read_usage(self, targets: Sequence[Target]) -> dict[str, Reading]:
        return reader(self._client, metrics=METRICS in api_groups(self._client))(targets)

    def _until_noticed(self) -> None:
        until = time.monotonic() + NOTICED_LIMIT_S
        while time.monotonic() < until:
            found = self._deployment()
            seen = found.status.observedGeneration if found.status else None
            if found.metadata is not None and (seen or 0) >= (found.metadata.generation or 0):
                return
            time.sleep(NOTICED_PAUSE_S)
