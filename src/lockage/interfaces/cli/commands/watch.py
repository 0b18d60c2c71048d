"""``lockage watch NAME``."""

from __future__ import annotations

from typing import Annotated

import typer

from lockage.core.run import RunEvent
from lockage.flows.look_on import look_on
from lockage.flows.recount import RunState, follow, state_of
from lockage.interfaces.cli.console import answers, narrated, say
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.opening import opened
from lockage.interfaces.cli.options import Json, names_deployment, refuse_together
from lockage.interfaces.cli.output import print_json_line
from lockage.interfaces.cli.run_view import show_event
from lockage.interfaces.flags import Wanted
from lockage.interfaces.wiring import journals, system_clock
from lockage.settings import Watching

app = command_app()


@app.command()
@names_deployment
def watch(
    context: typer.Context,
    wanted: Wanted,
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="RELEASE", help="Wait until somebody asks for this release, and watch until it serves."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Watch an upgrade: a run of Lockage, or what a person, GitOps or CI carries out.

    A run of this machine that has not ended is shown from its journal, from any terminal, until it ends. Otherwise the
    deployment and its database are looked at live: where the migration is, who stands in its way, whether it is late, what
    crashes, and which probe will kill what, until all replicas serve. It changes nothing. Ctrl-C ends it.
    With --json, one lockage.event/1 a line.
    """
    invocation = invocation_of(context)
    unfinished = _unfinished_run(invocation, wanted.name)
    if unfinished is None:
        _watch_live(invocation, wanted, to=to, as_json=as_json)
        return
    refuse_together({"--to": to is not None, f"run {unfinished}, which has not ended": True}, command="watch")
    for event in follow(journals(invocation.folders), unfinished, clock=system_clock(), watching=Watching()):
        _show(event, as_json=as_json)


def _unfinished_run(invocation: Invocation, name: str) -> str | None:
    known = journals(invocation.folders)
    runs = known.runs(name)
    return runs[-1] if runs and state_of(known.read(runs[-1])) is RunState.UNFINISHED else None


def _watch_live(invocation: Invocation, wanted: Wanted, *, to: str | None, as_json: bool) -> None:
    def show(event: RunEvent) -> None:
        _show(event, as_json=as_json)

    with narrated() as narrate, opened(invocation, wanted, show=show, glimpse=narrate) as world:
        was_under_way = look_on(world, target=to)
    if not was_under_way and to is None and not as_json:
        say(answers(), f"to wait for an upgrade: lockage watch {wanted.name} --to RELEASE")


def _show(event: RunEvent, *, as_json: bool) -> None:
    if as_json:
        print_json_line(event)
    else:
        show_event(event, answers())
