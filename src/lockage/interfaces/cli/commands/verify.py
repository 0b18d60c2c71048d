"""``lockage verify NAME``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from lockage.core.facts import Check
from lockage.errors import FindingsError
from lockage.flows.verify import verify as verify_deployment
from lockage.interfaces.cli.console import answers, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened
from lockage.interfaces.cli.options import Json, names_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.flags import Wanted

app = command_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What ``lockage verify --json`` prints."""

    schema: str = "lockage.verification/1"
    deployment: str
    ok: bool
    checks: tuple[Check, ...]


@app.command()
@names_deployment
def verify(
    context: typer.Context,
    wanted: Wanted,
    *,
    release: Annotated[
        str | None, typer.Option("--release", metavar="RELEASE", help="The release that should run. Default: the wanted one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check version, ledger, health and service of a deployment.

    Health is not service: the profile's own requests are made on every replica. Exit code 5 when anything is not well.
    """
    with opened(invocation_of(context), wanted) as world:
        checks = verify_deployment(world, release=release)
    failed = [check for check in checks if not check.ok]
    if as_json:
        print_json(Verification(deployment=wanted.name, ok=not failed, checks=checks))
    else:
        console = answers()
        for check in checks:
            say(console, f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.text}", style=None if check.ok else "red")
    if failed:
        raise FindingsError(
            f"{len(failed)} of {len(checks)} checks of {wanted.name} failed", code="LK011", hint=f"lockage survey {wanted.name}"
        )
