"""How a person tells a platform what a step does to it: command lines, as lists.

Not for running anything: a runbook prints these. The surprising thing: every platform answers the same few wishes, and a
probe travels inside the rollout, so there is no command that edits one. What only some platforms need is asked of all, and
the others answer with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lockage.core.facts import Probe

Command = tuple[str, ...]

Commands = tuple[Command, ...]
"""One after the other."""

Line = str
"""A line of shell where a list of words would not do: a pipe, or a substitution. Every name in it is quoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a revision shall be: release, replicas and liveness probe together (None: without one)."""

    release: str
    replicas: int
    liveness: Probe | None


class Dialect(Protocol):
    """The command lines of one platform for one deployment."""

    @property
    def title(self) -> str:
        """What people call the platform."""
        ...

    def settings(self, url_variable: str) -> tuple[Line, ...]:
        """What is set once in the shell, beyond what every runbook sets: where the database is, and the like."""
        ...

    def look(self, deployment: str) -> Commands:
        """Shows the workload, its replicas and the version by every source."""
        ...

    def await_left(self, deployment: str, replicas: int, *, limit_s: float) -> Commands:
        """Ends when only so many replicas are left, terminating ones included; nothing where looking must do."""
        ...

    def await_ready(self, deployment: str, *, limit_s: float) -> Commands:
        """Ends when all replicas of the newest revision serve; nothing where looking must do."""
        ...

    def evidence(self, deployment: str) -> tuple[Line, ...]:
        """Shows why a replica does not come up: events, its log, and the log before its last restart."""
        ...

    def rehearse(self, deployment: str, wish: Wish) -> tuple[Line, ...]:
        """Shows what the rollout would make, and changes nothing; nothing where that cannot be."""
        ...

    def fragment(self, wish: Wish) -> str | None:
        """The wish as values in YAML, for those who keep them in a file; None where there are no values."""
        ...

    def caveats(self, wish: Wish) -> tuple[str, ...]:
        """What the rollout's command cannot say here, one sentence each."""
        ...

    def pin(self, autoscalers: Sequence[str], replicas: int) -> Commands:
        """Shows each autoscaler ("HorizontalPodAutoscaler/x") as it is, and keeps it at exactly this number."""
        ...

    def unpin(self, autoscalers: Sequence[str]) -> Commands:
        """Puts each back; MINIMUM and MAXIMUM stand for numbers that the reader wrote down."""
        ...

    def scale(self, deployment: str, replicas: int) -> Command:
        """Asks for a number of replicas, the revision unchanged."""
        ...

    def roll_out(self, deployment: str, wish: Wish) -> Command:
        """Makes a new revision by one change: release, replicas and liveness probe."""
        ...

    def mark_failed(self, revision: int) -> tuple[Line, ...]:
        """Writes into the record of a revision that is pending for ever that it has failed; nothing where there are none."""
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

    def settings(self, url_variable: str) -> tuple[Line, ...]:
        """Nothing: only the reader knows the address."""
        del url_variable
        return ()

    def look(self, deployment: str) -> Commands:
        """Everything that there is to see, by one survey."""
        return (("lockage", "survey", deployment),)

    def await_left(self, deployment: str, replicas: int, *, limit_s: float) -> Commands:
        """Nothing: the survey tells."""
        del deployment, replicas, limit_s
        return ()

    def await_ready(self, deployment: str, *, limit_s: float) -> Commands:
        """Nothing: the survey tells."""
        del deployment, limit_s
        return ()

    def evidence(self, deployment: str) -> tuple[Line, ...]:
        """Nothing beyond the survey."""
        del deployment
        return ()

    def rehearse(self, deployment: str, wish: Wish) -> tuple[Line, ...]:
        """Nothing: the supervisor takes what it is given."""
        del deployment, wish
        return ()

    def fragment(self, wish: Wish) -> str | None:
        """None: there are no values."""
        del wish

    def caveats(self, wish: Wish) -> tuple[str, ...]:
        """Nothing: the command says it all."""
        del wish
        return ()

    def pin(self, autoscalers: Sequence[str], replicas: int) -> Commands:
        """Nothing: there are no autoscalers."""
        del autoscalers, replicas
        return ()

    def unpin(self, autoscalers: Sequence[str]) -> Commands:
        """Nothing: there are no autoscalers."""
        del autoscalers
        return ()

    def scale(self, deployment: str, replicas: int) -> Command:
        """A number of replicas of the same revision."""
        return ("lockage", "local", "scale", deployment, str(replicas))

    def roll_out(self, deployment: str, wish: Wish) -> Command:
        """One new revision; of the probe only the failure threshold differs."""
        asked = ("lockage", "local", "roll-out", deployment, "--release", wish.release, "--replicas", str(wish.replicas))
        if wish.liveness is None:
            return asked
        return (*asked, "--liveness-failure-threshold", str(wish.liveness.failure_threshold))

    def mark_failed(self, revision: int) -> tuple[Line, ...]:
        """Nothing: no revision of the supervisor's is pending."""
        del revision
        return ()

    def note(self, deployment: str, text: str) -> Command | None:
        """None: the supervisor takes notes from Lockage only."""
        del deployment, text

    def forget(self, deployment: str) -> Command | None:
        """None, as there is no note."""
        del deployment
