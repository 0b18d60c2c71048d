"""Rollouts of applications without Helm: one patch of the Deployment makes the revision.

``PatchReleaser(client, deployment="coder", profile=profile)`` stands behind the port ``Releaser``. Not for what a chart or
GitOps owns, which would put its own state back. The surprising thing: a liveness probe that is taken away is kept whole in an
annotation of the Deployment, because its port and headers are in no ``Probe`` of ours, and comes back from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
from lightkube.models import core_v1
from lightkube.resources.apps_v1 import Deployment

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.failure import ConflictError, RejectedError
from lockage.adapters.kubernetes.image import parse_image
from lockage.adapters.kubernetes.probes import handler_of, probe_of, timed, whole_seconds
from lockage.adapters.kubernetes.service import app_port
from lockage.adapters.kubernetes.texts import annotations_of
from lockage.adapters.kubernetes.workload import main_container, parts, wanted_replicas, workload_of
from lockage.core.facts import Check
from lockage.core.release.profile import Profile
from lockage.ports import Rollout

LIVENESS_NOTE = "lockage.dev/liveness"
"""Annotation of the Deployment while its liveness probe is taken away: that probe, as Kubernetes writes it."""

TRIES = 10
"""How often we look again when the object was changed while we made the patch; the controller counts in its status."""

_HANDLERS = ("httpGet", "tcpSocket", "grpc", "exec")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What one patch changes; nothing when ``body`` is None."""

    body: dict[str, object] | None
    image: str


class PatchReleaser:
    """``lockage.ports.Releaser`` by a strategic merge patch with the resource version that was seen."""

    def __init__(self, client: KubernetesClient, *, deployment: str, profile: Profile) -> None:
        self._client = client
        self._deployment = deployment
        self._profile = profile

    @property
    def title(self) -> str:
        """Who does it, for people."""
        return f"patch of Deployment {self._deployment}"

    def check(self, rollout: Rollout) -> tuple[Check, ...]:
        """Whether the API server would take the patch, and whether what it would make is what was asked for."""
        made = self._client.kube.get(Deployment, self._deployment)
        change = self._change(made, rollout)
        if change.body is not None:
            try:
                made = self._client.patched(Deployment, self._deployment, change.body, dry_run=True)
            except (RejectedError, ConflictError) as error:
                return (Check(name="dry run", ok=False, text=error.message, hint=error.hint),)
        return (
            Check(name="dry run", ok=True, text=f"the API server takes the {self.title} to {rollout.release}"),
            self._same(made, rollout, change.image),
        )

    def image(self, rollout: Rollout) -> str:
        """The running image's repository with the tag of the release."""
        return self._change(self._client.kube.get(Deployment, self._deployment), rollout).image

    def release(self, rollout: Rollout) -> None:
        """Make the change, if it is not made already; returns when the API server has accepted it.

        Raises ``RefusedError``: LK507 when others change the object all the time, LK508 when it is not accepted.
        """
        for attempt in range(1, TRIES + 1):
            change = self._change(self._client.kube.get(Deployment, self._deployment), rollout)
            if change.body is None:
                return
            try:
                self._client.patched(Deployment, self._deployment, change.body)
            except ConflictError:
                if attempt == TRIES:
                    raise
                continue
            return

    def _change(self, found: Deployment, rollout: Rollout) -> _Change:
        metadata, spec, pod = parts(found)
        container = main_container(found, self._profile.workload)
        image = self._image(container.image or "", rollout.release, now=workload_of(found, self._profile.workload).release)
        wanted = whole_seconds(rollout.liveness) if rollout.liveness is not None else None
        inner: dict[str, object] = {}
        notes: dict[str, str | None] = {}
        if image != container.image:
            inner["image"] = image
        if wanted != probe_of(container.livenessProbe):
            kept = annotations_of(metadata).get(LIVENESS_NOTE)
            probe = _probe(container, rollout, kept=kept)
            inner["livenessProbe"] = _as_patch(probe)
            if probe is None and container.livenessProbe is not None:
                notes[LIVENESS_NOTE] = msgspec.json.encode(container.livenessProbe).decode()
            elif kept is not None:
                notes[LIVENESS_NOTE] = None
        if not inner and wanted_replicas(spec) == rollout.replicas:
            return _Change(body=None, image=image)
        body: dict[str, object] = {
            "metadata": {"resourceVersion": metadata.resourceVersion, **({"annotations": notes} if notes else {})},
            "spec": {"replicas": rollout.replicas},
        }
        if inner:
            changed: dict[str, object] = {"containers": [{"name": container.name, **inner}]}
            if "image" in inner:
                changed = _with_others(changed, pod, main=container, image=image)
            body["spec"] = {"replicas": rollout.replicas, "template": {"spec": changed}}
        return _Change(body=body, image=image)

    def _image(self, image: str, release: str, *, now: str) -> str:
        """The image of a release, tagged as the running one is; the running one itself when it is that release."""
        if now == release:
            return image
        seen = parse_image(image)
        if seen.tag is not None:
            tag = f"v{release}" if seen.tag.startswith("v") else release
        else:
            helm = self._profile.helm
            tag = (helm.values[-1].tag_format if helm and helm.values else "{release}").replace("{release}", release)
        return f"{seen.repository}:{tag}"

    def _same(self, made: Deployment, rollout: Rollout, image: str) -> Check:
        """Whether what would be made is what was asked for; webhooks may have changed it."""
        seen = workload_of(made, self._profile.workload)
        wanted = whole_seconds(rollout.liveness) if rollout.liveness is not None else None
        pairs = (
            ("image", seen.image, image),
            ("replicas", seen.replicas, rollout.replicas),
            ("livenessProbe", seen.liveness, wanted),
        )
        wrong = [f"{name} would be {is_so}, not {asked}" for name, is_so, asked in pairs if is_so != asked]
        if wrong:
            return Check(
                name="result",
                ok=False,
                text=f"the API server changes the {self.title}: {'; '.join(wrong)}",
                hint="kubectl get mutatingwebhookconfigurations",
            )
        return Check(name="result", ok=True, text=f"{rollout.replicas} replicas of {image}, with the liveness probe asked for")


