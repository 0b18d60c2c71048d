"""Images that cannot be had or run, by the words of kubelet, containerd and registries."""
# ruff: noqa: E501 - the texts of kubelet, containerd and registries stand as they print them

from __future__ import annotations

from typing import Any

import pytest

from lockage.core.diagnosis.findings import Case, Finding
from support import cases as c
from support.rules import found

NAME = c.names()[0]
IMAGE = c.image()
RESOLVE = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '

SAID = [
    (f"rpc error: code = NotFound desc = {RESOLVE}{IMAGE}: not found", "F013", "does not exist"),
    (f"{RESOLVE}unexpected status from HEAD request to https://registry.example/v2/app/manifests/v1: 401 Unauthorized", "F014",
     "may not be pulled"),
    (f"{RESOLVE}pull access denied, repository does not exist or may require authorization: server message: "
     "insufficient_scope: authorization failed", "F014", "or does not exist"),
    (f"{RESOLVE}failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden", "F014", "may not"),
    (f'failed to pull and unpack image "{IMAGE}": no match for platform in manifest: not found', "F015", "another architecture"),
    (f'{RESOLVE}failed to do request: Head "https://registry.example/v2/app/manifests/v1": dial tcp: lookup registry.example on '
     "10.96.0.10:53: no such host", "F016", "out of reach"),
    (f'{RESOLVE}failed to do request: Head "https://registry.example": x509: certificate signed by unknown authority', "F016", "reach"),
    (f"{RESOLVE}unexpected status: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated "
     "pull rate limit", "F016", "limits how often"),
]  # fmt: skip


def unpulled(text: str, **platform: Any) -> Case:
    """The first new replica waits for its image, and the old ones serve."""
    state = c.waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {text}')
    new = c.pod(NAME, ready=False, phase="Pending", containers=(c.container(state=state, ready=False),), created_at=c.ago(200))
    given = {
        "details": (new, *(c.old_pod(n) for n in c.names(of=c.OLD_SET))),
        "revisions": (
            c.old_revision(wanted=3, present=3, ready=3),
            c.revision(wanted=1, present=1, ready=0, created_at=c.ago(200)),
        ),
        "conditions": c.progressing(reason="ReplicaSetUpdated"),
        "events": (
            c.event("Failed", f'Failed to pull image "{IMAGE}": {text}', at=30),
            c.event("BackOff", f'Back-off pulling image "{IMAGE}"', at=10, kind="Normal"),
        ),
        "logs": (),
        **platform,
    }
    return c.case(platform=given)


def one(seen: Case) -> Finding:
    (finding,) = found(seen)
    return finding


@pytest.mark.parametrize(("text", "code", "what"), SAID)
def test_a_pull_that_fails_is_named_by_what_the_registry_said(text: str, code: str, what: str) -> None:
    finding = one(unpulled(text))
    assert finding.code == code
    assert IMAGE in finding.cause
    assert what in finding.cause
    assert f"pod {NAME}" in finding.about


@pytest.mark.parametrize("source", ["platform.events", "platform.details"])
@pytest.mark.parametrize(("text", "code", "what"), SAID)
def test_one_source_of_two_is_enough(text: str, code: str, what: str, source: str) -> None:
    del what
    assert one(c.blind(unpulled(text), source)).code == code


def test_an_image_that_may_never_be_pulled_must_be_there() -> None:
    state = c.waiting("ErrImageNeverPull", f'Container image "{IMAGE}" is not present with pull policy of Never')
    new = c.pod(NAME, ready=False, phase="Pending", containers=(c.container(state=state, ready=False),))
    assert one(c.case(platform={"details": (new,)})).code == "F013"


def test_the_event_is_enough_as_long_as_the_state_still_says_that_it_begins() -> None:
    new = c.pod(
        NAME, ready=False, phase="Pending", containers=(c.container(state=c.waiting("ContainerCreating"), ready=False),)
    )
    text = f'Container image "{IMAGE}" is not present with pull policy of Never'
    failed = c.event("ErrImageNeverPull", text, at=1)
    assert one(c.case(platform={"details": (new,), "events": (failed,)})).code == "F013"
    pulled = c.event("Pulled", f'Successfully pulled image "{IMAGE}"', at=0.5, kind="Normal")
    assert not found(c.case(platform={"details": (new,), "events": (failed, pulled)}))


