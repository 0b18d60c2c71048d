"""The platform that runs a workload, who releases a revision of it, and the service that users get.

Not for one platform only. The surprising thing is what is missing: nothing here edits a probe of a live workload. A probe is
part of the revision, so it travels inside a ``Rollout``, and so does the number of replicas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lockage.core.facts import Check, Contender, Event, Probe, Replica, Usage, VersionReading, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The one change that makes a revision: which release, how many replicas, which liveness probe."""

    release: str
    replicas: int
    liveness: Probe | None  # None: without a liveness probe


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """Who holds the lease, and until when."""

    holder: str
    run_id: str
    renewed_at: datetime
    expires_at: datetime


class Platform(Protocol):
    """One workload on its platform: a Deployment on Kubernetes, or processes under the local supervisor."""

    def workload(self) -> Workload:
        """A fresh look at what the platform was asked for."""
        ...

    def replicas(self) -> tuple[Replica, ...]:
        """A fresh look at every replica, terminating ones included."""
        ...

    def events(self) -> tuple[Event, ...]:
        """Events of the workload and its replicas, oldest first."""
        ...

    def log(self, replica: str, *, previous: bool = False) -> str:
        """All lines that the replica wrote; ``previous``: of the process before the last restart."""
        ...

    def command_version(self, replica: str) -> VersionReading:
        """The version that the profile's version command prints inside the replica."""
        ...

    def service_url(self) -> str:
        """The URL on which users reach the application."""
        ...

    def replica_url(self, replica: str) -> str:
        """The URL of one replica, past the service."""
        ...

    def releases(self) -> tuple[str, ...]:
        """Releases that can be rolled out here, as far as the platform can tell; empty when it cannot."""
        ...

    def contenders(self) -> tuple[Contender, ...]:
        """Controllers that would undo a change of the workload, as they are now."""
        ...

    def usage(self) -> tuple[Usage, ...]:
        """Memory and CPU of every replica that runs, as they were seen last. Never waits for what it asks."""
        ...

    def preflight(self, rollout: Rollout, *, between: Callable[[], None] = lambda: None) -> tuple[Check, ...]:
        """Whether the rollout would be accepted and its replicas could start: everything that can be known beforehand.

        What runs for it is short-lived and gone at the end (a pod that brings the image to a node); nothing serves it.
        ``between`` is called again and again while it is waited for. A check that could not be made is ok, and says so.
        """
        ...

    def scale(self, replicas: int) -> None:
        """Ask for a number of replicas, the revision unchanged. Undone by scaling back."""
        ...

    def annotate(self, changes: Mapping[str, str | None], *, expected: str) -> None:
        """Set (or remove: None) annotations on the workload's own metadata, never on its replicas.

        ``expected`` is the resource version that was seen. Raises ``RefusedError`` (LK310) when another has written since.
        """
        ...

    def roll_out(self, rollout: Rollout) -> None:
        """Make a new revision by one change, and return when the platform has accepted it.

        Idempotent: the same rollout again changes nothing. Not undone by Lockage once the schema has moved.
        """
        ...

    def pin(self, replicas: int, autoscalers: Sequence[Contender]) -> None:
        """Keep these autoscalers at exactly this number; at 0 they rest by themselves. Undone by ``unpin``."""
        ...

    def unpin(self, former: Sequence[Contender]) -> None:
        """Put autoscalers back to how they were; one that has gone meanwhile is let go."""
        ...

    def lease(self) -> LeaseState | None:
        """Who holds the lease now; None when nobody does, or it has run out."""
        ...

    def hold_lease(self, *, holder: str, run_id: str, duration_s: float) -> None:
        """Take or renew the lease. Raises ``RefusedError`` (LK311) while another holder's is valid."""
        ...

    def drop_lease(self, *, holder: str) -> None:
        """Give the lease back when it is ours; nothing otherwise."""
        ...


class Releaser(Protocol):
    """What makes a revision of a workload on Kubernetes: ``helm upgrade`` with the application's chart, or a patch."""

    @property
    def title(self) -> str:
        """Who does it, for people: "Helm 3.22.0, release coder"."""
        ...

    def check(self, rollout: Rollout) -> tuple[Check, ...]:
        """What the rollout would make, rendered and held against what was asked for, and whether the API server would take it.

        Changes nothing. A check that is not ok names the object, the value and what was expected.
        """
        ...

    def image(self, rollout: Rollout) -> str | None:
        """The image that replicas of the rollout would run; None where that cannot be told. Changes nothing."""
        ...

    def release(self, rollout: Rollout) -> None:
        """Make the change; returns when the API server has accepted it, and never waits for replicas.

        Raises ``RefusedError`` when the rendered result is not what was asked for, or when it was not accepted.
        """
        ...


class Service(Protocol):
    """What users get: requests over HTTP."""

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """One request; a connection that fails or times out is an ``Answer`` with status 0.

        Raises ``UnreachableError`` when it is the way there that fails (Kubernetes' API server), not the application.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer to one HTTP request; status 0 and a ``problem`` when there was none."""

    status: int
    body: str
    problem: str | None = None
