"""The vendor's upgrade guide, performed by a script that never hesitates: what a careful person does without Lockage.

Not a straw man. Left out in its favour: finding the page, announcing, taking the backup, waiting whether it mends itself, a
typing error, asking a colleague, and putting the liveness probe back at the end; every command is ready to be pasted, and the
first restart is noticed as soon as it shows. It knows nothing that the guide does not say: not who holds which lock, not how
long the migration takes. And it goes the direct way: that some jumps have a stepping stone stands in the guide as an example
in prose, not as a list to look a jump up in. The surprising thing: the guide's "scale to zero, then upgrade" brings *all*
replicas back at once, because the chart renders their number.

Source: Coder's "Upgrading best practices" (docs/install/operate/upgrade/best-practices.md, 2026-09): check the version, scale
down, ``helm upgrade``, look for liveness kills, remove the probe, scale to zero, terminate all connections, read
``schema_migrations``, match the image, resume with one, scale back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from lockage.core.facts import LedgerReading, LedgerState, Replica
from lockage.errors import UnreachableError
from lockage.flows.world import World
from lockage.interfaces.demo.performance import LOOK_S, Interval, Outcome, all_serve, ledger_is_at
from lockage.ports import Rollout

PASTE_S = 2.0
"""From the end of one command to the next being entered: to find it in the guide and paste it. Nobody is faster twice."""

READ_S = 5.0
"""To read an output that is not as hoped and choose the next page of the guide: a dozen lines, read once."""

HAND_LIMIT_S = 900.0
"""How long is waited in all before it is called an outage: "contact support after 15 minutes" is the guide's own limit."""


Seen = TypeVar("Seen")


class Hands(Protocol):
    """The commands that a person enters; looking is the same for everybody."""

    def scale(self, replicas: int) -> None:
        """``kubectl scale --replicas=N``."""
        ...

    def upgrade(self, release: str) -> None:
        """``helm upgrade`` with the values as they always were: all replicas, and the liveness probe of the chart."""
        ...

    def remove_probe(self) -> None:
        """``kubectl edit``: the Deployment without its liveness probe."""
        ...


class PlatformHands:
    """The same wishes where there is neither ``helm`` nor ``kubectl``: on the local platform."""

    def __init__(self, world: World) -> None:
        self._platform = world.platform
        self._former = world.platform.workload()
        self._release = self._former.release

    def scale(self, replicas: int) -> None:
        """A number of replicas, the revision unchanged."""
        self._platform.scale(replicas)

    def upgrade(self, release: str) -> None:
        """The release with as many replicas and the probe as ever."""
        self._release = release
        self._platform.roll_out(Rollout(release=release, replicas=self._former.replicas, liveness=self._former.liveness))

    def remove_probe(self) -> None:
        """The release that was asked for last, without a liveness probe."""
        self._platform.roll_out(Rollout(release=self._release, replicas=self._former.replicas, liveness=None))


def perform_by_hand(
    world: World, *, target: str, say: Callable[[str], None], hands: Hands | None = None
) -> tuple[Outcome, Interval, str | None]:
    """Follow the guide to the target: outcome, interval, and what went wrong on the way (None: nothing did)."""
    return _Evening(world, target=target, say=say, hands=hands or PlatformHands(world)).play()


class _TooLongError(Exception):
    """The whole took longer than anybody would go on by the guide."""


