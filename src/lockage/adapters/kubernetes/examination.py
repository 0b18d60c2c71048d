"""A Deployment looked at closely, for a diagnosis, behind ``lockage.ports.PlatformExaminer``.

Not for runs (``platform``), and it only reads. The surprising thing: events outlive what they are about, so pods that are gone
are recognised by their names, which begin with that of their ReplicaSet; and events about nodes stand in another namespace,
where one may often not look: they are left out then, as the nodes' own conditions are named as not seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from lightkube.models.core_v1 import ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources import core_v1
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod

from lockage.adapters.kubernetes.autoscalers import HPA, KEDA, hpas_path
from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.close_look import condition_of, detail_of, node_of, quota_of, revisions_of
from lockage.adapters.kubernetes.events import events_of
from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError, RejectedError
from lockage.adapters.kubernetes.finding import HELM_NAMESPACE, HELM_RELEASE
from lockage.adapters.kubernetes.neighbours import neighbours_of
from lockage.adapters.kubernetes.pods import owned, owner_uid
from lockage.adapters.kubernetes.raw import at, listed
from lockage.adapters.kubernetes.texts import annotations_of, match_labels
from lockage.adapters.kubernetes.workload import main_container, parts
from lockage.core.diagnosis.evidence import Condition, LogText, Node, Quota, ReleaseRevision, ReplicaDetail, Revision
from lockage.core.facts import Event
from lockage.core.release.profile import Profile
from lockage.errors import LockageError

NODE_EVENTS = "default"
"""Namespace of events about nodes, which have none. Source: Kubernetes v1.33, client-go, ``tools/record/event.go``."""

History = Callable[[KubernetesClient, str, str], tuple[ReleaseRevision, ...]]
"""Gives Helm's history of a release: client, namespace, name."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What never changes in the life of a Deployment."""

    uid: str
    labels: Mapping[str, str]  # that its pods are selected by


