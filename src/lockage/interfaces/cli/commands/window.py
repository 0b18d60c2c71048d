"""``lockage window NAME``: when the fewest people work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lockage.core.plan.planner import Wishes
from lockage.core.plan.window import parse_length_s
from lockage.core.plan.window_wording import length as words
from lockage.errors import FindingsError
from lockage.flows.windows import WindowLength, length_asked, length_for, windows_for
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened_deployment
from lockage.interfaces.cli.options import Json, ProbeBudget, StrategyChoice, names_deployment, refuse_together
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.output_file import require_place
from lockage.interfaces.cli.window_view import show_windows
from lockage.interfaces.flags import Wanted
from lockage.interfaces.forecasting import proposer
from lockage.interfaces.windows import freezes_of, take_sample, usage_of, write_windows, zone_named
from lockage.interfaces.wiring import Opened
from lockage.ports import Narrate
from lockage.settings import Settings

app = command_app()


@app.command()
@names_deployment
def window(
    context: typer.Context,
    wanted: Wanted,
    *,
    release: Annotated[
        str | None, typer.Option("--for", metavar="RELEASE", help="Long enough for the upgrade to it, by its forecast.")
    ] = None,
    length: Annotated[str | None, typer.Option("--length", metavar="TIME", help="So long. Default: 30m.")] = None,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=366, help="How far to look.")] = 14,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, max=9, help="How many to propose.")] = 5,
    time_zone: Annotated[
        str | None,
        typer.Option("--time-zone", metavar="ZONE", help="Whose week it is: Europe/Berlin. Default: this machine's."),
    ] = None,
    freeze: Annotated[
        list[Path] | None, typer.Option("--freeze", metavar="FILE", help="Calendar (.ics) of times to keep free. Repeatable.")
    ] = None,
    ics: Annotated[Path | None, typer.Option("--ics", metavar="FILE", help="Write the windows as a calendar too.")] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Only note how busy PostgreSQL is now; for cron, where the profile has no history.")
    ] = False,
    strategy: StrategyChoice = None,
    probe_budget: ProbeBudget = None,
    as_json: Json = False,
) -> None:
    """Propose windows in which the fewest people work, from usage.

    Changes nothing. A window can be kept by: lockage upgrade NAME --to RELEASE --at WINDOW
    """
    refuse_together({"--for": release is not None, "--length": length is not None}, command="window")
    ics = None if ics is None else require_place(ics)
    invocation = invocation_of(context)
    zone = zone_named(time_zone, environment=invocation.environment)
    asked = length_asked(parse_length_s(length or "30m"))
    with opened_deployment(invocation, wanted, settings=_patient()) as opened, narrated() as narrate:
        world = opened.world
        if sample:
            say(answers(), take_sample(world, invocation.folders))
            return
        freezes = freezes_of(freeze or (), world=world, days=days, zone=zone)
        history = usage_of(world, invocation.folders, narrate=narrate)
        wishes = Wishes(strategy=strategy, probe_budget_s=probe_budget)
        report = windows_for(
            world.deployment,
            history=history,
            wanted=asked if release is None else _length_for(release, wishes, opened, narrate),
            days=days,
            count=count,
            zone=zone,
            freezes=freezes,
            clock=world.clock,
        )
    if ics is not None and report.windows:
        write_windows(ics, report)
        say(notes(), f"written to {ics}")
    if as_json:
        print_json(report)
    else:
        show_windows(report, answers())
    if not report.windows:
        raise FindingsError(
            f"no window of {words(report.length_s)} can be proposed for {report.deployment} in the next {days} days",
            code="LK549",
            hint=_instead(known=bool(report.week), name=world.deployment),
        )


def _patient() -> Settings:
    usual = Settings()
    return replace(usual, watching=replace(usual.watching, statement_timeout_s=usual.windows.history_limit_s))


def _length_for(release: str, wishes: Wishes, opened: Opened, narrate: Narrate) -> WindowLength:
    plan = proposer(opened.world, opened.deployment, narrate=narrate)(release, wishes)
    return length_for(plan, unknown_s=opened.world.profile.max_kill_budget_s, settings=opened.world.settings.windows)


def _instead(*, known: bool, name: str) -> str:
    if known:
        return "a shorter --length, more --days, or fewer freezes"
    return f"lockage window {name} --sample every five minutes for a week, or [usage] in the profile"
