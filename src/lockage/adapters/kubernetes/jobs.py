"""Runs of Lockage as Jobs: made, found again, and followed until they end.

Not for what a Job is made of (``core.plan.cluster_job``). The surprising thing: whoever follows holds nothing. What is
shown is read anew each time from the pods' own logs, so that a follower may die at any moment, and another one may begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from lockage.adapters.kubernetes.failure import ConflictError, MissingError, RejectedError
from lockage.adapters.kubernetes.objects import Asking
from lockage.core.plan.cluster_job import DEPLOYMENT_LABEL, ClusterJob, beside, owned, the_job
from lockage.core.plan.roles import Json
from lockage.errors import HaltedError, LockageError, UnreachableError
from lockage.ports import Clock

T = TypeVar("T")

LOOK_S = 1.0
"""Between two looks at a Job that is followed: a person reads no faster, and each costs four requests."""

CONTAINER = "lockage"

_PLURALS: Mapping[str, str] = {
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Job": "jobs",
}


class _Slice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an object; what else stands there is not read."""


class _Meta(_Slice, frozen=True, kw_only=True):
    name: str
    uid: str = ""
    creation_timestamp: str = ""


class _Condition(_Slice, frozen=True, kw_only=True):
    type: str
    status: str
    reason: str = ""


class _JobStatus(_Slice, frozen=True, kw_only=True):
    conditions: tuple[_Condition, ...] = ()


class _Job(_Slice, frozen=True, kw_only=True):
    metadata: _Meta
    status: _JobStatus = _JobStatus()

    @property
    def end(self) -> str | None:
        """Why it failed, "" when it did not; None while it has not ended."""
        final = [c for c in self.status.conditions if c.status == "True" and c.type in {"Complete", "Failed"}]
        return None if not final else "" if final[0].type == "Complete" else final[0].reason or "Failed"


class _Terminated(_Slice, frozen=True, kw_only=True):
    exit_code: int


class _State(_Slice, frozen=True, kw_only=True):
    running: dict[str, object] | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(_Slice, frozen=True, kw_only=True):
    name: str
    state: _State = _State()


class _PodStatus(_Slice, frozen=True, kw_only=True):
    container_statuses: tuple[_ContainerStatus, ...] = ()


class _Pod(_Slice, frozen=True, kw_only=True):
    metadata: _Meta
    status: _PodStatus = _PodStatus()

    @property
    def state(self) -> _State:
        """Of Lockage's container."""
        return next((each.state for each in self.status.container_statuses if each.name == CONTAINER), _State())


class _Event(_Slice, frozen=True, kw_only=True):
    involved_object: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    reason: str = ""
    message: str = ""


