"""``lockage profile``: write one from what runs, or check one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockage.core.wording import counted
from lockage.interfaces.cli.console import answers, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import found
from lockage.interfaces.cli.options import names_deployment
from lockage.interfaces.cli.output_file import require_place
from lockage.interfaces.deployments import profile_in, unwritable
from lockage.interfaces.flags import Wanted

app = command_app()


@app.callback()
def profile() -> None:
    """Write a profile from a deployment that runs, or check one."""


@app.command()
@names_deployment
def init(
    context: typer.Context,
    wanted: Wanted,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: standard output.")] = None,
) -> None:
    """Write a first profile from a deployment on Kubernetes.

    It has image, labels, container, probes, what the chart calls its values, the variable with the database's address, and
    the ledger, for a person to read and correct. Lines with CHECK were guessed, or could not be seen.

    No secret is written. Changes nothing on the cluster.

    Example: lockage profile init shop -n shop -o shop.toml
    """
    from lockage.interfaces.sketching import sketched  # noqa: PLC0415 - late: profile check needs none of it

    output = None if output is None else require_place(output)
    text = sketched(found(invocation_of(context), wanted), say=lambda line: say(notes(), line))
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(output, error) from error
    say(notes(), f"written to {output}; read it, then: lockage profile check {output}")


@app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A profile.")]) -> None:
    """Check that a file is a valid profile; names the key that is not."""
    checked = profile_in(file)
    left = sum("CHECK" in line for line in file.read_text(encoding="utf-8").splitlines())
    say(answers(), f"{file} is a valid profile of {checked.title}")
    if left:
        say(notes(), f"{counted(left, 'line')} still {'says' if left == 1 else 'say'} CHECK")
