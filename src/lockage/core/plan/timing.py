"""How long replicas of this deployment take to stop, to start and to boot, as far as the survey shows it.

Not for durations of migrations (``core.forecast``). The surprising thing: of several replicas the *fastest* boot counts,
because a slower one may have been the one that migrated.
"""

from __future__ import annotations

import math

from lockage.core.facts import Replica, Survey, Workload
from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.seconds import rounded
from lockage.core.forecast.strategies import Timing
from lockage.settings import Expected


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


def guessed_timing(expected: Expected) -> Timing:
    """Where there is no deployment to look at: what is expected of any, and nobody knows how long it takes at most."""
    return Timing(
        termination=Seconds(low=0.0, likely=expected.termination_s, high=None),
        start=Seconds(low=0.0, likely=expected.start_s, high=None),
        boot=Seconds(low=0.0, likely=expected.boot_s, high=None),
    )


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
