"""``lockage recover NAME``: get out of a run that is part-way."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from lockage.core.recovery.of_run import Direction, Recovery
from lockage.errors import RefusedError
from lockage.flows.recover import recover as recover_deployment
from lockage.flows.recover import way_out
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened
from lockage.interfaces.cli.options import Json, names_deployment, refuse_without_a_terminal
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.run_view import show_event, show_report
from lockage.interfaces.flags import Wanted
from lockage.interfaces.upgrading import this_host
from lockage.interfaces.wiring import journals

app = command_app()


@app.command()
@names_deployment
def recover(
    context: typer.Context,
    wanted: Wanted,
    *,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Show the way out, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first change.")] = False,
    as_json: Json = False,
) -> None:
    """Get out of a run that is part-way, by what stands on the object.

    The schema decides: where it has not moved, the release before the hop serves again with its replicas, probe and
    autoscalers; where it has, the hop is finished, and no later one begun. Needs no journal: any machine will do.
    """
    if not plan_only and not yes:
        refuse_without_a_terminal("recover", wanted.name)
    invocation = invocation_of(context)
    console = notes()
    with (
        narrated() as narrate,
        opened(invocation, wanted, show=lambda event: show_event(event, console), glimpse=narrate) as world,
    ):
        found = way_out(world)
        narrate.clear()
        if plan_only or found.direction is Direction.NONE:
            if as_json:
                print_json(found)
            else:
                _show(found, answers())
            return
        _show(found, console)
        if not yes and not typer.confirm("Carry this out?", err=True):
            raise RefusedError(
                "the recovery was not confirmed; nothing was changed by this command",
                code="LK329",
                hint=f"lockage recover {wanted.name} --plan-only",
            )
        report = recover_deployment(world, journals(invocation.folders), host=this_host())
    if as_json:
        print_json(report)
    else:
        show_report(report, answers())


def _show(found: Recovery, console: Console) -> None:
    if found.direction is Direction.NONE:
        say(console, f"{found.deployment}: {found.because}; nothing to recover")
        return
    say(console, f"{found.deployment}: {found.direction}, because {found.because}")
    for number, step in enumerate(found.steps, start=1):
        say(console, f"  {number}. {step.action}: {step.target}")
        say(console, f"     why:  {step.reason}")
        say(console, f"     undo: {step.undo}")
