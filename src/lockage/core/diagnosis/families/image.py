"""Images: why a replica's container cannot be made from its image, by what the container runtime said.

Pure. The surprising thing: the state says ``ImagePullBackOff`` for every cause, and the sentence behind it is the registry's
own, so that words of a dozen registries stand here; a registry that hides what one may not see says "does not exist" for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.diagnosis.evidence import Container, ContainerPhase, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.present import (
    age_s,
    event_line,
    in_trouble,
    kubectl,
    living,
    log_exhibit,
    log_of,
    newest_revision,
    pod_events,
    pods,
    state_line,
    who,
)
from lockage.core.facts import Event

PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull", "ImageInspectError"})
"""Reasons of a container that waits for its image. Source: Kubernetes 1.33, pkg/kubelet/images/types.go."""

UNRUNNABLE = frozenset(
    {"InvalidImageName", "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun", "ImageInspectError"}
)
"""Reasons of a container that has its image, or never will, and cannot be run. ``CreateContainerConfigError`` is none of them:
there something of the configuration is missing."""

PULL_FAILURES = ("Failed", "BackOff", "ErrImageNeverPull", "InspectFailed")
"""Reasons of events that may tell of an image that cannot be pulled; their text says whether they do."""

BEGINNING = frozenset({"ContainerCreating", "PodInitializing"})

RETRIED_S = 600.0
"""How old the runtime's last sentence may be: a pull is tried again every five minutes at most."""


@dataclass(frozen=True, slots=True)
class _Kind:
    code: str
    words: re.Pattern[str]
    what: str
    confidence: float
    unsure: str = ""


# The first that matches decides: the particular before the general.
_KINDS = (
    _Kind(
        "F015",
        re.compile(r"no match for platform in manifest|no matching manifest for|does not match the specified platform|"
                   r"exec format error|image operating system .* cannot be used"),
        "was built for another architecture",
        0.95,
    ),
    _Kind(
        "F016",
        re.compile(r"toomanyrequests|429 Too Many Requests|rate limit"),
        "is not given now: the registry limits how often one may pull",
        0.9,
    ),
    _Kind(
        "F014",
        re.compile(r"may require authorization|insufficient_scope|pull access denied"),
        "may not be pulled with the credentials that the pods have, or does not exist",
        0.7,
        "; this registry gives the same answer for both",
    ),
    _Kind(
        "F014",
        re.compile(r"401 Unauthorized|403 Forbidden|unauthorized|no basic auth credentials|authentication required|"
                   r"authorization failed|[Aa]ccess denied|denied: |[Ff]orbidden|failed to fetch (?:anonymous|oauth) token"),
        "may not be pulled with the credentials that the pods have",
        0.9,
    ),
    _Kind(
        "F013",
        re.compile(r"not found|manifest unknown|MANIFEST_UNKNOWN|NAME_UNKNOWN|does not exist|[Nn]o such image|"
                   r"not present with pull policy of Never|ErrImageNeverPull"),
        "does not exist where it is looked for",
        0.9,
    ),
    _Kind(
        "F016",
        re.compile(r"i/o timeout|no such host|connection refused|no route to host|network is unreachable|TLS handshake timeout|"
                   r"x509: |server gave HTTP response|context deadline exceeded|connection reset|EOF|50[0234] |"
                   r"server misbehaving|proxyconnect|RegistryUnavailable|request canceled|name resolution|dial tcp"),
        "cannot be pulled: the registry is out of reach",
        0.9,
    ),
)  # fmt: skip

_NO_COMMAND = re.compile(
    r"executable file not found|no such file or directory|exec: |permission denied|InvalidImageName|invalid reference format|"
    r"couldn't parse image|is a directory|StartError|runc create failed|failed to create (?:containerd|shim) task"
)

