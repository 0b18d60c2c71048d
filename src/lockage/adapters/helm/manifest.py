"""What Helm rendered: its objects, what they say of the workload, and the edits that a post-renderer would have to make.

Not for rendering, and not for what the API server made of it. The surprising thing: nothing is trusted but this result. Helm
merges values by the kind of flag, a chart may ignore a value, a post-renderer may change anything; so a rollout is held
against what came out, field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import yaml

from lockage.core.facts import Probe
from lockage.core.release.chart_values import probe_numbers
from lockage.core.release.profile import WorkloadProfile
from lockage.core.release.version import parse_version
from lockage.errors import RefusedError, UsageError

Object: TypeAlias = Mapping[str, Any]


class _Loader(yaml.CSafeLoader):  # CSafeLoader is an alias that types do not know to be a class
    """YAML as Kubernetes reads it: no dates, and ``=`` is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"timestamp", "value"}]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of one object: a path of keys, ``{"name": X}`` for the element of that name; None takes it out."""

    kind: str
    name: str
    path: tuple[str | Mapping[str, str], ...]
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One field of the result that is not what was asked for."""

    object: str  # "Deployment/coder"
    field: str  # "replicas", "image", "livenessProbe" or one of its fields, "minReplicas", "maxReplicas"
    value: object
    expected: object
    edits: tuple[Edit, ...] = ()  # what would make it right

    def __str__(self) -> str:
        """``Deployment/coder: replicas is 3, expected 1``."""
        return f"{self.object}: {self.field} is {self.value}, expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the result must say."""

    workload: str  # name of the Deployment
    release: str
    replicas: int
    liveness: Probe | None
    pinned: bool  # autoscalers that the chart renders must hold exactly ``replicas``


def objects(manifest: str) -> tuple[Object, ...]:
    """All objects of a manifest, lists taken apart. Raises ``RefusedError`` (LK512) for what is no YAML."""
    try:
        documents = cast("list[object]", list(yaml.load_all(manifest, Loader=_Loader)))
    except yaml.YAMLError as error:
        raise RefusedError(f"what helm rendered is no YAML: {error}", code="LK512", hint="helm template shows it") from error
    found: list[Object] = []
    for document in documents:
        if isinstance(document, dict):
            one = cast("Object", document)
            found += listed(one, "items") if one.get("kind") == "List" else [one]
    return tuple(found)


def within(thing: Object, *keys: str) -> Object:
    """The mapping at a path of keys; empty where there is none."""
    place: Any = thing
    for key in keys:
        place = cast("Object", place).get(key) if isinstance(place, dict) else None
    return cast("Object", place) if isinstance(place, dict) else {}


def listed(thing: Object, key: str) -> tuple[Object, ...]:
    """The mappings of a list; none where there is no list."""
    found = thing.get(key)
    return tuple(one for one in cast("list[Object]", found) if isinstance(one, dict)) if isinstance(found, list) else ()


def title(thing: Object) -> str:
    """``Deployment/coder``."""
    return f"{thing.get('kind')}/{name_of(thing)}"


def name_of(thing: Object) -> str:
    """The object's name."""
    return str(within(thing, "metadata").get("name"))


def deployment(rendered: Sequence[Object], name: str) -> Object:
    """The one Deployment of that name. Raises ``RefusedError`` (LK515)."""
    found = [thing for thing in rendered if thing.get("kind") == "Deployment"]
    named = [thing for thing in found if name_of(thing) == name]
    if len(named) != 1:
        there = ", ".join(sorted(name_of(thing) for thing in found)) or "none"
        raise RefusedError(
            f"the chart renders {len(named)} Deployments named {name}; Deployments that it renders: {there}",
            code="LK515",
            hint="check helm.chart, helm.release and helm.arguments: this is not the chart of that workload",
        )
    return named[0]


def container(thing: Object, profile: WorkloadProfile) -> Object:
    """The container that runs the application. Raises ``RefusedError`` (LK515)."""
    there = listed(within(thing, "spec", "template", "spec"), "containers")
    last = repository(profile.image).rpartition("/")[2]
    ways = (
        [one for one in there if profile.container is not None and one.get("name") == profile.container],
        [one for one in there if repository(str(one.get("image"))) == repository(profile.image)],
        [one for one in there if repository(str(one.get("image"))).rpartition("/")[2] == last],
        [one for one in there if len(there) == 1],
    )
    for found in ways:
        if found:
            return found[0]
    images = ", ".join(str(one.get("image")) for one in there)
    raise RefusedError(
        f"{title(thing)} has no container that runs {profile.image}; images: {images}",
        code="LK515",
        hint="name the container in the profile: workload.container",
    )


def repository(image: str) -> str:
    """``ghcr.io/coder/coder`` of ``ghcr.io/coder/coder:v2.30.0@sha256:…``."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def image_release(image: str) -> str | None:
    """The release that an image's tag says; None where it says none."""
    tag = image.partition("@")[0][len(repository(image)) + 1 :]
    try:
        return str(parse_version(tag))
    except UsageError:
        return tag or None