class _Evening:
    """One person, one guide."""

    def __init__(self, world: World, *, target: str, say: Callable[[str], None], hands: Hands) -> None:
        self._world, self._target, self._tell, self._hands = world, target, say, hands
        self._replicas = world.platform.workload().replicas
        self._wanted = world.profile.migrations.releases[target]
        self._restarts: dict[str, int] = {}
        self._began_s = world.clock.now().timestamp()
        self._until = world.clock.monotonic() + HAND_LIMIT_S

    def play(self) -> tuple[Outcome, Interval, str | None]:
        """Everything, in the guide's order."""
        cause: str | None = None
        outcome: Outcome = "healthy"
        try:
            self._take_down_and_upgrade()
            looping = self._wait_for(lambda: self._killed() or (True if self._done() else None))
            if isinstance(looping, Replica):
                cause = self._rescue(looping)
        except _TooLongError:
            outcome, cause = "outage", f"not done after {HAND_LIMIT_S:.0f} s"
        ended_s = self._world.clock.now().timestamp()
        return outcome, Interval(began_s=self._began_s, ended_s=ended_s, restarts=sum(self._restarts.values())), cause

    def _take_down_and_upgrade(self) -> None:
        release = self._world.platform.workload().release
        self._say(f"{release} runs with {self._replicas} replicas (between two commands: {PASTE_S:.0f} s)")
        self._say("scale to zero, and wait until no replica is left")
        self._hands.scale(0)
        self._wait_for(self._none_left)
        self._pause(PASTE_S)
        self._say(f"upgrade to {self._target}, values unchanged: all {self._replicas} replicas come back at once")
        self._hands.upgrade(self._target)

    def _rescue(self, looping: Replica) -> str:
        """What the guide says for an upgrade that hangs; gives what had gone wrong."""
        self._say(f"{looping.name} was killed by its liveness probe; reading, and finding the page: {READ_S:.0f} s")
        self._pause(READ_S)
        self._say("remove the liveness probe")
        self._hands.remove_probe()
        self._pause(PASTE_S)
        self._say("scale to zero once more, and wait until no replica is left")
        self._hands.scale(0)
        self._wait_for(self._none_left)
        self._pause(PASTE_S)
        ended = self._terminate_all()
        self._say(f"terminate every connection to the database: {ended} ended")
        self._pause(PASTE_S)
        ledger = self._wait_for(self._ledger)
        self._say(f"read {ledger.table}: {ledger.version}, {'dirty' if ledger.dirty else 'not dirty'}; reading: {READ_S:.0f} s")
        self._pause(READ_S)
        self._say("scale to one, and wait until it serves")
        self._hands.scale(1)
        self._wait_for(lambda: True if self._serves(1) else None)
        self._pause(PASTE_S)
        self._say(f"scale back to {self._replicas}")
        self._hands.scale(self._replicas)
        self._wait_for(lambda: True if self._serves(self._replicas) else None)
        return (
            f"with all replicas started at once, {looping.name} was killed by its liveness probe in its migration; "
            f"{ended} connections were terminated, and {ledger.table} said {ledger.version} then"
        )

    def _say(self, text: str) -> None:
        elapsed_s = self._world.clock.now().timestamp() - self._began_s
        self._tell(f"{elapsed_s:4.0f} s  {text}")

    # --- looking and waiting ------------------------------------------------------------------------------------------

    def _look(self) -> tuple[Replica, ...]:
        replicas = self._world.platform.replicas()
        for replica in replicas:
            self._restarts[replica.name] = max(replica.restarts, self._restarts.get(replica.name, 0))
        return replicas

    def _none_left(self) -> bool | None:
        return None if self._look() else True

    def _killed(self) -> Replica | None:
        return next((r for r in self._look() if r.release == self._target and r.restarts), None)

    def _done(self) -> bool:
        return self._serves(self._replicas)

    def _serves(self, replicas: int) -> bool:
        return all_serve(self._look(), self._target, replicas) and ledger_is_at(self._world, self._wanted)

    def _ledger(self) -> LedgerReading | None:
        reading = self._world.database.ledger(self._world.profile)
        return reading if reading.state is LedgerState.READ else None

    def _terminate_all(self) -> int:
        database = self._world.database
        sessions = [s for s in database.activity().sessions if not s.application_name.startswith("lockage/")]
        return sum(database.terminate(pid=s.pid, backend_start=s.backend_start).sent for s in sessions)

    def _pause(self, seconds: float) -> None:
        self._world.clock.sleep(seconds)

    def _wait_for(self, look: Callable[[], Seen | None]) -> Seen:
        while True:
            try:
                seen = look()
            except UnreachableError:
                seen = None
            if seen is not None:
                return seen
            if self._world.clock.monotonic() > self._until:
                raise _TooLongError
            self._world.clock.sleep(LOOK_S)