_START_FAILED = re.compile(
    r"failed to start container|InvalidImageName|"
    r"failed to create (?:containerd|shim) task(?!.*\bmount).*"
    r"(?:executable file not found|no such file or directory|permission denied|is a directory|exec format error)"
)
"""Of an event: the state is written a moment after it. Where a mount fails, the image is all right.

Source: containerd 2, "failed to create containerd task", with runc's words behind it."""

NEXT = {
    "F013": "kubectl {ns}describe pod {pod}",
    "F014": "kubectl {ns}get pods {pod} -o jsonpath='{{.spec.imagePullSecrets}}'",
    "F015": "kubectl get nodes -o custom-columns=NAME:.metadata.name,ARCH:.status.nodeInfo.architecture",
    "F016": "kubectl {ns}describe pod {pod}",
    "F017": "kubectl {ns}describe pod {pod}",
}


def cannot_be_pulled(case: Case) -> Iterator[Finding]:
    """F013, F014, F015, F016: the image cannot be had."""
    groups: dict[tuple[str, str], list[tuple[ReplicaDetail, Container, _Kind, Exhibit]]] = {}
    for detail, container in _in_trouble(case):
        if not _waits_for_image(case, detail, container):
            continue
        kind, exhibit = _kind_of(case, detail, container)
        groups.setdefault((kind.code, container.image), []).append((detail, container, kind, exhibit))
    for (code, image), found in groups.items():
        yield _finding(case, code, image, found)


def cannot_be_run(case: Case) -> Iterator[Finding]:
    """F017, F015: the image is there, and nothing in it can be started."""
    for detail, container in _in_trouble(case):
        said = _said_of_start(case, detail, container)
        if said is None:
            continue
        exhibit, text = said
        if "exec format error" in text:
            yield _finding(case, "F015", container.image, [(detail, container, _KINDS[0], exhibit)])
            continue
        kind = _Kind("F017", _NO_COMMAND, f"cannot be run: {_short(text)}", 0.9)
        yield _finding(case, "F017", container.image, [(detail, container, kind, exhibit)])


def _in_trouble(case: Case) -> Iterator[tuple[ReplicaDetail, Container]]:
    newest = newest_revision(case)
    for detail in living(case):
        for container in detail.containers:
            # A sidecar without its image keeps the replica from being ready just as well.
            if in_trouble(case, detail, container) and not _given_up(detail, newest.name if newest else ""):
                yield detail, container


def _given_up(detail: ReplicaDetail, newest: str) -> bool:
    """Whether it belongs to a revision that is being replaced, so that nobody waits for it."""
    return bool(newest and detail.revision and detail.revision != newest)


def _waits_for_image(case: Case, detail: ReplicaDetail, container: Container) -> bool:
    state = container.state
    if state.phase is ContainerPhase.WAITING and state.reason in PULLING:
        return True
    if state.phase is not ContainerPhase.WAITING:
        return False
    if state.reason in BEGINNING:  # its state is written a moment after the event
        # One failure makes several events within the same second, and only one of them names the image.
        events = pod_events(case, detail.name, *PULL_FAILURES, "Pulled")
        pulled = max((place for place, event in enumerate(events, start=1) if event.reason == "Pulled"), default=0)
        return any(container.image in event.text and _of_pulling(case, event) for event in events[pulled:])
    # The list of replicas alone says only that it has not started.
    return not state.reason and bool(_pull_events(case, detail))


def _pull_events(case: Case, detail: ReplicaDetail) -> tuple[str, ...]:
    return tuple(e.text for e in pod_events(case, detail.name, *PULL_FAILURES) if _of_pulling(case, e))


def _of_pulling(case: Case, event: Event) -> bool:
    words = ("pull image", "pulling image", "pull policy")
    return age_s(case, event.at) < RETRIED_S and any(each in event.text for each in words)


