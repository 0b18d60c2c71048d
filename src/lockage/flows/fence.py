"""The fence: Lockage's own advisory lock in the application's database, held by one session while somebody acts there.

Not the lease, which lives on the platform and outlives its holder. The surprising thing: a lease cannot keep a process that was
stopped for a minute from ending a session afterwards; this lock can, because signals go out from the session that holds it.
"""

from __future__ import annotations

from collections.abc import Callable

from lockage.errors import RefusedError
from lockage.flows.waiting import wait_until
from lockage.flows.world import World

FENCE_KEY = 0x6C6F_636B_6167_65
"""Key of the lock: the bytes of "lockage"."""


def hold_fence(world: World, *, between: Callable[[], None] = lambda: None) -> None:
    """Hold the fence until the world's database is closed; waits as long as a lease lasts for one who is just leaving.

    Raises ``RefusedError`` (LK313) while another run holds it.
    """

    def held() -> bool | None:
        return True if world.database.hold_fence(FENCE_KEY) else None

    wait_until(
        held,
        clock=world.clock,
        limit_s=lambda: world.settings.limits.lease_s,
        pause_s=world.settings.watching.poll_s,
        too_late=lambda waited: RefusedError(
            f"another run's session holds the fence lock in the database of {world.deployment} after {waited:.0f} s",
            code="LK313",
            hint=f"lockage watch {world.deployment}",
        ),
        between=between,
    )
