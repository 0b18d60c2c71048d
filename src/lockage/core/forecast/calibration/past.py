"""Forecasts of earlier runs against what they then took: scored, and taken into the next forecast.

Not for reading journals (``flows.score``). The surprising thing: a forecast that had taken earlier runs in is counted as
it would have been without them, or two good guesses in a row would undo each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.calibration.measured import centre
from lockage.core.forecast.duration.calibration import Calibration
from lockage.core.forecast.duration.rates import Rate, Speeds

SHIFT_LIMIT = 3.0
"""Past runs move a forecast by no more: a run that took ten times as long did not compute slowly, it waited."""

SHORTEST_S = 0.05
"""Shorter migrations say nothing of the server: their time is that of a migrator's start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One hop of a run that has ended."""

    run: str
    deployment: str
    from_release: str
    to_release: str
    forecast_s: Seconds
    actual_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """The same, judged."""

    run: str
    deployment: str
    from_release: str
    to_release: str
    forecast_s: Seconds
    actual_s: float
    inside: bool
    ratio: float | None  # actual against likely; None: one of them is nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How true the forecasts were (``lockage.score/1``)."""

    schema: str = "lockage.score/1"
    runs: tuple[ScoredRun, ...]
    unscored: int = 0  # hops that ended without a forecast or without a measured migration
    inside_ratio: float | None = None  # of all runs; None: there is none
    median_error: float | None = None  # by which factor the likely figure was off, either way


def score(past: Sequence[PastRun], *, unscored: int = 0) -> Score:
    """The runs, each judged, and all together."""
    runs = tuple(_scored(one) for one in past)
    errors = [math.exp(abs(math.log(run.ratio))) for run in runs if run.ratio is not None]
    return Score(
        runs=runs,
        unscored=unscored,
        inside_ratio=sum(run.inside for run in runs) / len(runs) if runs else None,
        median_error=median(errors) if errors else None,
    )


def past_ratio(past: Sequence[PastRun]) -> float:
    """By which factor the runs, oldest first, say that a forecast without them is off; 1 where they say nothing."""
    logs: list[float] = []
    moved, current = 1.0, ""
    for one in past:
        if one.run != current:
            moved, current = _ratio(logs), one.run  # what its forecast had been moved by, by those before it
        if _speaks(one):
            logs.append(math.log(one.actual_s / one.forecast_s.likely * moved))
    return _ratio(logs)


def _ratio(logs: Sequence[float]) -> float:
    # One run more that was just as forecast, so that a single one does not decide.
    mean = sum(logs) / (len(logs) + 1)
    return min(max(math.exp(mean), 1 / SHIFT_LIMIT), SHIFT_LIMIT)


def with_past(calibration: Calibration, past: Sequence[PastRun]) -> Calibration:
    """The calibration moved by what earlier runs of the same deployment took."""
    speaking = [one for one in past if _speaks(one)]
    if not speaking:
        return calibration
    ratio = past_ratio(past)
    _, spread = centre(one.actual_s / one.forecast_s.likely for one in speaking)
    sentence = (
        f"{len(speaking)} earlier {'run' if len(speaking) == 1 else 'runs'} of this deployment: every figure is taken "
        f"{ratio:.2f} times as long as without them"
    )
    speeds = _moved(calibration.speeds, ratio, spread if len(speaking) > 1 else 1.0)
    return replace(calibration, speeds=speeds, assumptions=(*calibration.assumptions, sentence))


def _speaks(one: PastRun) -> bool:
    return one.actual_s >= SHORTEST_S and one.forecast_s.likely >= SHORTEST_S


def _scored(one: PastRun) -> ScoredRun:
    span = one.forecast_s
    return ScoredRun(
        run=one.run,
        deployment=one.deployment,
        from_release=one.from_release,
        to_release=one.to_release,
        forecast_s=span,
        actual_s=one.actual_s,
        inside=span.low <= one.actual_s and (span.high is None or one.actual_s <= span.high),
        ratio=one.actual_s / span.likely if span.likely > 0 and one.actual_s > 0 else None,
    )


def _moved(speeds: Speeds, ratio: float, spread: float) -> Speeds:
    def moved(rate: Rate) -> Rate:
        # Runs that differ from each other widen the range; runs that agree do not narrow it, being few.
        return Rate(value=rate.value * ratio, below=max(rate.below, spread), above=max(rate.above, spread))

    return replace(
        speeds,
        cpu=moved(speeds.cpu),
        hit_byte_s=moved(speeds.hit_byte_s),
        read_byte_s=moved(speeds.read_byte_s),
        write_byte_s=moved(speeds.write_byte_s),
        commit_s=moved(speeds.commit_s),
        statement_s=moved(speeds.statement_s),
    )
