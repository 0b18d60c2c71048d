"""A replica that is not ready because of what is beside the application: a container that ends, a hook, a volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.evidence import Container
from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.diagnosis.rules import RULES
from lockage.interfaces.causes import causes
from support import cases as c

NAME = c.names()[0]


def with_containers(*containers: Container, **platform: Any) -> Case:
    """The new release's first replica has these containers and is not ready; the old ones serve."""
    new = c.pod(NAME, ready=False, containers=containers, created_at=c.ago(300))
    return c.case(
        platform={
            "details": (new, *(c.old_pod(name) for name in c.names(of=c.OLD_SET))),
            "revisions": (
                c.old_revision(wanted=3, present=3, ready=3),
                c.revision(wanted=1, present=1, ready=0, created_at=c.ago(300)),
            ),
            "conditions": c.progressing(reason="ReplicaSetUpdated"),
            **platform,
        }
    )


def told(seen: Case) -> tuple[Finding, ...]:
    return diagnose(seen, causes=causes(), rules=RULES).findings


UP = c.container(state=c.running(for_s=200))


def beside(**changes: Any) -> Container:
    return replace(c.crashing(c.ended(1, at=40, after_s=3)), **{"name": "agent", "main": False, "liveness": None, **changes})


def test_a_container_beside_the_application_that_ends_is_named_with_its_last_words() -> None:
    log = c.log("error: no such role", replica=NAME, container="agent", previous=True)
    (finding,) = told(with_containers(UP, beside(), logs=(log,)))
    assert finding.code == "F010"
    assert "container agent beside the application" in finding.cause
    assert "error: no such role" in finding.cause
    assert finding.next == f"kubectl -n prod logs {NAME} -c agent --previous"


def test_a_container_beside_the_application_that_was_killed_for_memory_is_that() -> None:
    (finding,) = told(with_containers(UP, beside(last=c.ended(137, "OOMKilled", at=40, after_s=30))))
    assert finding.code == "F006"


def test_a_container_beside_the_application_that_is_not_ready_is_named_and_the_application_does_not_hang() -> None:
    slow = beside(state=c.running(for_s=200), last=None, restarts=0)
    events = (c.event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", at=5),)
    (finding,) = told(with_containers(UP, slow, events=events))
    assert finding.code == "F004"
    assert finding.cause.startswith("container agent of pod")


def test_one_that_has_done_its_work_is_nothing() -> None:
    done = beside(init=True, state=c.ended(0, at=250), last=None, restarts=0)
    new = c.pod(NAME, containers=(UP, done))
    seen = c.case(platform={"details": (new, *(c.pod(name) for name in c.names()[1:]))})
    assert told(seen) == ()


def test_a_hook_that_fails_is_why_a_container_is_killed() -> None:
    events = (
        c.event("FailedPostStartHook", "PostStartHook failed", at=30),
        c.event("Killing", "FailedPostStartHook", at=30, kind="Normal"),
    )
    first, second = told(with_containers(c.crashing(c.ended(137, at=30, after_s=2)), events=events))
    assert (first.code, second.code, second.because) == ("F010", "F011", "F010")
    assert "postStart hook" in first.cause


def test_what_no_rule_knows_is_told_with_the_last_warning_of_the_platform() -> None:
    waits = c.container(state=c.waiting("ContainerCreating"), ready=False)
    text = 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) app-5f9d6c7b8-aaaaa'
    events = (c.event("FailedAttachVolume", text, at=250), c.event("Scheduled", "assigned", at=290, kind="Normal"))
    (finding,) = told(with_containers(waits, events=events, logs=()))
    assert finding.code == "F000"
    assert f"FailedAttachVolume: {text}" in finding.cause
