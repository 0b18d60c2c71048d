"""Which Deployment is meant: by its labels, or by what a profile knows of its image, labels and chart.

Not for reading the workload (``workload``). The surprising thing: other Deployments run the same image (Coder's workspace
proxies and provisioners, even by the same chart), so a profile's image is not enough, and two that fit are an error.

Codes: LK530 none fits · LK531 several fit · LK532 what fits is no Deployment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockage.adapters.kubernetes.failure import ForbiddenError
from lockage.adapters.kubernetes.image import likeness
from lockage.adapters.kubernetes.objects import Asking, ContainerObject, Metadata, WorkloadKind, WorkloadObject, list_workloads
from lockage.adapters.kubernetes.workload import DEFAULT_CONTAINER
from lockage.core.release.profile import Profile
from lockage.errors import LockageError, RefusedError

HELM_RELEASE = "meta.helm.sh/release-name"
HELM_NAMESPACE = "meta.helm.sh/release-namespace"
HELM_CHART = "helm.sh/chart"
"""What Helm and its charts write on an object. Source: helm.sh, "Labels and Annotations"; Helm 3.22, pkg/action/validate.go."""

_CHART = re.compile(r"(?P<name>.+?)-(?P<version>v?\d+(?:\.\d+)*(?:[-+_.].*)?)")

_OTHER_KINDS: tuple[WorkloadKind, ...] = ("StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmOrigin:
    """What a Deployment says about the Helm release that it belongs to."""

    release: str
    namespace: str
    chart: str | None = None  # its name; None: the label is missing
    chart_version: str | None = None  # with + written as _, as labels have it


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The workload that is meant, with the profile that it fits."""

    name: str
    workload: WorkloadObject
    container: str
    profile: Profile
    helm: HelmOrigin | None


def find_workload(client: Asking, *, selector: str | None, profile: Profile | None, known: Sequence[Profile] = ()) -> Found:
    """The one Deployment in the client's namespace that has these labels or, without a selector, fits the profile.

    ``selector`` is as kubectl takes it. ``profile`` None: the one of the ``known`` that fits.
    Raises ``RefusedError``: LK530 nothing fits, LK531 several do, LK532 it is a StatefulSet or DaemonSet; as the client does.
    """
    there = list_workloads(client, "Deployment", selector=selector)
    candidates = (profile,) if profile is not None else tuple(known)
    fitting = matches(there, candidates)
    if not fitting and selector is not None and profile is not None and len(there) == 1:
        fitting = [(there[0], profile)]  # the user says so, whatever image it runs
    if len(fitting) == 1:
        found, fits = fitting[0]
        return described(found, fits)
    if fitting:
        raise _several(client.namespace, fitting, selector=selector)
    if selector is not None and len(there) > 1 and profile is not None:
        raise _several(client.namespace, [(one, profile) for one in there], selector=selector)
    raise _none(client, there, candidates, selector=selector, named=profile)


def matches(workloads: Iterable[WorkloadObject], profiles: Sequence[Profile]) -> list[tuple[WorkloadObject, Profile]]:
    """The workloads that fit a profile: by image and labels, else by image alone, else by labels or chart."""
    pairs = [(one, profile) for one in workloads for profile in profiles if not _is_something_else(one, profile)]
    by_image = [(one, p) for one, p in pairs if _runs_image(one, p)]
    by_both = [(one, p) for one, p in by_image if not p.workload.labels or _has_labels(one, p)]
    return by_both or by_image or [(one, p) for one, p in pairs if _has_labels(one, p) or _of_chart(one, p)]


def find_any(client: Asking, *, selector: str | None, name: str) -> WorkloadObject:
    """The Deployment with these labels, else of that name, else the only one: where there is no profile yet.

    Raises ``RefusedError``: LK530 there is none, LK531 there are several; as the client does.
    """
    there = list_workloads(client, "Deployment", selector=selector)
    named = [one for one in there if one.metadata.name == name]
    fitting = named if len(named) == 1 else list(there)
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(one.title for one in there)
    which = f" with the labels {selector}" if selector is not None else ""
    if not there:
        raise RefusedError(
            f"there is no Deployment{which} in namespace {client.namespace}",
            code="LK530",
            hint=f"kubectl get deployments --show-labels -n {client.namespace}",
        )
    raise RefusedError(
        f"{len(there)} Deployments{which} are in namespace {client.namespace}, and none is called {name}: {names}",
        code="LK531",
        hint=f"choose one with --selector {_telling_labels(there)}",
    )


def described(workload: WorkloadObject, profile: Profile) -> Found:
    """What is said of a workload that was found. Raises ``RefusedError`` (LK530) when it has no container of the profile's."""
    return Found(
        name=workload.metadata.name,
        workload=workload,
        container=container_of(workload, profile).name,
        profile=profile,
        helm=helm_origin(workload.metadata),
    )


