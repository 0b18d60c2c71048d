"""The ways side by side, as people read them.

Not for ``--json`` (``performance.DemoResult``). The surprising thing: every figure here was felt by the traffic or measured by
the run; nothing is computed from what should have happened.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from lockage.core.plan.wording import range_in_words
from lockage.interfaces.cli.console import plain_table, say
from lockage.interfaces.demo.performance import DemoResult, LockagePerformance, Performance

MARGIN_RATIO = 1.1
MARGIN_S = 1.5
"""How far the outage may exceed the shortest possible one, a hop: the project's own bar."""

MARGIN_WITH_HELM_S = 3.0
"""The same where Helm releases, which renders, asks the API server and writes its own record besides."""

_OUTCOMES = {
    "healthy": "healthy",
    "crash_loop": "crash loop",
    "outage": "still out of service",
    "halted": "halted part-way",
}


def show_playbill(result: DemoResult, console: Console, *, margin_s: float = MARGIN_S) -> None:
    """Print side by side the ways that were performed; ``margin_s``: the bar's, a hop."""
    ways = {"the usual way": result.naive, "by hand": result.by_hand, "with Lockage": result.lockage}
    performed = {title: way for title, way in ways.items() if way is not None}
    table = plain_table("", *performed)
    for title, cells in _rows(performed):
        table.add_row(title, *cells)
    say(console, "")
    console.print(table)
    for title, way in (("the usual way", result.naive), ("by hand", result.by_hand)):
        if way and way.cause:
            say(console, "")
            say(console, f"{title}: {way.cause}")
    if result.lockage:
        say(console, "")
        _show_bars(result.lockage, console, margin_s=margin_s)


def _rows(ways: Mapping[str, Performance]) -> list[tuple[str, list[str]]]:
    performed = ways.values()
    return [
        ("ends", [_OUTCOMES[p.outcome] for p in performed]),
        ("way", [_way(title, p) for title, p in ways.items()]),
        ("seconds without service", [f"{p.unavailable_s:.1f}" for p in performed]),
        ("requests failed", [f"{p.failed_requests} of {p.requests}" for p in performed]),
        ("slowest request", [f"{p.slowest_s:.2f} s" for p in performed]),
        ("restarts of replicas", [str(p.restarts) for p in performed]),
        ("took", [f"{p.took_s:.0f} s" for p in performed]),
    ]


def _way(title: str, performed: Performance) -> str:
    if isinstance(performed, LockagePerformance):
        return " → ".join((performed.from_release, *performed.route))
    return "vendor's guide" if title == "by hand" else "rolling update"


def _show_bars(lockage: LockagePerformance, console: Console, *, margin_s: float) -> None:
    allowed_s = MARGIN_RATIO * lockage.limit_s + margin_s * lockage.hops
    held = (
        f"held in {lockage.forecasts_held} of {lockage.forecasts_made} hops" if lockage.forecasts_made else "too short to see"
    )
    say(console, f"forecast of the migrations: {range_in_words(lockage.forecast_s)}; took {lockage.migration_s:.1f} s: {held}")
    parts = (
        f"stop {lockage.termination_s:.1f} + start {lockage.start_s:.1f} + migrate {lockage.migration_s:.1f} "
        f"+ boot {lockage.boot_s:.1f}"
    )
    say(console, f"shortest outage possible: {lockage.limit_s:.1f} s ({parts}); ours may be {allowed_s:.1f} s at most")
