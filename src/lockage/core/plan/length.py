"""How long carrying out a plan can take, for the window that it must fit into.

Not for the outage, which is a part of it (``strategy``). The surprising thing: a migration whose high end is unknown counts as
the profile's maximum, because a window that is too long costs nothing and one that is too short costs everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.plan.sequence import SLOWER
from lockage.core.plan.steps import GuardMigration, Hop
from lockage.core.plan.window import rounded_length_s
from lockage.settings import Windows


def hop_high_s(hop: Hop, *, unknown_s: float) -> float:
    """Seconds within which the hop ends 95 times in 100.

    The migration counts with its forecast's high end (``unknown_s`` where that is unknown), every other step with three times
    what is expected of it, or its limit where that is shorter.
    """
    migration = hop.forecast.total_s
    total_s = unknown_s if migration.high is None else migration.high
    for step in hop.steps:
        expected_s = step.expected_s
        if isinstance(step, GuardMigration):  # it holds the migration and the boot behind it
            expected_s = max(0.0, expected_s - migration.likely)
        total_s += min(step.limit_s, SLOWER * expected_s)
    return total_s


def plan_high_s(hops: Sequence[Hop], *, unknown_s: float) -> float:
    """Seconds within which all these hops end 95 times in 100."""
    return sum(hop_high_s(hop, unknown_s=unknown_s) for hop in hops)


def window_length_s(hops: Sequence[Hop], *, unknown_s: float, settings: Windows) -> float:
    """How long a window must be to begin these hops in it, with room to begin a little late: whole five minutes."""
    return rounded_length_s(settings.length_factor * plan_high_s(hops, unknown_s=unknown_s) + 2 * settings.margin_s)
