"""Find out how fast a database is, as far as that was allowed: read its settings, time samples, take earlier runs in.

Not for judging samples (``core.forecast.calibration``). The surprising thing: it is asked for after the trace, because only
then it is known which tables the script works on, and no others are worth a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

from lockage.core.forecast.calibration.inferred import infer
from lockage.core.forecast.calibration.measured import with_samples
from lockage.core.forecast.calibration.past import PastRun, with_past
from lockage.core.forecast.duration.calibration import UNCALIBRATED, Calibration
from lockage.core.forecast.names import descendants, oids
from lockage.core.forecast.trace import Trace
from lockage.errors import UnreachableError
from lockage.ports import Narrate, Target

Calibrate: TypeAlias = Callable[[Sequence[str]], Calibration]
"""From the relations that a script works on to the speed of their server."""


class Measure(StrEnum):
    """What may be timed on the target."""

    READ = "read"  # sample scans
    WRITE = "write"  # those, and writing in a scratch schema


def uncalibrated(_: Sequence[str]) -> Calibration:
    """The calibration of a server of which nothing is known."""
    return UNCALIBRATED


def calibrating(target: Target, *, measure: Measure | None = None, past: Sequence[PastRun] = (), narrate: Narrate) -> Calibrate:
    """What calibrates by this target. The calibration raises what ``Target`` raises where ``measure`` was asked for.

    Whether the target may be written is asked at once (LK701, LK702): the calibration comes behind seconds of work.
    """
    if measure is Measure.WRITE:
        target.require_writes()

    def calibrate(relations: Sequence[str]) -> Calibration:
        narrate("reading how fast the server may be")
        try:
            found = infer(target.reading())
        except UnreachableError as error:
            if measure is not None:
                raise
            found = Calibration(assumptions=(f"how fast the server is could not be asked: {error.message}",))
        if measure is not None:
            samples = target.timed_reads(relations, narrate=narrate)
            if measure is Measure.WRITE:
                samples += target.timed_writes(narrate=narrate)
            found = with_samples(found, samples)
        return with_past(found, past)

    return calibrate


def worked_on(trace: Trace) -> tuple[str, ...]:
    """Tables that were there before the script and that it names, partitions included."""
    named = {
        below
        for step in trace.statements
        if not step.of_migrator
        for oid in oids(step.statement.names, step.before)
        for below in (oid, *(relation.oid for relation in descendants(oid, step.before)))
    }
    found = (trace.start.relations[oid] for oid in sorted(named) if oid in trace.start.relations)
    return tuple(relation.relation for relation in found if relation.kind in {"r", "m"})
