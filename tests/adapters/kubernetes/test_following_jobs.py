"""A Job is followed from what its pods wrote, whatever happens to them, to the API server or to whoever followed before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from lockage.adapters.kubernetes.failure import MissingError
from lockage.adapters.kubernetes.jobs import Ended, follow, running_job, start
from lockage.core.plan.cluster_job import ClusterJob
from lockage.errors import HaltedError, RefusedError, UnreachableError

JOBS = "/apis/batch/v1/namespaces/n/jobs"


@dataclass
class Cluster:
    """One Job with its pods, as it is seen at each look; a look may fail."""

    looks: list[dict[str, object] | Exception]
    namespace: str = "n"
    log: Mapping[str, str] = field(default_factory=dict[str, str])
    pods: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    events: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        del body
        assert method == "GET"
        if path == f"{JOBS}/run-1":
            seen = self.looks.pop(0)
            if isinstance(seen, Exception):
                raise seen
            return json.dumps(seen).encode()
        if path.endswith("/log"):
            since = (params or {}).get("sinceTime", "").removesuffix("Z")
            lines = self.log[path.split("/")[-2]].splitlines()
            return "\n".join(line for line in lines if line[: len(since)] >= since).encode()
        items = {"pods": self.pods, "events": self.events, "jobs": []}[path.rpartition("/")[2]]
        return json.dumps({"items": items}).encode()


class StillClock:
    """Nobody waits."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        del seconds


def job(*conditions: tuple[str, str]) -> dict[str, object]:
    met = [{"type": kind, "status": "True", "reason": reason} for kind, reason in conditions]
    return {"metadata": {"name": "run-1", "uid": "u"}, "status": {"conditions": met}}


def pod(name: str, created: str, state: dict[str, object]) -> dict[str, object]:
    status = {"containerStatuses": [{"name": "lockage", "state": state}]}
    return {"metadata": {"name": name, "creationTimestamp": created}, "status": status}


RUNNING: dict[str, object] = {"running": {"startedAt": "x"}}


def ended(code: int) -> dict[str, object]:
    return {"terminated": {"exitCode": code}}


def followed(cluster: Cluster) -> tuple[Ended, list[str], list[str]]:
    told, noted = list[str](), list[str]()
    return follow(cluster, "run-1", tell=told.append, note=noted.append, clock=StillClock()), told, noted


def test_every_line_is_told_once_in_its_order() -> None:
    log = "2026-01-01T00:00:00.1Z one\n2026-01-01T00:00:00.12Z two\n2026-01-01T00:00:01Z three"
    cluster = Cluster(looks=[job(), job(), job(("Complete", ""))], log={"run-1-a": log}, pods=[pod("run-1-a", "1", ended(0))])
    end, told, _ = followed(cluster)
    assert told == ["one", "two", "three"]
    assert end == Ended(exit_code=0, reason=None)


def test_the_exit_code_is_that_of_the_last_pod_and_taking_over_is_said() -> None:
    cluster = Cluster(
        looks=[job(("Failed", "PodFailurePolicy"))],
        log={"run-1-a": "2026-01-01T00:00:00Z first", "run-1-b": "2026-01-01T00:01:00Z second"},
        pods=[pod("run-1-b", "2026-01-01T00:01:00Z", ended(4)), pod("run-1-a", "2026-01-01T00:00:00Z", ended(137))],
    )
    end, told, noted = followed(cluster)
    assert told == ["first", "second"]
    assert noted == ["run-1-b takes over"]
    assert end == Ended(exit_code=4, reason="PodFailurePolicy")


def test_a_pod_that_cannot_start_is_explained_once() -> None:
    event = {"involvedObject": {"kind": "Pod", "name": "run-1-a"}, "reason": "Failed", "message": "ErrImagePull:\n no"}
    other = {**event, "involvedObject": {"kind": "Pod", "name": "another"}}
    cluster = Cluster(looks=[job(), job(), job(("Failed", "DeadlineExceeded"))], events=[event, other])
    end, told, noted = followed(cluster)
    assert noted == ["Pod/run-1-a: Failed: ErrImagePull: no"]
    assert (told, end) == ([], Ended(exit_code=None, reason="DeadlineExceeded"))


def test_a_silent_api_server_is_waited_for_and_said_once() -> None:
    silence = UnreachableError("no answer", code="LK509")
    cluster = Cluster(
        looks=[silence, silence, job(("Complete", ""))],
        log={"run-1-a": "2026-01-01T00:00:00Z done"},
        pods=[pod("run-1-a", "1", ended(0))],
    )
    _, told, noted = followed(cluster)
    assert told == ["done"]
    assert len(noted) == 1
    assert "the run goes on in the cluster" in noted[0]


def test_a_job_that_somebody_takes_away_is_an_end_of_its_own() -> None:
    with pytest.raises(HaltedError) as raised:
        followed(Cluster(looks=[job(), MissingError("gone", code="LK506")]))
    assert raised.value.code == "LK554"


def test_no_job_is_no_run() -> None:
    assert running_job(Cluster(looks=[]), "shop") is None


def test_what_cannot_be_made_to_its_end_is_taken_away() -> None:
    asked: list[tuple[str, str]] = []

    class Grudging:
        namespace = "n"

        def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
            del body, params
            asked.append((method, path.rpartition("/")[2]))
            if path.endswith("/roles"):
                raise RefusedError("may not create roles", code="LK504")
            return json.dumps(job()).encode()

    wanted = ClusterJob(
        name="run-1", namespace="n", deployment="shop", image="i", arguments=(), plan_digest="", limit_s=1.0, rules=()
    )
    with pytest.raises(RefusedError, match="may not create roles"):
        start(Grudging(), with_rights(wanted))
    assert asked[0] == ("POST", "jobs")
    assert asked[-1] == ("DELETE", "run-1")


def with_rights(wanted: ClusterJob) -> ClusterJob:
    from dataclasses import replace

    from lockage.core.plan.rights import Rule

    return replace(wanted, rules=(Rule(purpose="look", group="", resource="pods", verbs=("list",)),))
