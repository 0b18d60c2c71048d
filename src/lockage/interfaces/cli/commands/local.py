"""``lockage local``: what ``kubectl scale`` and ``helm upgrade`` are elsewhere, for runbooks of the local platform."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from lockage.core.wording import counted
from lockage.interfaces.cli.console import notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened
from lockage.interfaces.cli.options import Name
from lockage.interfaces.deployments import Wanted
from lockage.ports import Rollout

app = command_app()


@app.callback()
def local() -> None:
    """Scale or roll out a deployment of the local platform by hand."""


@app.command()
def scale(
    context: typer.Context,
    name: Name,
    replicas: Annotated[int, typer.Argument(metavar="N", min=0, help="How many replicas there shall be.")],
) -> None:
    """Ask for a number of replicas, the revision unchanged."""
    with opened(invocation_of(context), Wanted(name=name)) as world:
        before = world.platform.workload().replicas
        world.platform.scale(replicas)
    say(notes(), f"{name}: {counted(before, 'replica')} wanted before, {replicas} now")


@app.command("roll-out")
def roll_out(
    context: typer.Context,
    name: Name,
    *,
    release: Annotated[str, typer.Option("--release", metavar="RELEASE", help="The release that shall run.")],
    replicas: Annotated[int | None, typer.Option("--replicas", metavar="N", min=0, help="Default: as many as now.")] = None,
    liveness_failure_threshold: Annotated[
        int | None,
        typer.Option(
            "--liveness-failure-threshold", metavar="N", min=1, help="Of the liveness probe that it has. Default: as now."
        ),
    ] = None,
) -> None:
    """Make a new revision by one change.

    Nothing is checked, planned or guarded: that is what lockage upgrade is for.
    """
    with opened(invocation_of(context), Wanted(name=name)) as world:
        workload = world.platform.workload()
        liveness = workload.liveness
        if liveness is not None and liveness_failure_threshold is not None:
            liveness = replace(liveness, failure_threshold=liveness_failure_threshold)
        wanted = Rollout(release=release, replicas=workload.replicas if replicas is None else replicas, liveness=liveness)
        world.platform.roll_out(wanted)
    say(notes(), f"{name}: {wanted.release} with {counted(wanted.replicas, 'replica')} is asked for")
