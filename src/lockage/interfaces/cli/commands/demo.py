"""``lockage demo``: all of it in one go, or by hand between ``demo up`` and ``demo down``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from lockage.core.plan.steps import Plan
from lockage.errors import HaltedError
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json, refuse_together
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.run_view import show_event
from lockage.interfaces.demo import stage
from lockage.interfaces.demo.evening import Watching, Ways, demonstrate
from lockage.interfaces.demo.playbill import show_playbill
from lockage.interfaces.demo.seeding import FIRST_RELEASE
from lockage.interfaces.demo.stage import DEFAULT_ROWS

app = command_app()

Rows = Annotated[
    int | None,
    typer.Option("--rows", metavar="N", min=1_000, help="Rows of the large table. Default: what makes the point in minutes."),
]


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    *,
    naive_only: Annotated[bool, typer.Option("--naive-only", help="Without Lockage: the usual way only.")] = False,
    skip_naive: Annotated[bool, typer.Option("--skip-naive", help="Only with Lockage.")] = False,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Also as the vendor's guide says, performed by a script. About 45 s more.")
    ] = False,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Upgrade a real application, the usual way and with Lockage.

    Starts towpath, a small highly available control plane, on a PostgreSQL of its own, with real traffic; upgrades it from
    2.26.0 to 2.27.8 the way people do it today, then again with Lockage; and puts the two side by side. Needs no root, no
    Docker and no Kubernetes, and leaves nothing behind.
    """
    refuse_together({"--naive-only": naive_only, "--skip-naive": skip_naive}, command="demo")
    if context.invoked_subcommand is not None:
        given = {
            "--naive-only": naive_only,
            "--skip-naive": skip_naive,
            "--by-hand": by_hand,
            "--rows": rows is not None,
            "--json": as_json,
        }
        for option, was_given in given.items():
            refuse_together({option: was_given, f"demo {context.invoked_subcommand}": True}, command="demo")
        return
    folders = invocation_of(context).folders
    console = notes()
    with narrated() as narrate:
        watching = Watching(
            act=lambda line: say(console, f"\n{line}", style="bold"),
            say=lambda line: say(console, line),
            event=lambda event: show_event(event, console),
            plan=lambda plan: _show_choice(plan, console),
            narrate=narrate,
        )
        ways = Ways(naive=not skip_naive, by_hand=by_hand, lockage=not naive_only)
        result = demonstrate(folders, rows=rows or DEFAULT_ROWS, ways=ways, watching=watching)
    if as_json:
        print_json(result)
    else:
        show_playbill(result, answers())
    if result.lockage and result.lockage.outcome != "healthy":
        raise typer.Exit(HaltedError.exit_code)


def _show_choice(plan: Plan, console: Console) -> None:
    for hop in plan.hops:
        say(console, f"{hop.from_release} to {hop.to_release}: {hop.strategy.value}, because {hop.reasons[0]}")


@app.command()
def up(context: typer.Context, *, rows: Rows = None) -> None:
    """Start the demo and leave it running, to try by hand.

    Then: lockage survey demo, lockage forecast demo --to 2.27.8, lockage plan demo --to 2.27.8, lockage upgrade demo --to
    2.27.8, lockage watch demo, lockage verify demo. Doing it again changes nothing that runs.
    """
    console = notes()
    stage_up = stage.up(invocation_of(context).folders, rows=rows or DEFAULT_ROWS, say=lambda line: say(console, line))
    answer = answers()
    say(answer, f"towpath {FIRST_RELEASE} serves on {stage_up.service_url}, with {stage_up.rows:,} API keys")
    say(answer, "next: lockage survey demo")


@app.command()
def down(context: typer.Context) -> None:
    """Stop the demo and remove its data."""
    existed = stage.down(invocation_of(context).folders)
    say(answers(), "the demo is down, and its data is gone" if existed else "the demo was not up")


@app.command()
def status(context: typer.Context, *, as_json: Json = False) -> None:
    """Say whether the demo is up, and where its parts are."""
    folders = invocation_of(context).folders
    seen = stage.seen(folders)
    if as_json:
        print_json(seen)
        return
    if not seen.up:
        say(answers(), "the demo is not up; next: lockage demo up")
        return
    say(
        answers(),
        f"towpath serves on {seen.service_url}; {seen.rows:,} API keys; traffic {'flows' if seen.traffic else 'has ended'}",
    )
    say(answers(), f"data: {seen.data_dir}")