def probe_of(one: Object) -> Probe | None:
    """The liveness probe of a container, Kubernetes' defaults filled in."""
    probe = within(one, "livenessProbe")
    if not probe:
        return None
    return Probe(
        path=str(within(probe, "httpGet").get("path", "")),
        initial_delay_s=float(probe.get("initialDelaySeconds") or 0),
        period_s=float(probe.get("periodSeconds") or 10),
        timeout_s=float(probe.get("timeoutSeconds") or 1),
        failure_threshold=int(probe.get("failureThreshold") or 3),
    )


# --- against what was asked for ----------------------------------------------------------------------------------------


def mismatches(rendered: Sequence[Object], asked: Asked, profile: WorkloadProfile) -> tuple[Mismatch, ...]:
    """Every field of the result that is not what was asked for. Raises ``RefusedError`` (LK515) where there is no such result.

    A Deployment that says no number of replicas (an autoscaler does) is no mismatch: Helm leaves the number as it is.
    """
    thing = deployment(rendered, asked.workload)
    return (*_of_deployment(thing, container(thing, profile), asked), *_of_autoscalers(rendered, asked))


def says_replicas(rendered: Sequence[Object], workload: str) -> bool:
    """Whether the result says how many replicas there shall be."""
    return deployment(rendered, workload)["spec"].get("replicas") is not None


def _of_deployment(thing: Object, one: Object, asked: Asked) -> Iterator[Mismatch]:
    name, replicas = name_of(thing), thing["spec"].get("replicas")
    if replicas is not None and replicas != asked.replicas:
        edit = Edit(kind="Deployment", name=name, path=("spec", "replicas"), value=asked.replicas)
        yield Mismatch(object=title(thing), field="replicas", value=replicas, expected=asked.replicas, edits=(edit,))
    at = ("spec", "template", "spec", "containers", {"name": str(one.get("name"))})
    image = str(one.get("image"))
    if image_release(image) != _release(asked.release):
        yield Mismatch(object=title(thing), field="image", value=image, expected=f"release {asked.release}")
    yield from _of_probe(thing, one, asked.liveness, at)


def _of_probe(thing: Object, one: Object, wanted: Probe | None, at: tuple[str | Mapping[str, str], ...]) -> Iterator[Mismatch]:
    has, name = probe_of(one), name_of(thing)
    if wanted is None:
        if has is not None:
            edit = Edit(kind="Deployment", name=name, path=(*at, "livenessProbe"), value=None)
            yield Mismatch(object=title(thing), field="livenessProbe", value="there", expected="none", edits=(edit,))
        return
    numbers = probe_numbers(wanted)
    if has is None:
        action = {key: value for key, value in within(one, "readinessProbe").items() if key in _ACTIONS}
        edit = Edit(kind="Deployment", name=name, path=(*at, "livenessProbe"), value={**action, **numbers})
        told = ", ".join(f"{field} {number:g}" for field, number in numbers.items())
        edits = (edit,) if action else ()
        yield Mismatch(object=title(thing), field="livenessProbe", value="none", expected=told, edits=edits)
        return
    there = probe_numbers(has)
    for field, number in numbers.items():
        if there[field] != number:
            edit = Edit(kind="Deployment", name=name, path=(*at, "livenessProbe", field), value=number)
            yield Mismatch(object=title(thing), field=field, value=there[field], expected=number, edits=(edit,))


_ACTIONS = frozenset({"httpGet", "tcpSocket", "exec", "grpc"})

_BOUNDS = {"HorizontalPodAutoscaler": ("minReplicas", "maxReplicas"), "ScaledObject": ("minReplicaCount", "maxReplicaCount")}
"""What an autoscaler calls its bounds. Source: Kubernetes API autoscaling/v2; KEDA's ScaledObject specification 2.18."""


def autoscalers(rendered: Sequence[Object], workload: str) -> tuple[Object, ...]:
    """Autoscalers of the workload among the objects."""
    return tuple(
        thing
        for thing in rendered
        if thing.get("kind") in _BOUNDS
        and (target := within(thing, "spec", "scaleTargetRef")).get("name") == workload
        and target.get("kind", "Deployment") == "Deployment"
    )


def _of_autoscalers(rendered: Sequence[Object], asked: Asked) -> Iterator[Mismatch]:
    if not asked.pinned:
        return
    for thing in autoscalers(rendered, asked.workload):
        for bound in _BOUNDS[thing["kind"]]:
            value = thing["spec"].get(bound)
            if value != asked.replicas:
                edit = Edit(kind=thing["kind"], name=name_of(thing), path=("spec", bound), value=asked.replicas)
                yield Mismatch(object=title(thing), field=bound, value=value, expected=asked.replicas, edits=(edit,))


def _release(text: str) -> str:
    try:
        return str(parse_version(text))
    except UsageError:
        return text
