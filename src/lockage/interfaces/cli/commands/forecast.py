"""``lockage forecast``: of a folder, archive or tag of migrations, or of what a deployment's next release would apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from lockage.core.forecast.assess import Forecast, Severity
from lockage.core.migration.formats.registry import FORMATS
from lockage.core.plan.preconditions import agreed_release
from lockage.core.release.profile import Profile
from lockage.core.release.route import known_releases, route
from lockage.core.release.statements import RunningRelease
from lockage.core.release.version import normalised
from lockage.errors import UsageError
from lockage.flows.calibrate import Measure
from lockage.flows.score import past_runs
from lockage.interfaces.cli.console import narrated, notes, say
from lockage.interfaces.cli.forecast_outputs import Form, give_out, outputs_of
from lockage.interfaces.cli.hazard_view import end_at
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.opening import opened_deployment
from lockage.interfaces.cli.options import Json, may_name_deployment, refuse_together
from lockage.interfaces.flags import Wanted
from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder
from lockage.interfaces.forecasting import Forecaster, known_here, look
from lockage.interfaces.offline_release import forecast_of_release
from lockage.interfaces.wiring import journals
from lockage.interfaces.wiring_statements import statements_in

app = command_app()


class Transaction(StrEnum):
    """What the migrator puts into one transaction."""

    WHOLE = "whole"
    FILE = "file"
    STATEMENT = "statement"


@app.command()
@may_name_deployment
def forecast(
    context: typer.Context,
    wanted: Wanted,
    *,
    migrations: Annotated[
        Path | None,
        typer.Option(
            "--migrations",
            metavar="DIR",
            help="The folder of migrations, or a .tar.gz or .zip with them; with NAME: of the release gone to.",
        ),
    ] = None,
    git: Annotated[
        Path | None,
        typer.Option("--git", metavar="REPO", help="A checkout or bare clone: its migrations at the tag that --to names."),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option("--path", metavar="FOLDER", help="In the repository or archive. Default: where most migrations are."),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}. Default: as the files look."),
    ] = None,
    from_version: Annotated[
        str | None,
        typer.Option("--from", metavar="V", help="Migration V is already applied; 0: none is; with --git: or a tag."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="V", help="Last migration of the script; with NAME: the release; with --git: the tag."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Value of a variable in the files, such as ${NAME}. Repeatable."),
    ] = None,
    transaction: Annotated[
        Transaction | None,
        typer.Option("--transaction", help="What is one transaction. Default: what the format's own migrator does."),
    ] = None,
    calibrate: Annotated[
        Measure | None,
        typer.Option(
            "--calibrate",
            help="Time more than a few ms of computing, to narrow the ranges: read (a few pages), write (also a schema of our "
            "own, then dropped).",
        ),
    ] = None,
    server_major: Annotated[
        int | None,
        typer.Option("--server-major", metavar="N", help="The PostgreSQL that it will run on, where no database says it."),
    ] = None,
    survey: Annotated[
        Path | None,
        typer.Option("--survey", metavar="FILE", help="In the place of a database: what lockage survey --save FILE wrote."),
    ] = None,
    statements: Annotated[
        Path | None,
        typer.Option(
            "--statements",
            metavar="FILE",
            help="The running release's: SQL, or pg_stat_statements as CSV or JSON. Default: the profile's, or the database's.",
        ),
    ] = None,
    check_data: Annotated[
        bool,
        typer.Option("--check-data", help="Ask the database, read-only, whether the script would fail on rows that are there."),
    ] = False,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="FORM[=FILE]",
            help=f"{', '.join(Form)}; printed, or written to FILE. Repeatable: one forecast in several forms.",
        ),
    ] = None,
    fail_on: Annotated[
        Severity | None,
        typer.Option("--fail-on", help="Exit code 5 when a hazard is as bad or worse; the forecast is given out all the same."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what migrations will lock, for whom and for how long.

    The migrations are executed on a throw-away PostgreSQL with the schema of the database, or of the earlier migrations,
    and the locks are read after every statement. Without --from and without a database, the newest migration is forecast.

    Examples:

    lockage forecast --migrations db/migrations

    lockage forecast --migrations db/migrations --from 41 --database $URL

    lockage forecast --migrations db/migrations --database $URL --calibrate=read

    lockage forecast --migrations db/migrations --survey production.survey

    lockage forecast --survey demo.survey --to 2.27.8

    lockage forecast --migrations db/migrations --from 41 --statements statements.sql

    lockage forecast --git ~/src/coder --from v2.33.0 --to v2.34.0

    lockage forecast --migrations release.tar.gz --format flyway --set schema=app --server-major 16

    lockage forecast --migrations db/migrations --output text --output html=forecast.html

    lockage forecast demo --to 2.27.8

    lockage forecast coder -n coder --to 2.34.0 --migrations coder-2.34.0/coderd/database/migrations
    """
    outputs = outputs_of(output or (), as_json=as_json)
    source = migrations or git
    if not wanted.name and source is None and survey is None:
        raise UsageError(
            "neither a deployment nor a folder of migrations was given",
            code="LK003",
            hint="lockage forecast --migrations DIR, or lockage forecast NAME --to RELEASE",
        )
    refuse_together({"--migrations": migrations is not None, "--git": git is not None}, command="forecast")
    refuse_together({"--survey": survey is not None, "--database": wanted.database is not None}, command="forecast")
    for option, given in {"--database": wanted.database is not None, "--survey": survey is not None}.items():
        # These know what they run on.
        refuse_together({"--server-major": server_major is not None, option: given}, command="forecast")
    for option, given in {
        "--server-major": server_major is not None,
        "--survey": survey is not None,
        "--format": file_format is not None,
        "--from": from_version is not None,
        "--transaction": transaction is not None,
        "--git": git is not None,
        "--path": path is not None,
        "--set": bool(values),
    }.items():
        # A deployment's profile and ledger say these.
        refuse_together({"NAME": bool(wanted.name), option: given}, command="forecast")
        if survey is not None and source is None and option != "--survey":
            # The file's profile and ledger say these.
            refuse_together({"--survey without --migrations": True, option: given}, command="forecast")
    of_deployments = ("--profile",) if wanted.profile else wanted.kubernetes_flags
    if not wanted.name:
        refuse_together(
            {"--migrations": source is not None, ", ".join(of_deployments): bool(of_deployments)}, command="forecast"
        )
    if not wanted.name and wanted.database is None:
        _refuse_what_asks(calibrate, check_data=check_data, survey=survey)
    invocation = invocation_of(context)
    if source is not None and not wanted.name:
        _check_range(from_version, to, source=source, tagged=git is not None)
        question = FolderQuestion(
            folder=source,
            form=file_format,
            from_version=from_version,
            to_version=to if git is None else None,
            transaction=transaction.value if transaction else None,
            database_url=wanted.database,
            survey=survey,
            tag=to if git is not None else None,
            within=path,
            values=_values(values or ()),
            server_major=server_major,
            measure=calibrate,
            check_data=check_data,
            statements=statements,
        )
        with narrated() as narrate:
            made = forecast_of_folder(question, narrate=narrate)
    elif survey is not None and not wanted.name:
        with narrated() as narrate:
            profile = None if wanted.profile is None else str(wanted.profile)
            made = forecast_of_release(survey, to=to, profile=profile, here=Path.cwd(), narrate=narrate)
    else:
        wanted = replace(wanted, migrations=migrations)
        release = None if statements is None else statements_in(statements)
        made = _of_deployment(invocation, wanted, to, release, measure=calibrate, check_data=check_data)
    give_out(made, outputs)
    if fail_on is not None:
        end_at(made.hazards, fail_on)


