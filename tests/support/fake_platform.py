"""The platform and the service of a ``FakeWorld``, behind their ports.

The fake platform passes the same suite as the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from lockage.core.facts import (
    Check,
    Contender,
    ContenderKind,
    Endpoint,
    Event,
    Probe,
    Replica,
    ReplicaPhase,
    UpdateKind,
    Usage,
    VersionReading,
    VersionSource,
    Workload,
)
from lockage.errors import RefusedError
from lockage.ports import Answer, LeaseState, Rollout
from support.fake_world import GRACE_S, Autoscaler, FakeWorld, Owner, Pod


class FakePlatform:
    """The platform port over a ``FakeWorld``."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    @property
    def world(self) -> FakeWorld:
        """The world at present, if the platform can be reached."""
        self._world.reach("platform", code="LK302")
        self._world.settle()
        return self._world

    def workload(self) -> Workload:
        w = self.world
        return Workload(
            name="app",
            image=f"app:{w.release}",
            release=w.release,
            revision=w.revision,
            replicas=w.replicas,
            update=UpdateKind.ROLLING_UPDATE,
            max_surge=1,
            max_unavailable=0,
            liveness=w.liveness,
            readiness=Probe(period_s=1.0),
            grace_s=GRACE_S,
            annotations=dict(w.annotations),
            resource_version=str(w.resource_version),
            paused=w.paused,
            scaled_by=w.scaled_by,
            changed_by=w.changed_by,
        )

    def replicas(self) -> tuple[Replica, ...]:
        return tuple(self._replica(p) for p in self.world.pods)

    def _replica(self, pod: Pod) -> Replica:
        w = self._world
        return Replica(
            name=pod.name,
            revision=pod.revision,
            image=f"app:{pod.release}",
            release=pod.release,
            phase=_phase(pod),
            ready=w.serves(pod),
            restarts=pod.restarts,
            created_at=w.at(pod.created_s),
            started_at=w.at(pod.started_s) if pod.started_s is not None else None,
            ready_at=w.at(pod.ready_s) if pod.ready_s is not None else None,
            last_exit=pod.last_exit,
            endpoints=(Endpoint(address="127.0.0.1", port=pod.port),) if pod.started_s is not None else (),
        )

    def events(self) -> tuple[Event, ...]:
        return tuple(self.world.events)

    def log(self, replica: str, *, previous: bool = False) -> str:
        pod = self._pod(replica)
        return pod.previous_log if previous and not pod.backs_off else pod.log

    def command_version(self, replica: str) -> VersionReading:
        return VersionReading(source=VersionSource.COMMAND, where=replica, version=self._pod(replica).release)

    def _pod(self, replica: str) -> Pod:
        return next(p for p in self.world.pods if p.name == replica)

    def service_url(self) -> str:
        return "http://app"

    def replica_url(self, replica: str) -> str:
        return f"http://{replica}"

    def releases(self) -> tuple[str, ...]:
        return tuple(self.world.profile.migrations.releases)

    def contenders(self) -> tuple[Contender, ...]:
        w = self.world
        return (*map(_autoscaler, w.autoscalers), *map(_owner, w.owners))

    def usage(self) -> tuple[Usage, ...]:
        w = self.world
        return tuple(replace(w.usage[p.release], replica=p.name) for p in w.pods if p.started_s and p.release in w.usage)

    def preflight(self, rollout: Rollout, *, between: Callable[[], None] = lambda: None) -> tuple[Check, ...]:
        between()
        return (Check(name="image", ok=True, text=f"app has a release {rollout.release}"), *self.world.failing)

    def pin(self, replicas: int, autoscalers: Sequence[Contender]) -> None:
        number = max(1, replicas)
        self.world.settle()
        self._set({c.object: (number, number) for c in autoscalers}, number)

    def unpin(self, former: Sequence[Contender]) -> None:
        self._set({c.object: (c.minimum or 0, c.maximum or 0) for c in former}, "back")

    def _set(self, numbers: Mapping[str, tuple[int, int]], what: object) -> None:
        loose = [a for a in self._world.autoscalers if numbers.get(a.object, (a.minimum, a.maximum)) != (a.minimum, a.maximum)]
        for autoscaler in loose:
            autoscaler.minimum, autoscaler.maximum = numbers[autoscaler.object]
            autoscaler.changed_by = "lockage"
            self._world.changes.append(("pin", autoscaler.object, what))

    def scale(self, replicas: int) -> None:
        w = self.world
        if w.replicas != replicas:
            w.changes.append(("scale", replicas))
            w.replicas = replicas
            w.scaled_by = "lockage"
            self._written()

    def annotate(self, changes: Mapping[str, str | None], *, expected: str) -> None:
        w = self.world
        if expected != str(w.resource_version):
            raise RefusedError(f"app changed since version {expected}", code="LK310")
        for key, value in changes.items():
            if value is None:
                w.annotations.pop(key, None)
            else:
                w.annotations[key] = value
        self._written()

    def roll_out(self, rollout: Rollout) -> None:
        w = self.world
        if (w.release, w.replicas, w.liveness) == (rollout.release, rollout.replicas, rollout.liveness):
            return
        if (w.release, w.liveness) != (rollout.release, rollout.liveness):
            w.revision += 1
        w.changes.append(("roll out", rollout))
        w.release, w.replicas, w.liveness = rollout.release, rollout.replicas, rollout.liveness
        w.scaled_by = w.changed_by = "lockage"
        self._written()

    def _written(self) -> None:
        self._world.resource_version += 1
        self._world.settle()

    def lease(self) -> LeaseState | None:
        w = self.world
        return w.lease if w.lease and w.lease.expires_at > w.clock.now() else None

    def hold_lease(self, *, holder: str, run_id: str, duration_s: float) -> None:
        lease, now = self.lease(), self._world.clock.now()
        if lease and lease.holder != holder:
            raise RefusedError(f"{lease.holder} holds the lease until {lease.expires_at}", code="LK311")
        self._world.lease = LeaseState(
            holder=holder, run_id=run_id, renewed_at=now, expires_at=now + timedelta(seconds=duration_s)
        )

    def drop_lease(self, *, holder: str) -> None:
        w = self.world
        if w.lease and w.lease.holder == holder:
            w.lease = None