class _List(msgspec.Struct, Generic[T]):
    items: tuple[T, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a Job ended."""

    exit_code: int | None  # of Lockage in its last pod; None: there is no such pod any more
    reason: str | None  # Kubernetes' own, when it failed: "BackoffLimitExceeded", "DeadlineExceeded", …


def start(client: Asking, job: ClusterJob) -> None:
    """Make the Job and all that goes with it, and let it go; whatever fails in between takes everything away again.

    Raises as the client does.
    """
    made = _create(client, the_job(job))
    try:
        for thing in beside(job):
            _create(client, owned(thing, job=job.name, uid=made.metadata.uid))
        _let_go(client, job.name)
    except BaseException as error:
        try:
            end(client, job.name)
        except LockageError as also:
            error.add_note(f"and Job {job.name} could not be taken away: {also.message}")
        raise


def end(client: Asking, name: str) -> None:
    """Take the Job away, and with it everything that it owns. Raises as the client does."""
    try:
        client.send("DELETE", f"{_jobs(client)}/{name}", params={"propagationPolicy": "Background"})
    except MissingError:
        return


def running_job(client: Asking, deployment: str) -> str | None:
    """The name of the deployment's Job that has not ended; None when there is none. Raises as the client does."""
    jobs = _listed(client, _jobs(client), _Job, {"labelSelector": f"{DEPLOYMENT_LABEL}={deployment[:63]}"})
    return next((job.metadata.name for job in jobs if job.end is None), None)


def follow(client: Asking, name: str, *, tell: Callable[[str], None], note: Callable[[str], None], clock: Clock) -> Ended:
    """How the Job ended; ``tell`` gets each line that it writes, ``note`` what Kubernetes says of it meanwhile.

    An API server that does not answer is waited for: the run does not need us. Raises ``HaltedError`` (LK554) when somebody
    takes the Job away.
    """
    follower = _Follower(client, name, tell=tell, note=note)
    silent = False
    while True:
        try:
            ended = follower.look()
            if ended is not None:
                return ended
            silent = False
        except UnreachableError as error:
            if not silent:
                note(f"{error.message}; the run goes on in the cluster, and is followed again as soon as there is an answer")
            silent = True
        except MissingError as error:
            raise HaltedError(
                f"Job {name} was taken away while it was followed",
                code="LK554",
                hint="lockage survey shows where the deployment stands; the same command goes on from there",
            ) from error
        clock.sleep(LOOK_S)


class _Follower:
    """What was shown already, and how to see more."""

    def __init__(self, client: Asking, name: str, *, tell: Callable[[str], None], note: Callable[[str], None]) -> None:
        self._client = client
        self._name = name
        self._tell = tell
        self._note = note
        self._last: dict[str, tuple[str, str]] = {}  # the time of the last line that was shown, by pod
        self._noted: set[str] = set()

    def look(self) -> Ended | None:
        """Show what is new; how the Job ended, when it has."""
        answer = self._client.send("GET", f"{_jobs(self._client)}/{self._name}")
        reason = msgspec.json.decode(answer, type=_Job).end
        pods = self._pods()
        for pod in pods:
            self._show(pod)
        for said in self._events():
            if said not in self._noted:
                self._noted.add(said)
                self._note(said)
        if reason is None:
            return None
        codes = [pod.state.terminated.exit_code for pod in pods if pod.state.terminated is not None]
        return Ended(exit_code=codes[-1] if codes else None, reason=reason or None)

    def _pods(self) -> list[_Pod]:
        selector = {"labelSelector": f"batch.kubernetes.io/job-name={self._name}"}
        found = _listed(self._client, f"/api/v1/namespaces/{self._client.namespace}/pods", _Pod, selector)
        return sorted(found, key=lambda pod: pod.metadata.creation_timestamp)

    def _show(self, pod: _Pod) -> None:
        name = pod.metadata.name
        if pod.state.running is None and pod.state.terminated is None:
            return
        if name not in self._last and self._last:
            self._note(f"{name} takes over")
        last = self._last.setdefault(name, ("", ""))
        params = {"container": CONTAINER, "timestamps": "true"} | ({"sinceTime": f"{last[0]}Z"} if last[0] else {})
        try:
            text = self._client.send("GET", f"/api/v1/namespaces/{self._client.namespace}/pods/{name}/log", params=params)
        except (MissingError, RejectedError):
            return  # gone meanwhile, or its container is not quite there yet
        for line in text.decode("utf-8", errors="replace").splitlines():
            at, _, said = line.partition(" ")
            when = _comparable(at)
            if when > self._last[name]:
                self._last[name] = when
                self._tell(said)

    def _events(self) -> Iterator[str]:
        path = f"/api/v1/namespaces/{self._client.namespace}/events"
        for event in _listed(self._client, path, _Event, {"fieldSelector": "type=Warning"}):
            kind, name = event.involved_object.get("kind", ""), event.involved_object.get("name", "")
            if name.startswith(self._name):
                yield f"{kind}/{name}: {event.reason}: {' '.join(event.message.split())}"


def _comparable(at: str) -> tuple[str, str]:
    """The time as seconds and nine digits: the API server leaves out zeros at the end."""
    seconds, _, fraction = at.removesuffix("Z").partition(".")
    return seconds, fraction.ljust(9, "0")


def _create(client: Asking, thing: Json) -> _Job:
    version, kind = str(thing["apiVersion"]), str(thing["kind"])
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    path = f"{base}/namespaces/{thing['metadata']['namespace']}/{_PLURALS[kind]}"
    return msgspec.json.decode(client.send("POST", path, body=thing, params={"fieldManager": "lockage"}), type=_Job)


def _let_go(client: Asking, name: str) -> None:
    path = f"{_jobs(client)}/{name}"
    while True:
        job = msgspec.json.decode(client.send("GET", path), type=dict[str, Any])
        job["spec"]["suspend"] = False
        try:
            client.send("PUT", path, body=job, params={"fieldManager": "lockage"})
        except ConflictError:
            continue  # its controller counts in its status
        return


def _jobs(client: Asking) -> str:
    return f"/apis/batch/v1/namespaces/{client.namespace}/jobs"


def _listed(client: Asking, path: str, of: type[T], params: Mapping[str, str]) -> tuple[T, ...]:
    return msgspec.json.decode(client.send("GET", path, params=params), type=_List[of]).items or ()
