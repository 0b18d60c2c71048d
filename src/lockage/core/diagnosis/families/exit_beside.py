"""What ends a replica that is not the application's own doing: a container beside it that ends, or a hook that fails.

Part of family ``exit``. The surprising thing: the application may be up and ready, and its replica is not, because a container
that somebody else put into the pod (a proxy, an agent) ends again and again. Its log is somebody else's too, and only quoted.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.diagnosis.evidence import Container, ContainerPhase, ContainerState, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.last_words import last_words
from lockage.core.diagnosis.present import (
    age_s,
    event_line,
    in_trouble,
    is_ready,
    kubectl,
    living,
    log_exhibit,
    log_of,
    noun,
    own_containers,
    pod_events,
    pods,
    state_line,
)
from lockage.core.wording import counted

HOOK_S = 900.0
"""How old the last failure of a hook may be: with the longest back-off it is tried again every five minutes."""


def ends_beside(case: Case) -> Iterator[Finding]:
    """F006 and F010 of a container beside the application's, which keeps its replica from being ready."""
    for detail in living(case):
        own = own_containers(detail)
        for container in detail.containers:
            ended = _ended(container)
            if container not in own and ended is not None and not is_ready(case, detail) and not container.ready:
                yield _ending_beside(case, detail, container, ended)


def _ended(container: Container) -> ContainerState | None:
    """How a container ended that has ended for good, or waits to be started again."""
    if container.state.phase is ContainerPhase.RUNNING or (container.init and container.state.exit_code == 0):
        return None
    ended = container.state if container.state.phase is ContainerPhase.TERMINATED else container.last
    return ended if ended is not None and ended.exit_code is not None else None


def _ending_beside(case: Case, detail: ReplicaDetail, container: Container, ended: ContainerState) -> Finding:
    hungry = ended.reason == "OOMKilled"
    quote = _quote(case, detail, container)
    how = "was killed at its memory limit" if hungry else f"ended with exit code {ended.exit_code}"
    said = f", and said last: {quote[0].text[:200]}" if quote else ""
    return Finding(
        code="F006" if hungry else "F010",
        cause=f"container {container.name} beside the application in {noun(case)} {detail.name} {how} "
        f"({counted(container.restarts, 'restart')}){said}; the {noun(case)} is not ready without it",
        confidence=0.85,
        why="a replica is ready when all of its containers are",
        evidence=(state_line(detail, container), state_line(detail, container, ended), *quote),
        next=kubectl(case, "logs", detail.name, "-c", container.name, "--previous"),
        avoid="do not look for it in the application's own log alone: it is another container",
        rules_out=("F056",),
        about=pods(detail.name),
    )


def _quote(case: Case, detail: ReplicaDetail, container: Container) -> tuple[Exhibit, ...]:
    for previous in (True, False):
        log = log_of(case, detail.name, container.name, previous=previous)
        line = last_words(log) if log is not None else None
        if log is not None and line is not None:
            return (log_exhibit(log, line.raw),)
    return ()


def hook_failed(case: Case) -> Iterator[Finding]:
    """F010 of a container that was killed because its postStart hook failed."""
    for detail in living(case):
        failed = [e for e in pod_events(case, detail.name, "FailedPostStartHook") if age_s(case, e.at) < HOOK_S]
        if failed and any(in_trouble(case, detail, container) for container in own_containers(detail)):
            yield Finding(
                code="F010",
                cause=f"{noun(case)} {detail.name} is killed each time that it starts, because its postStart hook fails: "
                f"{failed[-1].text[:160]}",
                confidence=0.9,
                why="the event says so",
                evidence=(event_line(failed[-1]),),
                next=kubectl(case, "get", "pod", detail.name, "-o", "jsonpath='{.spec.containers[*].lifecycle}'"),
                avoid="do not look for the reason in the application's log alone: the hook is a command of its own",
                about=pods(detail.name),
            )