def _with_others(changed: dict[str, object], pod: core_v1.PodSpec, *, main: core_v1.Container, image: str) -> dict[str, object]:
    """The change with all other containers of the same image: a worker beside the application, or its migration before it."""

    def others(containers: Sequence[core_v1.Container] | None) -> list[object]:
        same = (one for one in containers or () if one.image == main.image and one.name != main.name)
        return [{"name": one.name, "image": image} for one in same]

    beside, before = others(pod.containers), others(pod.initContainers)
    mine = cast("list[object]", changed["containers"])
    return {**changed, "containers": [*mine, *beside], **({"initContainers": before} if before else {})}


def _probe(container: core_v1.Container, rollout: Rollout, *, kept: str | None) -> core_v1.Probe | None:
    """The probe to write: with the present one's request, else the one's that was taken away, else what ``Probe.path`` says."""
    if rollout.liveness is None:
        return None
    likeness = container.livenessProbe
    if likeness is None and kept is not None:
        likeness = msgspec.json.decode(kept.encode(), type=core_v1.Probe)
    http = rollout.liveness.path.startswith("/")
    if likeness is None or http != (likeness.httpGet is not None):
        port, scheme = app_port(container) if http else (0, "http")
        likeness = handler_of(rollout.liveness.path, port=port, scheme=scheme.upper())
    return timed(likeness, rollout.liveness)


def _as_patch(probe: core_v1.Probe | None) -> object:
    """The probe with each request that it has not taken away, since a patch is merged into what is there."""
    if probe is None:
        return None
    return {**dict.fromkeys(_HANDLERS), **msgspec.to_builtins(probe)}