def _autoscaler(found: Autoscaler) -> Contender:
    return Contender(
        kind=ContenderKind.AUTOSCALER,
        object=found.object,
        does=f"keeps {found.minimum} to {found.maximum} replicas",
        minimum=found.minimum,
        maximum=found.maximum,
        changed_by=found.changed_by,
    )


def _owner(found: Owner) -> Contender:
    return Contender(
        kind=ContenderKind.OWNER,
        object=found.object,
        does="syncs by itself" if found.syncs else "syncs when it is told to",
        desired_image=f"app:{found.release}",
        paused=not found.syncs,
    )


def _phase(pod: Pod) -> ReplicaPhase:
    if pod.stop_s is not None:
        return ReplicaPhase.TERMINATING
    if pod.started_s is not None:
        return ReplicaPhase.RUNNING
    return ReplicaPhase.BACK_OFF if pod.backs_off else ReplicaPhase.PENDING


class FakeService:
    """The service port: each ready pod says its release."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.broken: set[str] = set()  # paths that answer 500

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        del headers, timeout_s
        host, _, path = url.removeprefix("http://").partition("/")
        pod = next((p for p in self.world.pods if p.name == host and p.ready_s is not None), None)
        if pod is None:
            return Answer(status=0, body="", problem="connection refused")
        if f"/{path}" in self.broken:
            return Answer(status=500, body="")
        return Answer(status=200, body=f'{{"version": "v{pod.release}"}}')


@contextmanager
def nothing_left(world: FakeWorld) -> Iterator[None]:
    """At its end: no note, no lease, no fence, no orphan."""
    yield
    assert not [key for key in world.annotations if key.startswith("lockage.dev/")]
    assert FakePlatform(world).lease() is None
    assert not [c for c in world.clients if c.application_name.startswith("app/")]
