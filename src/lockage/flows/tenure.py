"""What one process has of a run while it acts: the lease, the journal, and a world that is waited for when it does not answer.

Not for any step of a run. The surprising thing: the lease lives on the platform, so only a wait for the database renews it; a
wait for the platform cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import msgspec

from lockage.core.run import RunEvent
from lockage.errors import UnreachableError
from lockage.flows.account import recording
from lockage.flows.patience import Patience, patient
from lockage.flows.world import World
from lockage.ports import Journal


class Tenure:
    """One process's part in a run: ``world`` is patient and tells the journal; ``impatient`` only tells it."""

    def __init__(self, world: World, journal: Journal, *, holder: str) -> None:
        self._run_id = journal.run_id
        self._holder = holder
        self._renewed_at: float | None = None
        self.impatient = world = replace(world, tell=recording(world.tell, journal))
        limit_s = world.settings.limits.unreachable_s
        self.patience = Patience(what="the platform", limit_s=limit_s, clock=world.clock, tell=world.tell)
        for_database = replace(self.patience, what="the database", between=self.hold)
        self.world = replace(
            world,
            platform=patient(world.platform, self.patience),
            database=patient(world.database, for_database),
            service=patient(world.service, self.patience),
        )

    def hold(self) -> None:
        """Take or renew the lease; asked for before every act and while waiting, sent when a third of it has passed."""
        limit = self.world.settings.limits.lease_s
        now = self.world.clock.monotonic()
        if self._renewed_at is None or now - self._renewed_at > limit / 3:
            self.world.platform.hold_lease(holder=self._holder, run_id=self._run_id, duration_s=limit)
            self._renewed_at = now

    def let_go(self) -> None:
        """Give the lease back; where the platform does not answer it runs out by itself."""
        with suppress(UnreachableError):
            self.world.platform.drop_lease(holder=self._holder)

    def say(self, kind: str, text: str, hop: int = -1, step: str = "", *, data: object = None) -> None:
        """Tell the journal and whoever watches; ``data`` is a record."""
        record: Mapping[str, object] = msgspec.to_builtins(data) if data is not None else {}
        self.world.tell(RunEvent(at=self.world.clock.now(), kind=kind, hop=hop, step=step, text=text, data=record))