def _kind_of(case: Case, detail: ReplicaDetail, container: Container) -> tuple[_Kind, Exhibit]:
    """What the runtime said last of this image; where nothing was said, only that it cannot be pulled."""
    for event in reversed(pod_events(case, detail.name, "Failed", "ErrImageNeverPull", "InspectFailed", "BackOff")):
        kind = _matching(event.text) if container.image in event.text else None
        if kind is not None and age_s(case, event.at) < 2 * RETRIED_S:
            return kind, event_line(event)
    state = state_line(detail, container)
    kind = _matching(f"{container.state.reason} {container.state.message}")
    if kind is not None:
        return kind, state
    return _Kind("F013", _NO_COMMAND, "cannot be pulled", 0.5, "; the registry's own answer was not seen"), state


def _matching(text: str) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.words.search(text)), None)


def _said_of_start(case: Case, detail: ReplicaDetail, container: Container) -> tuple[Exhibit, str] | None:
    """What was said of a container that could not be started."""
    for state in (container.state, container.last):
        if state is None or (state is container.last and container.state.phase is ContainerPhase.RUNNING):
            continue
        text = f"{state.reason} {state.message}"
        if state.reason in UNRUNNABLE or (state.message and "exec format error" in text):
            # Of a volume or a name that is taken the state says CreateContainerError too: nothing is wrong with the image.
            if state.reason == "CreateContainerError" and not _NO_COMMAND.search(text):
                continue
            return state_line(detail, container, state), state.message or state.reason
    for event in reversed(pod_events(case, detail.name, "Failed", "InspectFailed")):
        if age_s(case, event.at) < RETRIED_S and _START_FAILED.search(event.text):
            return event_line(event), event.text
    return _said_in_log(case, detail, container)


def _said_in_log(case: Case, detail: ReplicaDetail, container: Container) -> tuple[Exhibit, str] | None:
    """A shell, or a runtime of before, says it in the container's own log, as its only words."""
    for previous in (True, False):
        log = log_of(case, detail.name, container.name, previous=previous)
        if log is None or len(log.lines) > 3:
            continue
        line = next((line for line in log.lines if "exec format error" in line), None)
        if line is not None:
            return log_exhibit(log, line), line
    return None


def _short(text: str) -> str:
    """The last clauses of the runtime's sentence, which name what is wrong."""
    clauses = " ".join(text.split()).removesuffix(": unknown").split(": ")
    kept = clauses[-1]
    for clause in reversed(clauses[:-1]):
        if len(clause) + len(kept) > 140:
            break
        kept = f"{clause}: {kept}"
    return kept[:240]


def _finding(case: Case, code: str, image: str, found: list[tuple[ReplicaDetail, Container, _Kind, Exhibit]]) -> Finding:
    details = tuple(detail for detail, _, _, _ in found)
    kind, exhibit = found[0][2], found[0][3]
    nodes = {n.name: n for n in case.evidence.platform.nodes or ()}
    node = nodes.get(details[0].node or "")
    where = f" (node {node.name} is {node.architecture})" if code == "F015" and node is not None and node.architecture else ""
    names = tuple(d.name for d in details)
    wait = "waits" if len(names) == 1 else "wait"
    states = tuple(dict.fromkeys(state_line(d, c) for d, c, _, _ in found[:2]))
    newest = newest_revision(case)
    return Finding(
        code=code,
        cause=f"image {image} {kind.what}{where}; {who(case, names)} {wait} for it",
        confidence=kind.confidence,
        why=f"the container runtime said so{kind.unsure}",
        evidence=tuple(dict.fromkeys((exhibit, *states))),
        next=_next(case, code, details[0]),
        avoid="do not delete the old replicas: they serve, and no new one can start",
        rules_out=("F010",),
        about=(*pods(*names), *((f"revision {newest.name}",) if newest is not None else ())),
    )


def _next(case: Case, code: str, detail: ReplicaDetail) -> str:
    if case.evidence.platform_kind != "kubernetes":
        return kubectl(case)
    namespace = f"-n {case.evidence.namespace} " if case.evidence.namespace else ""
    return NEXT[code].format(ns=namespace, pod=detail.name)


RULES: tuple[Rule, ...] = (cannot_be_pulled, cannot_be_run)