def _refuse_what_asks(calibrate: Measure | None, *, check_data: bool, survey: Path | None) -> None:
    """Nothing, where nothing is to be asked of a database that was not given. Raises ``UsageError`` (LK700, LK719)."""
    given, hint = "none was given", "say which: --database URL"
    if survey is not None:
        given, hint = f"{survey} is only a file", f"leave it out, or take --database URL in the place of --survey {survey}"
    if calibrate is not None:
        raise UsageError(f"--calibrate={calibrate} measures the database itself, and {given}", code="LK700", hint=hint)
    if check_data:
        raise UsageError(f"--check-data asks the database itself, and {given}", code="LK719", hint=hint)


def _of_deployment(
    invocation: Invocation,
    wanted: Wanted,
    to: str | None,
    release: RunningRelease | None,
    *,
    measure: Measure | None,
    check_data: bool,
) -> Forecast:
    """What going to the release in one step would do; ``to`` None: to the newest that the profile knows."""
    with opened_deployment(invocation, wanted) as opened:
        seen = look(opened.world)
        running = agreed_release(seen)
        target = normalised(to) if to else _newest(opened.deployment.profile)
        profile = known_here(opened.deployment, seen, target=target)
        legs = route(profile, from_release=running, to_release=target)
        say(notes(), f"{running} to {target} in one step")
        for leg in legs[:-1]:
            say(notes(), f"an advisory leads by way of {leg.to_release}: lockage plan {wanted.name} --to {target}")
        with narrated() as narrate:
            past = past_runs(journals(invocation.folders), opened.deployment.name)
            forecaster = Forecaster(
                deployment=opened.deployment,
                profile=profile,
                narrate=narrate,
                measure=measure,
                check_data=check_data,
                past=past,
                statements=release,
            )
            return forecaster.step(opened.world, seen, running=running, target=target)


def _newest(profile: Profile) -> str:
    known = known_releases(profile)
    if not known:
        raise UsageError(f"profile {profile.name} knows no release by itself", code="LK003", hint="say which: --to RELEASE")
    return known[-1]


def _check_range(from_version: str | None, to: str | None, *, source: Path, tagged: bool) -> None:
    if tagged and to is None:
        raise UsageError("--git needs the tag to go to", code="LK003", hint="say which: --to TAG")
    if to is None or tagged:
        return
    # Flyway's versions look like a release's, which is what is meant more often where there is not even a folder.
    if not to[:1].isdecimal() or ("." in to and not source.expanduser().exists()):
        raise UsageError(
            f"--to {to} is not the number of a migration", code="LK003", hint="with a folder, --to is a migration: --to 12"
        )
    if from_version is not None and to.isdecimal() and from_version.isdecimal() and int(to) <= int(from_version):
        raise UsageError(
            f"--to {to} is not after --from {from_version}: nothing would be left to forecast",
            code="LK003",
            hint="--from is already applied, --to is included",
        )


def _values(said: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise UsageError(f"--set {one} is not NAME=VALUE", code="LK001", hint="such as --set schema=app")
        if found.setdefault(name, value) != value:
            raise UsageError(
                f"--set gives {name} two values",
                code="LK001",
                hint=f"leave one out; lockage forecast once for each, where both are wanted: --set {name}=VALUE",
            )
    return found
