"""``lockage runs``: the journals of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from lockage.flows.recount import RunSummary, story, summaries
from lockage.flows.score import score_runs
from lockage.interfaces.cli.console import answers, plain_table, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.run_view import event_line, show_report, show_score
from lockage.interfaces.wiring import journals

app = command_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What ``lockage runs list --json`` prints."""

    schema: str = "lockage.runs/1"
    runs: tuple[RunSummary, ...]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context) -> None:
    """List the runs that this machine knows of, or show one."""
    if context.invoked_subcommand is None:
        list_runs(context)


@app.command("list")
def list_runs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only those of this deployment.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the runs, newest last."""
    found = summaries(journals(invocation_of(context).folders), name)
    if as_json:
        print_json(Runs(runs=found))
        return
    console = answers()
    if not found:
        say(console, "no run yet" if name is None else f"no run of {name} yet")
        return
    table = plain_table("run", "deployment", "from", "to", "state", "last")
    for run in found:
        last = run.problem or run.last
        table.add_row(run.run, run.deployment or "?", run.from_release or "?", run.to_release or "?", run.state.value, last)
    console.print(table)


@app.command("score")
def score_command(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only those of this deployment.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Hold past forecasts against what came."""
    found = score_runs(journals(invocation_of(context).folders), name)
    if as_json:
        print_json(found)
    else:
        show_score(found, answers())


@app.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, as lockage runs lists it.")],
    *,
    as_json: Json = False,
) -> None:
    """Show the story and the report of one run."""
    told = story(journals(invocation_of(context).folders), run)
    if as_json:
        print_json(told)
        return
    console = answers()
    for event in told.events:
        say(console, event_line(event))
    if told.report is not None:
        show_report(told.report, console)
