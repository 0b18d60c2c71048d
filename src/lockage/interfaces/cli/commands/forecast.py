"""``lockage forecast``: of a folder of migrations, or of what a deployment's next release would apply."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lockage.errors import UsageError
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import DatabaseUrl, Json, ProfileFile, refuse_together

app = command_app()


class Format(StrEnum):
    """How the folder's files are named and read."""

    GOLANG_MIGRATE = "golang-migrate"
    PLAIN = "plain"


class Transaction(StrEnum):
    """What the migrator puts into one transaction."""

    WHOLE = "whole"
    FILE = "file"
    STATEMENT = "statement"


@app.command()
def forecast(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A deployment, instead of a folder of migrations.")] = None,
    *,
    migrations: Annotated[Path | None, typer.Option("--migrations", metavar="DIR", help="The folder of migrations.")] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Names and reading of the files. Default: as the names look.")
    ] = None,
    from_version: Annotated[
        int | None,
        typer.Option("--from", metavar="V", min=0, help="Migration V is already applied; 0: none is."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="V", help="Last migration of the script; with NAME: the release to go to."),
    ] = None,
    transaction: Annotated[
        Transaction | None,
        typer.Option("--transaction", help="What is one transaction. Default: what the format's own migrator does."),
    ] = None,
    profile: ProfileFile = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Say what migrations will lock, for whom and for how long.

    The migrations are executed on a throw-away PostgreSQL with the schema of the database, or of the earlier migrations,
    and the locks are read after every statement. Without --from and without a database, the newest migration is forecast.

    Examples:

    lockage forecast --migrations db/migrations

    lockage forecast --migrations db/migrations --from 41 --database $URL

    lockage forecast demo --to 2.27.8
    """
    if name is None and migrations is None:
        raise UsageError(
            "neither a deployment nor a folder of migrations was given",
            code="LK003",
            hint="lockage forecast --migrations DIR, or lockage forecast NAME --to RELEASE",
        )
    for option, given in {
        "--migrations": migrations is not None,
        "--format": file_format is not None,
        "--from": from_version is not None,
        "--transaction": transaction is not None,
    }.items():
        # A deployment's profile and ledger say these.
        refuse_together({"NAME": name is not None, option: given}, command="forecast")
    refuse_together({"--migrations": migrations is not None, "--profile": profile is not None}, command="forecast")
    if migrations is not None:
        _check_range(from_version, to)
    elif to is None:
        raise UsageError(
            "forecasting a deployment needs --to RELEASE", code="LK003", hint=f"lockage forecast {name} --to RELEASE"
        )
    invocation_of(context)


def _check_range(from_version: int | None, to: str | None) -> None:
    if to is None:
        return
    if not to.isascii() or not to.isdigit():
        raise UsageError(
            f"--to {to} is not the number of a migration", code="LK003", hint="with a folder, --to is a migration: --to 12"
        )
    if from_version is not None and int(to) <= from_version:
        raise UsageError(
            f"--to {to} is not after --from {from_version}: nothing would be left to forecast",
            code="LK003",
            hint="--from is already applied, --to is included",
        )
