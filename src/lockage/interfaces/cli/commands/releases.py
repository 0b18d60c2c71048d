"""``lockage releases NAME``: the releases that are known, and which of them fit a schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lockage.core.facts import LedgerState
from lockage.core.release.fits import Fit, ReleaseFit, ReleasesFound, releases_found
from lockage.errors import RefusedError
from lockage.flows.world import World
from lockage.interfaces.cli.console import answers, narrated, plain_table, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import found, opened
from lockage.interfaces.cli.options import Json, names_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.flags import Wanted
from lockage.interfaces.releases import tables_with

app = command_app()

NEIGHBOURS = 4
"""Releases shown on either side of those that fit: enough to see where the line is."""


@app.command()
@names_deployment
def releases(
    context: typer.Context,
    wanted: Wanted,
    ledger: Annotated[
        int | None, typer.Argument(metavar="LEDGER", help="A ledger's version, with --fits. Default: where the database is.")
    ] = None,
    *,
    fits: Annotated[bool, typer.Option("--fits", help="Say which releases have the ledger's schema.")] = False,
    git: Annotated[
        Path | None,
        typer.Option("--git", metavar="FOLDER", help="Read the releases from the tags of a checkout; kept for the next time."),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option("--path", metavar="FOLDER", help="Of the migrations in that repository. Default: the likeliest one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List an application's releases, and which of them fit a schema.

    A release fits where its last migration is the ledger's version; one that has it and later ones would migrate on from
    there; one that lacks it does not start on this schema, and must not.
    """
    invocation = invocation_of(context)
    fits = fits or ledger is not None
    profile = found(invocation, wanted).profile
    with narrated() as narrate:
        if profile is None or (fits and ledger is None):
            with opened(invocation, wanted) as world:
                profile = world.profile
                ledger = _ledger(world) if fits and ledger is None else ledger
        tables = tables_with(profile, git, folder=path, folders=invocation.folders, narrate=narrate)
    answer = releases_found(wanted.name, profile, tables=tables, version=ledger)
    if as_json:
        print_json(answer)
    else:
        _show(answer, answers())


def _ledger(world: World) -> int:
    reading = world.database.ledger(world.profile)
    if reading.state is LedgerState.READ and reading.version is not None:
        return reading.version
    if reading.state is LedgerState.EMPTY:
        return 0
    why = f"backend {reading.holder_pid} migrates now" if reading.holder_pid else reading.problem or f"it is {reading.state}"
    raise RefusedError(
        f"{reading.table} does not say which schema there is: {why}",
        code="LK577",
        hint=f"lockage releases {world.deployment} --fits LEDGER, with the version that you know of",
    )


def _show(answer: ReleasesFound, console: Console) -> None:
    say(console, answer.says, style="bold")
    for sentence in answer.ambiguous:
        say(console, sentence, style="yellow")
    if answer.releases:
        table = plain_table("release", "last migration", "fit", "source")
        for one in _near(answer):
            table.add_row(one.release, "none" if one.last is None else str(one.last), one.fit or "", one.source)
        console.print(table)
    if answer.as_of:
        say(console, f"read on {answer.as_of}; later releases are not known here", style="dim")


def _near(answer: ReleasesFound) -> list[ReleaseFit]:
    """All releases, or those around the ones that fit where there are many."""
    fitting = [index for index, one in enumerate(answer.releases) if one.fit is Fit.ENDS]
    if not fitting:
        return list(answer.releases[-20:])
    begin, end = max(0, fitting[0] - NEIGHBOURS), fitting[-1] + NEIGHBOURS + 1
    return list(answer.releases[begin:end])