def test_of_several_events_of_one_failure_the_one_that_names_the_image_counts() -> None:
    state = c.waiting("ContainerCreating")
    new = c.pod(NAME, ready=False, phase="Pending", containers=(c.container(state=state, ready=False),))
    failed = c.event("Failed", f'Failed to pull image "{IMAGE}": not found', at=1)
    again = c.event("Failed", "Error: ErrImagePull", at=1)
    assert one(c.case(platform={"details": (new,), "events": (failed, again)})).code == "F013"


@pytest.mark.parametrize(
    ("why", "codes"), [("executable file not found in $PATH", {"F017"}), ("error mounting: no such file or directory", set())]
)
def test_the_event_of_a_start_is_enough_unless_a_mount_failed(why: str, codes: set[str]) -> None:
    state = c.waiting("ContainerCreating")
    new = c.pod(NAME, ready=False, phase="Pending", containers=(c.container(state=state, ready=False),))
    text = (
        f'Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: exec: "serve": {why}'
    )
    seen = c.case(platform={"details": (new,), "events": (c.event("Failed", text, at=1),), "logs": ()})
    assert {one.code for one in found(seen)} == codes


STARTS = [
    c.waiting("RunContainerError", 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc '
              'create failed: unable to start container process: exec: "/app/srv": stat /app/srv: no such file or directory: unknown'),
    c.waiting("InvalidImageName", 'Failed to apply default image tag "registry.example/APP:v1": couldn\'t parse image name'),
    c.ended(128, "StartError", message='exec: "serve": executable file not found in $PATH: unknown', at=5),
]  # fmt: skip


@pytest.mark.parametrize("state", STARTS)
def test_an_image_in_which_nothing_can_be_started_is_named(state: Any) -> None:
    new = c.pod(NAME, ready=False, containers=(c.container(state=state, ready=False),))
    assert one(c.case(platform={"details": (new,), "logs": ()})).code == "F017"


def test_a_command_that_cannot_be_started_again_and_again_is_the_images_fault_and_no_exit() -> None:
    last = c.ended(128, "StartError", message='exec: "serve": executable file not found in $PATH: unknown', at=5)
    new = c.pod(NAME, ready=False, containers=(c.crashing(last),))
    assert {f.code for f in found(c.case(platform={"details": (new,), "logs": ()}))} == {"F017", "F011"}


def test_an_image_of_another_architecture_that_was_pulled_says_so_in_its_log() -> None:
    new = c.pod(NAME, ready=False, containers=(c.crashing(c.ended(1, at=20, after_s=0)),))
    seen = c.case(platform={"details": (new,), "logs": (c.log("exec /usr/bin/app: exec format error", previous=True),)})
    assert {f.code for f in found(seen)} == {"F015", "F011"}


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_a_back_off_of_a_revision_that_is_gone_is_over() -> None:
    events = (c.event("Failed", f'Failed to pull image "{IMAGE}": {SAID[0][0]}', at=400, subject="Pod/app-gone-aaaaa"),)
    assert found(c.case(platform={"events": events})) == ()


def test_a_pull_that_failed_once_and_then_went_well_is_over() -> None:
    events = (
        c.event("Failed", f'Failed to pull image "{IMAGE}": {SAID[5][0]}', at=100),
        c.event("Pulled", f'Successfully pulled image "{IMAGE}" in 3s', at=80, kind="Normal"),
    )
    assert found(c.case(platform={"events": events})) == ()


def test_a_replica_whose_image_is_being_pulled_is_nothing() -> None:
    new = c.pod(
        NAME, ready=False, phase="Pending", containers=(c.container(state=c.waiting(), ready=False),), created_at=c.ago(9)
    )
    events = (c.event("Pulling", f'Pulling image "{IMAGE}"', at=8, kind="Normal"),)
    assert found(c.case(platform={"details": (new, *(c.pod(n) for n in c.names()[1:])), "events": events})) == ()


def test_an_old_replica_without_its_image_is_not_waited_for() -> None:
    state = c.waiting("ImagePullBackOff", f'Back-off pulling image "{c.image(c.OLD_RELEASE)}": not found')
    old = c.pod(c.names(of=c.OLD_SET)[0], revision=c.OLD_SET, ready=False, containers=(c.container(state=state, ready=False),))
    assert found(c.case(platform={"details": (*(c.pod(n) for n in c.names()), old)})) == ()
