"""How long replicas of this deployment take to stop, to start and to boot, as far as the survey shows it.

Not for durations of migrations (``core.forecast``). The surprising thing: of several replicas the *fastest* boot counts,
because a slower one may have been the one that migrated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lockage.core.facts import Replica, Survey, Workload
from lockage.core.forecast.assess import Seconds
from lockage.settings import Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds that replacing replicas takes beside the migration."""

    termination: Seconds  # from asking the old replicas to stop until the last is gone; high: the grace period
    start: Seconds  # from asking for a new one until its process runs
    boot: Seconds  # from there to ready, with nothing to migrate


def measured_timing(survey: Survey, expected: Expected) -> Timing:
    """What the survey's replicas show, and ``expected`` where they show nothing."""
    starts = [seconds for replica in survey.replicas if (seconds := _start_s(replica)) is not None]
    boots = [seconds for replica in survey.replicas if (seconds := _boot_s(replica)) is not None]
    grace_s = survey.workload.grace_s
    return Timing(
        termination=Seconds(low=0.0, likely=min(expected.termination_s, grace_s), high=grace_s),
        start=rounded(_range(starts, expected.start_s)),
        boot=rounded(_range(boots, expected.boot_s)),
    )


def added(*parts: Seconds) -> Seconds:
    """The sum of ranges; ``high`` is None as soon as one part's is."""
    highs = [part.high for part in parts]
    return Seconds(
        low=sum(part.low for part in parts),
        likely=sum(part.likely for part in parts),
        high=None if None in highs else sum(high for high in highs if high is not None),
    )


def longest(*parts: Seconds) -> Seconds:
    """The longest of ranges that pass at the same time; zero without any."""
    highs = [part.high for part in parts]
    return Seconds(
        low=max((part.low for part in parts), default=0.0),
        likely=max((part.likely for part in parts), default=0.0),
        high=None if None in highs else max((high for high in highs if high is not None), default=0.0),
    )


def shorter(part: Seconds, limit: Seconds) -> Seconds:
    """A range that cannot last longer than another; an unknown high end stays unknown where the limit's is."""
    highs = [high for high in (part.high, limit.high) if high is not None]
    return Seconds(low=min(part.low, limit.low), likely=min(part.likely, limit.likely), high=min(highs) if highs else None)


def times(count: int, part: Seconds) -> Seconds:
    """A range that passes ``count`` times, one after the other."""
    return Seconds(low=count * part.low, likely=count * part.likely, high=None if part.high is None else count * part.high)


def rounded(seconds: Seconds) -> Seconds:
    """The range to the millisecond: more would pretend to know."""
    high = None if seconds.high is None else round(seconds.high, 3)
    return Seconds(low=round(seconds.low, 3), likely=round(seconds.likely, 3), high=high)


def waves(workload: Workload) -> int:
    """How many rounds a rolling update of all replicas takes."""
    return math.ceil(workload.replicas / max(1, workload.max_surge + workload.max_unavailable))


def _range(measured: list[float], fallback_s: float) -> Seconds:
    if not measured:
        return Seconds(low=fallback_s / 2, likely=fallback_s, high=3 * fallback_s)
    return Seconds(low=min(measured) / 2, likely=min(measured), high=max([3 * min(measured), *measured]))


def _start_s(replica: Replica) -> float | None:
    # After a restart the process is younger than the replica by whatever happened between.
    if replica.restarts or replica.started_at is None:
        return None
    return max(0.0, (replica.started_at - replica.created_at).total_seconds())


def _boot_s(replica: Replica) -> float | None:
    if replica.started_at is None or replica.ready_at is None:
        return None
    return max(0.0, (replica.ready_at - replica.started_at).total_seconds())
