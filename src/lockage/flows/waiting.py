"""Wait for a condition with a limit, on the clock that was handed in.

Not for retrying acts: what waits here only looks. The surprising thing: the lease is renewed here, because waiting is what a
run does most, and a lease that runs out while we wait would let another run in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lockage.errors import LockageError, UnreachableError
from lockage.ports import Clock

Seen = TypeVar("Seen")


def wait_until(
    look: Callable[[], Seen | None],
    *,
    clock: Clock,
    limit_s: Callable[[], float],
    pause_s: float,
    too_late: Callable[[float], LockageError],
    between: Callable[[], None] = lambda: None,
) -> Seen:
    """What ``look`` gives as soon as it is not None.

    ``limit_s`` is asked at every look, since what is seen can change how long waiting is worth it. A world that does not
    answer for a moment is looked at again until the limit. Raises what ``too_late`` makes of the
    seconds waited.
    """
    began = clock.monotonic()
    while True:
        unreachable: UnreachableError | None = None
        try:
            seen = look()
            if seen is not None:
                return seen
        except UnreachableError as error:
            unreachable = error
        waited = clock.monotonic() - began
        if waited >= limit_s():
            raise too_late(waited) from unreachable
        between()
        clock.sleep(pause_s)
