"""``lockage survey NAME``, and ``--save`` for forecasts on a machine that does not see the database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lockage.core.forecast.quoted_names import quoted_relation
from lockage.core.forecast.saved_survey import SurveySaved
from lockage.core.wording import counted, listed
from lockage.errors import UsageError
from lockage.interfaces.cli.console import answers, narrated, say
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.opening import found, opened, opened_deployment
from lockage.interfaces.cli.options import Json, may_name_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.output_file import require_place
from lockage.interfaces.cli.survey_view import show_survey
from lockage.interfaces.flags import Wanted
from lockage.interfaces.forecasting import look
from lockage.interfaces.offline import save_survey
from lockage.interfaces.rights import rights_lacking

app = command_app()


@app.command()
@may_name_deployment
def survey(
    context: typer.Context,
    wanted: Wanted,
    *,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Write what a forecast needs to a file: lockage forecast --survey FILE."),
    ] = None,
    with_values: Annotated[
        bool,
        typer.Option(
            "--with-values", help="With --save: most common values, histograms and rows of small tables too, which are data."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at a deployment and its database; change nothing.

    Shows the version by every source and whether they agree, replicas and their probes with the kill budget, the
    migration ledger, sessions by replica, long and idle transactions, sizes, and what PostgreSQL allows us to do.

    With --save it writes schema, statistics, sizes, settings, the ledger's rows and the statements that were executed to a
    file instead: no other row, no value, no password. NAME may be left out then, with --database URL.

    Examples:

    lockage survey demo

    lockage survey coder -n coder --save coder.survey

    lockage survey --database $URL --save production.survey
    """
    invocation = invocation_of(context)
    if save is not None:
        if not wanted.name and wanted.database is None:
            raise UsageError(
                "nobody says which database is to be surveyed",
                code="LK003",
                hint="lockage survey NAME --save FILE, or lockage survey --database URL --save FILE",
            )
        save = require_place(save)
        with narrated() as narrate:
            narrate("reading schema, statistics, sizes and statements")
            saved = _saved(invocation, wanted, save, with_values=with_values)
        print_json(saved) if as_json else _show_saved(saved)
        return
    if with_values or not wanted.name:
        raise UsageError(
            "--with-values is for --save" if with_values else "no deployment was named, and nothing is to be saved",
            code="LK003",
            hint="lockage survey NAME, or lockage survey --database URL --save FILE",
        )
    with opened(invocation, wanted) as world:
        seen = look(world)
        long_transactions = world.settings.long_transactions
    seen = replace(seen, problems=(*seen.problems, *rights_lacking(found(invocation, wanted))))
    if as_json:
        print_json(seen)
    else:
        show_survey(seen, answers(), limits=long_transactions)


def _saved(invocation: Invocation, wanted: Wanted, file: Path, *, with_values: bool) -> SurveySaved:
    if not wanted.name and wanted.database is not None:
        return save_survey(wanted.database, file, with_values=with_values)
    with opened_deployment(invocation, wanted) as both:
        deployment, seen = both.deployment, look(both.world)
        return save_survey(
            deployment.database_url,
            file,
            taken_of=deployment.name,
            ledger=deployment.profile.migrations.ledger,
            release=seen.release,
            profile=deployment.profile.name,
            with_values=with_values,
            password=deployment.database_password,
            settings=both.world.settings,
        )


def _show_saved(saved: SurveySaved) -> None:
    console = answers()
    say(console, saved.file)
    holds = f"{counted(saved.tables, 'table')}, {counted(saved.statements, 'statement')}"
    say(console, f"{saved.size_bytes / 1024:.0f} KiB: {holds}; nothing was changed")
    tables = (
        *map(quoted_relation, saved.ledgers),
        *([counted(saved.small_tables, "small table")] if saved.small_tables else ()),
    )
    rows = f"rows of {listed(tables)} and of no other table" if tables else "rows of no table"
    say(console, f"in it: {rows}; {'with' if saved.with_values else 'without'} most common values and histograms")
    if saved.masked:
        say(console, f"masked: {counted(saved.masked, 'text')} that look like secrets")
    if saved.unreadable:
        say(
            console, f"not read, and unknown in a forecast: {listed([*map(quoted_relation, saved.unreadable)])}", style="yellow"
        )
    for grant in saved.grants:
        say(console, f"  to have it read: {grant}")
    for problem in saved.problems:
        say(console, problem, style="yellow")
    say(console, "")
    say(console, f"look into it: tar -xzf {saved.file}")
    say(console, f"forecast from it: lockage forecast --migrations DIR --survey {saved.file}")
