"""The local platform behind the port: one deployment of processes, looked at and changed through its supervisor.

Not for creating or ending deployments (`deployment`). The surprising thing: any call may start the supervisor,
because a dead one is nobody's fault and its replicas are still there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from lockage.adapters.local.client import SupervisorClient
from lockage.adapters.local.endpoints import endpoints_by_session
from lockage.adapters.local.layout import Layout
from lockage.adapters.local.records import (
    AnnotateRequest,
    LeaseAnswer,
    LeaseRequest,
    ReplicaState,
    RolloutRequest,
    ScaleRequest,
    SeenReplica,
    filled_in,
)
from lockage.adapters.local.replica_life import replica_environment
from lockage.adapters.local.store import load_state
from lockage.core.facts import Check, Contender, Event, Replica, ReplicaPhase, Usage, VersionReading, VersionSource, Workload
from lockage.errors import RefusedError
from lockage.ports import LeaseState, Rollout

VERSION_LIMIT_S = 20.0
"""For the version command: an interpreter that starts on a full machine needs seconds, and a hung one must not hang us."""


class LocalPlatform:
    """``lockage.ports.Platform`` over processes.

    Raises ``UsageError`` (LK301) at once when there is no deployment in the folder. Every method may raise
    ``UnreachableError`` (LK302).
    """

    def __init__(self, state_dir: Path) -> None:
        self._layout = Layout.of(state_dir)
        state = load_state(self._layout)
        # These two never change in the life of a deployment.
        self._spec = state.spec
        self._front = state.front
        self._client = SupervisorClient(self._layout.state_dir)

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close what is open; the deployment goes on."""
        self._client.close()

    # --- looking ------------------------------------------------------------------------------------------------------

    def workload(self) -> Workload:
        """A fresh look at what was asked for."""
        return self._client.look("/workload", Workload)

    def replicas(self) -> tuple[Replica, ...]:
        """A fresh look at every replica, terminating ones included, with the client ends of its database connections."""
        seen = self._seen()
        pids = [replica.pid for replica in seen if replica.pid is not None]
        own_ports = {replica.port for replica in seen}
        ends = endpoints_by_session(pids, server_port=self._spec.database_port, own_ports=own_ports)
        return tuple(replace(one.replica, endpoints=ends.get(one.pid or 0, ())) for one in seen)

    def events(self) -> tuple[Event, ...]:
        """Events, oldest first; one that repeats has the time of its last occurrence."""
        return self._client.look("/events", tuple[Event, ...])

    def log(self, replica: str, *, previous: bool = False) -> str:
        """All that the replica's process wrote; ``previous``: the one before, "" when there was none.

        While a replica waits in back-off both mean the process that ended last, as ``kubectl logs`` has it.
        Raises ``RefusedError`` (LK305) when there is no such replica.
        """
        seen = self._find(replica)
        waits = seen.replica.phase is ReplicaPhase.BACK_OFF
        run = seen.runs - (2 if previous and not waits else 1)
        try:
            return self._layout.log_file(replica, run).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def command_version(self, replica: str) -> VersionReading:
        """The version that the version command prints beside the replica, in its environment."""
        seen = self._find(replica)
        if not self._spec.version_command:
            return _no_version(replica, "the deployment has no version command")
        release = seen.replica.release
        place = ReplicaState(name=replica, revision="", host=seen.host, port=seen.port, created_at=seen.replica.created_at)
        command = [filled_in(word, release=release, replica=place) for word in self._spec.version_command]
        environment = replica_environment(self._spec, release, place)
        try:
            done = subprocess.run(
                command,
                check=False,
                cwd=self._layout.state_dir,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=VERSION_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return _no_version(replica, f"the version command failed: {error}")
        found = re.search(self._spec.version_pattern, done.stdout)
        if done.returncode != 0 or found is None:
            said = (done.stderr or done.stdout).strip()[-200:]
            return _no_version(replica, f"the version command ended with {done.returncode} and said {said!r}")
        return VersionReading(source=VersionSource.COMMAND, where=replica, version=found[1])

    def service_url(self) -> str:
        """The URL of the front."""
        return f"http://{self._front.host}:{self._front.port}"

    def replica_url(self, replica: str) -> str:
        """The URL of one replica.

        Raises ``RefusedError`` (LK305) when there is no such replica.
        """
        seen = self._find(replica)
        return f"http://{seen.host}:{seen.port}"

    def environment(self) -> Mapping[str, str]:
        """The variables that every replica gets, their places not filled in."""
        return self._spec.environment

    def releases(self) -> tuple[str, ...]:
        """The releases that the deployment was created with."""
        return self._spec.releases

    def contenders(self) -> tuple[Contender, ...]:
        """None: nobody but its supervisor acts on a local deployment."""
        return ()

    def usage(self) -> tuple[Usage, ...]:
        """None: processes of the local platform have no limits."""
        return ()

    def preflight(self, rollout: Rollout, *, between: Callable[[], None] = lambda: None) -> tuple[Check, ...]:
        """Whether the release is one that the deployment was created with."""
        del between
        known = rollout.release in self._spec.releases
        text = f"{self._spec.image} has {'a' if known else 'no'} release {rollout.release}"
        return (Check(name="image", ok=known, text=text, hint=f"known releases: {', '.join(self._spec.releases)}"),)

    def lease(self) -> LeaseState | None:
        """Who holds the lease now, by the supervisor's clock."""
        return self._client.look("/lease", LeaseAnswer).lease

    # --- acting -------------------------------------------------------------------------------------------------------

    def scale(self, replicas: int) -> None:
        """Ask for a number of replicas. Raises ``UsageError`` (LK307) for a negative one."""
        self._client.act("POST", "/scale", ScaleRequest(replicas=replicas))

    def annotate(self, changes: Mapping[str, str | None], *, expected: str) -> None:
        """Set or remove annotations. Raises ``RefusedError`` (LK310) when another has written since."""
        self._client.act("POST", "/annotate", AnnotateRequest(changes=dict(changes), expected=expected))

    def roll_out(self, rollout: Rollout) -> None:
        """Make a revision. Raises ``UsageError``: LK303 for an unknown release, LK307 for a negative number of replicas."""
        request = RolloutRequest(release=rollout.release, replicas=rollout.replicas, liveness=rollout.liveness)
        self._client.act("POST", "/roll-out", request)

    def pin(self, replicas: int, autoscalers: Sequence[Contender]) -> None:
        """Nothing: there are no autoscalers."""

    def unpin(self, former: Sequence[Contender]) -> None:
        """Nothing: there are no autoscalers."""

    def hold_lease(self, *, holder: str, run_id: str, duration_s: float) -> None:
        """Take or renew the lease. Raises ``RefusedError`` (LK311) while another holder's is valid."""
        self._client.act("PUT", "/lease", LeaseRequest(holder=holder, run_id=run_id, duration_s=duration_s))

    def drop_lease(self, *, holder: str) -> None:
        """Give the lease back when it is the holder's."""
        self._client.act("DELETE", "/lease", LeaseRequest(holder=holder))

    def _seen(self) -> tuple[SeenReplica, ...]:
        return self._client.look("/replicas", tuple[SeenReplica, ...])

    def _find(self, replica: str) -> SeenReplica:
        for seen in self._seen():
            if seen.replica.name == replica:
                return seen
        raise RefusedError(
            f"deployment {self._spec.name} has no replica {replica}", code="LK305", hint="look again; it was replaced"
        )


def _no_version(replica: str, problem: str) -> VersionReading:
    return VersionReading(source=VersionSource.COMMAND, where=replica, version=None, problem=problem)
