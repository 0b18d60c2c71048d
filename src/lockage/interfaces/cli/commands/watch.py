"""``lockage watch NAME``."""

from __future__ import annotations

import typer

from lockage.errors import UsageError
from lockage.flows.recount import follow
from lockage.interfaces.cli.console import answers
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json, Name
from lockage.interfaces.cli.output import print_json_line
from lockage.interfaces.cli.run_view import show_event
from lockage.interfaces.wiring import journals, system_clock
from lockage.settings import Watching

app = command_app()


@app.command()
def watch(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a run while it goes on.

    Reads the journal of the newest run of the deployment, from any terminal of this machine, and ends when the run ends.
    With --json, one lockage.event/1 a line.
    """
    known = journals(invocation_of(context).folders)
    runs = known.runs(name)
    if not runs:
        raise UsageError(f"there is no run of {name} to watch", code="LK010", hint=f"lockage upgrade {name} --to RELEASE")
    console = answers()
    for event in follow(known, runs[-1], clock=system_clock(), watching=Watching()):
        if as_json:
            print_json_line(event)
        else:
            show_event(event, console)
