"""``lockage verify NAME``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from msgspec import structs
from rich.console import Console

from lockage.core.catalog.drift import Drift
from lockage.core.facts import Check
from lockage.errors import FindingsError
from lockage.flows.drift import Comparison, compare
from lockage.flows.verify import verify as verify_deployment
from lockage.interfaces.cli.console import answers, narrated, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened_deployment
from lockage.interfaces.cli.options import Json, MigrationsFolder, names_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.flags import Wanted
from lockage.interfaces.wiring import shadows_of

app = command_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What ``lockage verify --json`` prints."""

    schema: str = "lockage.verification/1"
    deployment: str
    ok: bool
    checks: tuple[Check, ...]
    catalog_version: int | None = None  # migration up to which a clean run was compared; None: not compared
    drift: tuple[Drift, ...] = ()  # where the catalog differs from that run's, with the SQL that repairs it


@app.command()
@names_deployment
def verify(
    context: typer.Context,
    wanted: Wanted,
    *,
    release: Annotated[
        str | None, typer.Option("--release", metavar="RELEASE", help="The release that should run. Default: the wanted one.")
    ] = None,
    catalog: Annotated[
        bool | None,
        typer.Option(
            "--catalog/--no-catalog",
            help="Compare the catalog with the one that a clean run of the migrations makes. Default: where that is quick.",
        ),
    ] = None,
    migrations: MigrationsFolder = None,
    as_json: Json = False,
) -> None:
    """Check version, ledger, health, service and schema of a deployment.

    Health is not service: the profile's own requests are made on every replica. And a full ledger is no schema: the catalog is
    held against the one that a clean run of the migrations makes. Exit code 5 when anything is not well.
    """
    wanted = structs.replace(wanted, migrations=migrations)
    with narrated() as narrate, opened_deployment(invocation_of(context), wanted) as found:
        checks = verify_deployment(found.world, release=release)
        compared = Comparison(version=None)
        if catalog is not False:
            shadows = shadows_of(found.deployment)
            compared = compare(found.world, shadows, asked=catalog is True, narrate=narrate)
            checks = (*checks, compared.check)
    failed = [check for check in checks if not check.ok]
    answer = Verification(
        deployment=wanted.name,
        ok=not failed,
        checks=checks,
        catalog_version=compared.version,
        drift=compared.drifts,
    )
    if as_json:
        print_json(answer)
    else:
        _show(answer, answers())
    if failed:
        raise FindingsError(
            f"{len(failed)} of {len(checks)} checks of {wanted.name} failed", code="LK011", hint=f"lockage survey {wanted.name}"
        )


def _show(answer: Verification, console: Console) -> None:
    for check in answer.checks:
        say(console, f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.text}", style=None if check.ok else "red")
    for drift in answer.drift:
        say(console, "")
        say(console, f"{'drift' if drift.harmful else 'beside'}: {drift.text}")
        for statement in drift.repair:
            say(console, f"  {'-- look first: ' if drift.destructive else ''}{statement};")
