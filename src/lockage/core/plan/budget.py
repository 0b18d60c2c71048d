"""The kill budget: how long a migrating replica may stay silent, and the liveness probe that lets it.

Not for applying a probe: it travels inside the one rollout. The surprising thing: a running pod's probe never changes, so the
budget is decided before the replica is asked for, against the forecast's high end, and put back by a rollout of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from lockage.core.facts import Probe
from lockage.core.release.chart_values import PROBE_FIELDS, ProbeField
from lockage.errors import UsageError
from lockage.settings import ProbeBudget


def kill_budget_s(*, forecast_high_s: float | None, asked_s: float | None, unknown_s: float, settings: ProbeBudget) -> float:
    """Seconds that the migrating replica must be allowed.

    What was asked for (``--probe-budget``); else the larger of the floor and a multiple of the forecast's high end;
    ``unknown_s`` (the profile's maximum) where the high end is unknown. Raises ``UsageError`` (LK240) for a budget that is
    not a positive number of seconds.
    """
    if asked_s is not None:
        if not 0 < asked_s < math.inf:
            raise UsageError(f"a probe budget of {asked_s:g} s is no time", code="LK240", hint="--probe-budget 1800")
        return asked_s
    if forecast_high_s is None:
        return unknown_s
    return max(settings.floor_s, settings.forecast_factor * forecast_high_s)


def probe_that_fits(probe: Probe | None, budget_s: float, *, settable: Collection[ProbeField] = PROBE_FIELDS) -> Probe | None:
    """The probe itself when it allows the budget already, else the same with a higher failure threshold.

    Period, timeout and initial delay stay, so that a replica that is dead for good is still found. Where the failure threshold
    is not ``settable`` (charts that pass on nothing else), the initial delay is raised instead, by whole seconds. None (no
    liveness probe) never kills, and stays None. Raises ``UsageError`` (LK241) for a probe whose period is not positive.
    """
    if probe is None or probe.kill_budget_s >= budget_s:
        return probe
    if "failureThreshold" not in settable and "initialDelaySeconds" in settable:
        missing_s = budget_s - probe.kill_budget_s
        return replace(probe, initial_delay_s=float(math.ceil(probe.initial_delay_s + missing_s)))
    if probe.period_s <= 0:
        raise UsageError(
            f"the liveness probe has a period of {probe.period_s:g} s: no failure threshold reaches {budget_s:g} s",
            code="LK241",
            hint="give the liveness probe a period of at least one second",
        )
    periods = math.ceil((budget_s - probe.initial_delay_s - probe.timeout_s) / probe.period_s)
    found = replace(probe, failure_threshold=periods + 1)
    # Division and multiplication of floats need not agree in the last bit.
    return found if found.kill_budget_s >= budget_s else replace(found, failure_threshold=periods + 2)
