"""``lockage diagnose NAME``: what is wrong, why, how sure that is, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from lockage.core.diagnosis.findings import Case, Diagnosis
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.values import without_values
from lockage.errors import FindingsError, UsageError
from lockage.interfaces.bundling import secrets_of
from lockage.interfaces.cases import read_case, save_case
from lockage.interfaces.causes import causes
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.diagnosis_view import show_diagnosis
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.opening import found
from lockage.interfaces.cli.options import Json, MigrationsFolder, may_name_deployment, refuse_together
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.output_file import require_place
from lockage.interfaces.deployments import profile_named
from lockage.interfaces.diagnosing import collected, diagnosed, masked, without_secrets
from lockage.interfaces.flags import Wanted
from lockage.settings import Collecting

app = command_app()

LIMIT_S = Collecting().limit_s
CATALOG_S = Collecting().catalog_s

CatalogCompared = Annotated[
    bool,
    typer.Option(
        "--catalog",
        help="Compare the schema with the one that a clean run of the migrations makes, too. That has a time of its own, "
        f"whatever --limit says: {CATALOG_S:g} seconds, of which a migration takes about 25 ms.",
    ),
]


@app.command()
@may_name_deployment
def diagnose(
    context: typer.Context,
    wanted: Wanted,
    *,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Judge a bundle, or evidence that --save wrote, instead.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Write the evidence to a file, without secrets. Masking comes after --limit: a few "
            "seconds where logs are long.",
        ),
    ] = None,
    limit_s: Annotated[
        float, typer.Option("--limit", metavar="SECONDS", min=1.0, help="Longest time to look. What is deaf is named.")
    ] = LIMIT_S,
    catalog: CatalogCompared = False,
    migrations: MigrationsFolder = None,
    values: Annotated[
        bool, typer.Option("--values", help="Show the values in statements, too. They may be people's, and are *** without it.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All evidence, and every cause that was ruled out.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a deployment, why, how sure that is, and what to type next.

    Needs no profile and no file: an application that nobody has described is found by -n NAMESPACE. Looks for ten seconds
    at most, with read rights only, changes nothing and waits for no lock. Exit code 5 when it is not well.

    Where there is no metrics server, and you may exec, `cat` reads the memory and CPU in use in three replicas at most.
    """
    invocation = invocation_of(context)
    for other, given in (("NAME", bool(wanted.name)), ("--catalog", catalog)):
        refuse_together({other: given, "--from": from_file is not None}, command="diagnose")
    save = None if save is None else require_place(save)
    wanted = msgspec.structs.replace(wanted, migrations=migrations)
    if from_file is not None:
        case = _read(wanted, from_file)
    else:
        case = _collected(invocation, wanted, limit_s=limit_s, catalog=catalog)
    diagnosis = diagnosed(case)
    # What was saved has none any more, but tokens in their place, which tell the same from another.
    diagnosis = masked(diagnosis if values or from_file is not None else without_values(diagnosis, case))
    if as_json:
        print_json(diagnosis)
    else:
        further = _further(case, diagnosis) if from_file is None and not catalog else None
        show_diagnosis(diagnosis, answers(), causes=causes(), verbose=verbose, further=further)
    if save is not None:  # behind the answer, for masking takes its time
        located = found(invocation, named(wanted)) if from_file is None else None
        save_case(case, save, masked=without_secrets(case, teach=secrets_of(located) if located is not None else None))
    _end(diagnosis)


def _read(wanted: Wanted, file: Path) -> Case:
    profile = profile_named(str(wanted.profile), here=Path.cwd()) if wanted.profile is not None else None
    return read_case(file, profile=profile)


def _collected(invocation: Invocation, wanted: Wanted, *, limit_s: float, catalog: bool) -> Case:
    located = found(invocation, named(wanted))
    invocation.log.write("begun", arguments=invocation.arguments)
    with narrated() as narrate:
        return collected(located, limit_s=limit_s, say=lambda line: say(notes(), line), glimpse=narrate, catalog=catalog)


def _further(case: Case, diagnosis: Diagnosis) -> str | None:
    """The look that was left out where all else is well, and could be made."""
    if not diagnosis.healthy or diagnosis.findings or not case.known or not case.script:
        return None
    return f"Not compared: the schema with that of a clean run. {lockage(case, 'diagnose', '--catalog')} does that."


def named(wanted: Wanted) -> Wanted:
    """The deployment as it is named; where only the namespace is, that is its name too."""
    if wanted.name or not wanted.means_kubernetes:
        if not wanted.name:
            raise UsageError(
                "no deployment is named", code="LK605", hint="lockage diagnose demo; lockage diagnose -n NAMESPACE"
            )
        return wanted
    return msgspec.structs.replace(wanted, name=wanted.namespace or "deployment")


def _end(diagnosis: Diagnosis) -> None:
    if diagnosis.healthy:
        return
    trouble = [finding for finding in diagnosis.findings if not finding.harmless]
    if not trouble:
        message = f"what is wrong with {diagnosis.deployment} was not found out"
        raise FindingsError(message, code="LK603", hint=f"lockage bundle {diagnosis.deployment}")
    first = trouble[0]
    more = f", and {len(trouble) - 1} more" if len(trouble) > 1 else ""
    raise FindingsError(f"{first.code} in {diagnosis.deployment}: {first.cause}{more}", code="LK603", hint=first.next)
