"""Score the forecasts of this machine's runs against what the migrations then took.

Not for judging one (``core.forecast.calibration.past``). The surprising thing: a run whose journal cannot be read is left out
and counted, because one damaged file should not hide all the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockage.core.forecast.calibration.past import PastRun, Score, score
from lockage.errors import LockageError, UsageError
from lockage.flows.recount import report_of
from lockage.ports import JournalEntry, Journals


def score_runs(journals: Journals, deployment: str | None = None) -> Score:
    """All runs (of one deployment) that ended, oldest first, each hop by itself.

    Raises ``UsageError`` (LK696) for a deployment that no run is of.
    """
    if deployment is not None and not journals.runs(deployment):
        raise _no_run_of(deployment, journals)
    past, unscored = _past(journals, deployment)
    return score(past, unscored=unscored)


def past_runs(journals: Journals, deployment: str) -> tuple[PastRun, ...]:
    """What the runs of a deployment took, hop by hop."""
    return tuple(_past(journals, deployment)[0])


def _past(journals: Journals, deployment: str | None) -> tuple[list[PastRun], int]:
    found: list[PastRun] = []
    unscored = 0
    for run in journals.runs(deployment):
        try:
            entries = journals.read(run)
        except LockageError:
            unscored += 1
            continue
        hops = tuple(_hops(run, entries))
        found += [hop for hop in hops if hop is not None]
        unscored += hops.count(None)
    return found, unscored


def _no_run_of(deployment: str, journals: Journals) -> UsageError:
    others = sorted({run.deployment for run in _past(journals, None)[0]})
    hint = f"there are runs of {', '.join(others)}: lockage runs score {others[0]}" if others else "lockage runs"
    return UsageError(f"no run of {deployment} is known on this machine", code="LK696", hint=hint)


def _hops(run: str, entries: Sequence[JournalEntry]) -> Iterator[PastRun | None]:
    report = report_of(entries)
    if report is None:
        return
    for hop in report.hops:
        if hop.forecast_s is None or hop.migration_s is None:
            yield None
            continue
        yield PastRun(
            run=run,
            deployment=report.deployment,
            from_release=hop.from_release,
            to_release=hop.to_release,
            forecast_s=hop.forecast_s,
            actual_s=hop.migration_s,
        )