class KubernetesExaminer:
    """One Deployment of the client's namespace. May be asked from several threads at once."""

    def __init__(
        self,
        client: KubernetesClient,
        *,
        deployment: str,
        profile: Profile,
        history: History = lambda _client, _namespace, _name: (),
    ) -> None:
        """``history`` reads Helm's records, which are Helm's business."""
        self._client = client
        self._name = deployment
        self._profile = profile
        self._history = history
        self._known: _Known | None = None
        self._turn = threading.Lock()

    def conditions(self) -> tuple[Condition, ...]:
        """Conditions of the Deployment itself, ``Progressing`` and ``ReplicaFailure`` among them."""
        status = self._deployment().status
        return tuple(condition_of(each, self._client.ours) for each in (status.conditions if status else None) or [])

    def details(self) -> tuple[ReplicaDetail, ...]:
        """Every pod of the Deployment's ReplicaSets, those that ended by eviction too, oldest first."""
        known = self._identity()
        pods, sets = self._client.listed(Pod, labels=known.labels), self._sets(known)
        names = {uid: one.metadata.name or "" for uid, one in sets.items() if one.metadata is not None}
        found = (
            detail_of(
                pod,
                revision=names.get(owner_uid(pod.metadata) or "", ""),
                profile=self._profile.workload,
                ours=self._client.ours,
            )
            for pod in pods
            if pod.metadata is not None and self._is_ours(pod.metadata, sets)
        )
        return tuple(sorted(found, key=lambda detail: (detail.created_at is None, detail.created_at, detail.name)))

    def revisions(self) -> tuple[Revision, ...]:
        """Every ReplicaSet that wants or has pods, and the newest, oldest first."""
        known = self._identity()
        return revisions_of(self._sets(known).values(), profile=self._profile.workload, ours=self._client.ours)

    def events(self) -> tuple[Event, ...]:
        """Events of the Deployment, its ReplicaSets, its pods (gone ones too), its autoscalers and its nodes, oldest first."""
        known = self._identity()
        sets = self._sets(known)
        pods = self._client.listed(Pod, labels=known.labels)
        uids = {known.uid, *sets, *(pod.metadata.uid for pod in pods if pod.metadata is not None)}
        names = tuple(f"{one.metadata.name}-" for one in sets.values() if one.metadata is not None)
        scalers = self._autoscalers()

        def about(subject: ObjectReference) -> bool:
            if subject.uid in uids:
                return True
            name = subject.name or ""
            return (subject.kind == "Pod" and name.startswith(names)) or (subject.kind or "", name) in scalers

        found = events_of(self._client.listed(core_v1.Event), about=about)
        nodes = self._node_events({pod.spec.nodeName for pod in pods if pod.spec is not None and pod.spec.nodeName})
        return tuple(replace(event, at=self._client.ours(event.at)) for event in sorted((*found, *nodes), key=_when))

    def log(self, replica: str, container: str, *, previous: bool, lines: int) -> LogText:
        """The newest lines of one container; none where it has not written, or its log was rotated away."""
        params = {"container": container, "tailLines": str(lines), **({"previous": "true"} if previous else {})}
        path = f"/api/v1/namespaces/{self._client.namespace}/pods/{quote(replica, safe='')}/log"
        try:
            text = self._client.get_text(path, params=params)
        except (RejectedError, MissingError):  # it waits to be started, or was replaced since we looked
            text = ""
        found = tuple(text.splitlines())
        return LogText(replica=replica, container=container, lines=found, previous=previous, cut=len(found) >= lines)

    def nodes(self) -> tuple[Node, ...]:
        """All nodes of the cluster. Needs a ClusterRole."""
        ours = self._client.ours
        return tuple(node_of(node, ours) for node in self._client.spread(core_v1.Node))

    def quotas(self) -> tuple[Quota, ...]:
        """The namespace's ResourceQuotas with what is used of each."""
        path = f"/api/v1/namespaces/{self._client.namespace}/resourcequotas"
        return tuple(quota_of(each) for each in listed(self._client, path))

    def releases(self) -> tuple[ReleaseRevision, ...]:
        """Helm's history of the release that the Deployment says it belongs to, oldest first; empty when it says none."""
        annotations = annotations_of(self._deployment().metadata)
        name = annotations.get(HELM_RELEASE)
        if name is None:
            return ()
        return self._history(self._client, annotations.get(HELM_NAMESPACE) or self._client.namespace, name)

    def neighbours(self) -> tuple[str, ...]:
        """Other Deployments and StatefulSets that run the same image with the same address, by what refers to it."""
        container = main_container(self._deployment(), self._profile.workload).name
        return neighbours_of(self._client, self._name, container=container, database=self._profile.database)

    # --- the objects --------------------------------------------------------------------------------------------------

    def _deployment(self) -> Deployment:
        return self._client.kube.get(Deployment, self._name)

    def _identity(self) -> _Known:
        with self._turn:  # several threads ask at first; one request is enough
            if self._known is None:
                metadata, spec, _ = parts(self._deployment())
                self._known = _Known(uid=metadata.uid or "", labels=match_labels(spec.selector))
            return self._known

    def _sets(self, known: _Known) -> dict[str, ReplicaSet]:
        return owned(known.uid, self._client.listed(ReplicaSet, labels=known.labels))

    def _is_ours(self, metadata: ObjectMeta, sets: Mapping[str, ReplicaSet]) -> bool:
        if (owner_uid(metadata) or "") in sets:
            return True
        # The ReplicaSet may be gone before its last pod is.
        owners = [owner for owner in metadata.ownerReferences or [] if owner.controller and owner.kind == "ReplicaSet"]
        return any(owner.name.rpartition("-")[0] == self._name for owner in owners)

    def _autoscalers(self) -> set[tuple[str, str]]:
        """Kinds and names of the autoscalers that scale it; a ScaledObject makes a HorizontalPodAutoscaler."""
        try:
            every = listed(self._client, hpas_path(self._client.namespace))
        except ForbiddenError:
            return set()
        found: set[tuple[str, str]] = set()
        for each in every:
            target = at(each.spec, "scaleTargetRef", "kind"), at(each.spec, "scaleTargetRef", "name")
            if target == ("Deployment", self._name):
                found.add((HPA, each.metadata.name))
                found |= {(KEDA, owner.name) for owner in each.metadata.ownerReferences if owner.kind == KEDA}
        return found

    def _node_events(self, nodes: set[str]) -> tuple[Event, ...]:
        def about(subject: ObjectReference) -> bool:
            return subject.kind == "Node" and subject.name in nodes

        try:
            return events_of(self._client.listed(core_v1.Event, namespace=NODE_EVENTS), about=about)
        except LockageError:  # more than the application's namespace is shown to few
            return ()


def _when(event: Event) -> datetime:
    return event.at
