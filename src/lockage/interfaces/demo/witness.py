"""What is seen of an upgrade that ends in a crash loop on Kubernetes: who was killed, by whom, and what outlived it.

Not for the local stage, whose own events say it. The surprising thing: by the time of the third restart the killed migrator's
backend may have let go; so it is looked for all the time, and each finding is one of two looks that agree.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from lockage.core.facts import Replica, ReplicaPhase
from lockage.core.progress import migration_session
from lockage.errors import UnreachableError
from lockage.flows.world import Sight, World, see

AGAIN = 2
"""Restarts of one replica that make a crash loop here, where each takes the kubelet ten seconds and more."""


@dataclass(slots=True, kw_only=True)
class Witness:
    """Looks whenever it is asked to, and remembers."""

    world: World
    target: str
    since: datetime
    sight: Sight | None = None
    kill: str | None = None  # in Kubernetes' own words, with the pod's name
    orphan_pid: int | None = None  # the backend of a dead client that held the migration's lock

    def look(self) -> None:
        """Once; nothing where the database or the API server does not answer."""
        with suppress(UnreachableError):
            self.sight = see(self.world, self.sight)
            lock = self.world.profile.migrations.advisory_lock
            migrator = migration_session(self.sight.owned, self.sight.replicas, advisory_lock=lock, target=self.target)
            if migrator is not None and migrator.orphan:
                self.orphan_pid = self.orphan_pid or migrator.session.pid
            for event in self.world.platform.events():
                if event.reason == "Killing" and "liveness" in event.text and event.at >= self.since:
                    self.kill = self.kill or f"{event.subject}: {event.text}"

    @property
    def account(self) -> str:
        """What it saw, in a sentence's end; empty when it saw nothing."""
        said = [f"Kubernetes says of it, {self.kill}"] if self.kill else []
        if self.orphan_pid is not None:
            said.append(
                f"backend {self.orphan_pid} of a dead client held the migration's lock, and the next attempt waited for it"
            )
        return "; ".join(said)


def loops_on_kubernetes(replica: Replica) -> bool:
    """Whether Kubernetes calls it a crash loop, because it ended twice and now waits, or it has been started a third time.

    A cluster may wait ten seconds between the two, or none that can be seen.
    """
    return replica.restarts >= AGAIN or (replica.restarts == AGAIN - 1 and replica.phase is ReplicaPhase.BACK_OFF)
