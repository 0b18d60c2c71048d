"""How a person tells a platform what a step does to it: command lines, as lists.

Not for running anything: a runbook prints these. The surprising thing: every platform answers the same five wishes, and a
probe travels inside the rollout, so there is no command that edits one.
"""

from __future__ import annotations

from typing import Protocol

from lockage.core.facts import Probe

Command = tuple[str, ...]


class Dialect(Protocol):
    """The command lines of one platform for one deployment."""

    @property
    def title(self) -> str:
        """What people call the platform."""
        ...

    def look(self, deployment: str) -> Command:
        """Shows the workload, its replicas and the version by every source."""
        ...

    def scale(self, deployment: str, replicas: int) -> Command:
        """Asks for a number of replicas, the revision unchanged."""
        ...

    def roll_out(self, deployment: str, *, release: str, replicas: int, liveness: Probe | None) -> Command:
        """Makes a new revision by one change: release, replicas and liveness probe."""
        ...

    def note(self, deployment: str, text: str) -> Command | None:
        """Writes a note on the object itself; None where a person can only use paper."""
        ...

    def forget(self, deployment: str) -> Command | None:
        """Removes that note; None where there is none."""
        ...


class LocalDialect:
    """The local platform: replicas as processes, asked for through Lockage's own commands."""

    title = "the local platform"

    def look(self, deployment: str) -> Command:
        """Everything that there is to see, by one survey."""
        return ("lockage", "survey", deployment)

    def scale(self, deployment: str, replicas: int) -> Command:
        """A number of replicas of the same revision."""
        return ("lockage", "local", "scale", deployment, str(replicas))

    def roll_out(self, deployment: str, *, release: str, replicas: int, liveness: Probe | None) -> Command:
        """One new revision; of the probe only the failure threshold differs."""
        asked = ("lockage", "local", "roll-out", deployment, "--release", release, "--replicas", str(replicas))
        if liveness is None:
            return asked
        return (*asked, "--liveness-failure-threshold", str(liveness.failure_threshold))

    def note(self, deployment: str, text: str) -> Command | None:
        """None: the supervisor takes notes from Lockage only."""
        del deployment, text

    def forget(self, deployment: str) -> Command | None:
        """None, as there is no note."""
        del deployment