def container_of(workload: WorkloadObject, profile: Profile) -> ContainerObject:
    """The container that ``workload.container_in`` chooses.

    Raises ``RefusedError`` (LK530) when there is none.
    """
    containers = workload.spec.template.spec.containers
    named, image = profile.workload.container, profile.workload.image
    if named is None and containers:
        best = max(containers, key=lambda container: likeness(container.image, image))
        if likeness(best.image, image) > 0 or len(containers) == 1:
            return best
    usual = workload.spec.template.metadata.annotations.get(DEFAULT_CONTAINER)
    fitting = [container for container in containers if container.name == (named or usual)]
    if fitting:
        return fitting[0]
    there = ", ".join(f"{c.name} ({c.image})" for c in containers) or "none"
    raise RefusedError(
        f"{workload.title} has no container {named or 'that runs ' + image}; its containers: {there}",
        code="LK530",
        hint="name the container in the profile: workload.container",
    )


def helm_origin(metadata: Metadata) -> HelmOrigin | None:
    """The Helm release that an object says it belongs to; None when it says nothing."""
    release = metadata.annotations.get(HELM_RELEASE)
    if release is None:
        return None
    chart = _CHART.fullmatch(metadata.labels.get(HELM_CHART, ""))
    return HelmOrigin(
        release=release,
        namespace=metadata.annotations.get(HELM_NAMESPACE) or metadata.namespace,
        chart=chart["name"] if chart else None,
        chart_version=chart["version"] if chart else None,
    )


def _runs_image(workload: WorkloadObject, profile: Profile) -> bool:
    return any(likeness(c.image, profile.workload.image) > 0 for c in workload.spec.template.spec.containers)


def _labels(workload: WorkloadObject) -> dict[str, str]:
    return {**workload.spec.template.metadata.labels, **workload.metadata.labels}


def _has_labels(workload: WorkloadObject, profile: Profile) -> bool:
    wanted = profile.workload.labels
    return bool(wanted) and wanted.items() <= _labels(workload).items()


def _of_chart(workload: WorkloadObject, profile: Profile) -> bool:
    chart = _CHART.fullmatch(_labels(workload).get(HELM_CHART, ""))
    return profile.helm is not None and chart is not None and chart["name"] == profile.helm.chart


def _is_something_else(workload: WorkloadObject, profile: Profile) -> bool:
    template = workload.spec.template
    if any(template.metadata.annotations.get(name, value) != value for name, value in profile.workload.annotations.items()):
        return True
    telling = set(profile.workload.without_args)
    running = [c for c in template.spec.containers if likeness(c.image, profile.workload.image) > 0]
    return any(telling.intersection((*c.command, *c.args)) for c in running)


def _several(namespace: str, fitting: Sequence[tuple[WorkloadObject, Profile]], *, selector: str | None) -> LockageError:
    profiles = {profile.name for _, profile in fitting}
    names = ", ".join(
        dict.fromkeys(one.title + (f" (profile {profile.name})" if len(profiles) > 1 else "") for one, profile in fitting)
    )
    which = f"the labels {selector}" if selector is not None else f"profile {', '.join(sorted(profiles))}"
    labels = _telling_labels([one for one, _ in fitting])
    return RefusedError(
        f"{len(fitting)} workloads in namespace {namespace} fit {which}: {names}",
        code="LK531",
        hint=f"choose one with --selector {labels}" + (" or --profile NAME" if len(profiles) > 1 else ""),
    )


def _telling_labels(workloads: Sequence[WorkloadObject]) -> str:
    """Labels of the first that the others do not have."""
    first, *others = [one.metadata.labels for one in workloads]
    own = [f"{name}={value}" for name, value in first.items() if all(other.get(name) != value for other in others)]
    return own[0] if own else "LABEL=VALUE"


def _none(
    client: Asking,
    there: Sequence[WorkloadObject],
    profiles: Sequence[Profile],
    *,
    selector: str | None,
    named: Profile | None,
) -> LockageError:
    for kind in _OTHER_KINDS:
        others = _listed(client, kind, selector)
        fitting = [one for one, _ in matches(others, profiles)] or (list(others) if selector is not None else [])
        if fitting:
            return RefusedError(
                f"{fitting[0].title} in namespace {client.namespace} is no Deployment, and Lockage upgrades Deployments only",
                code="LK532",
                hint="lockage forecast --migrations DIR --database URL says what its migrations lock, whatever runs it",
            )
    seen = (
        ", ".join(f"{one.title} ({', '.join(c.image for c in one.spec.template.spec.containers)})" for one in there) or "none"
    )
    which = f"the labels {selector}" if selector is not None else "a profile"
    if named is not None:
        which += f" and profile {named.name}" if selector is not None else f" {named.name} (image {named.workload.image})"
    which = which.replace("a profile ", "profile ")
    tried = "" if named is not None else f" that Lockage brings ({', '.join(p.name for p in profiles)})"
    return RefusedError(
        f"no Deployment in namespace {client.namespace} fits {which}{tried}; there: {seen}",
        code="LK530",
        hint="choose it with --selector and --profile FILE; lockage profile init NAME -n NAMESPACE -l LABELS writes a profile",
    )


def _listed(client: Asking, kind: WorkloadKind, selector: str | None) -> tuple[WorkloadObject, ...]:
    try:
        return list_workloads(client, kind, selector=selector)
    except ForbiddenError:
        return ()  # it is only asked in order to say more
