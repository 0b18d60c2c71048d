"""``lockage bundle NAME``: everything that the vendor will ask for, in one file, without a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from lockage.core.bundle.manifest import BundleAnswer
from lockage.core.wording import counted, duration
from lockage.interfaces.bundling import bundle as made_bundle
from lockage.interfaces.cli.commands.diagnose import CatalogCompared, named
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import found
from lockage.interfaces.cli.options import Json, MigrationsFolder, may_name_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.output_file import require_place
from lockage.interfaces.flags import Wanted
from lockage.settings import Bundling

app = command_app()

LIMIT_S = Bundling().limit_s

SHOWN = 8
"""Lines of what is not in it; the manifest has all."""


@app.command()
@may_name_deployment
def bundle(
    context: typer.Context,
    wanted: Wanted,
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to write it: a .tar.gz, or a folder. Default: here."),
    ] = None,
    ip_addresses: Annotated[bool, typer.Option("--ip-addresses", help="Mask IP addresses, too.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="With the database's schema, by pg_dump; not while a migration runs.")
    ] = False,
    catalog: CatalogCompared = False,
    migrations: MigrationsFolder = None,
    limit_s: Annotated[
        float, typer.Option("--limit", metavar="SECONDS", min=2.0, help="Longest time to collect. What is deaf is named.")
    ] = LIMIT_S,
    as_json: Json = False,
) -> None:
    """Collect all that the vendor will ask for, without a secret in it, also when the application is down.

    Changes nothing and waits for no lock. Passwords, tokens, keys, people's e-mail addresses and the values in statements are
    masked, each by the same token wherever it occurs, and every file is looked at once more before it is written.
    """
    invocation = invocation_of(context)
    if output is not None and not output.expanduser().is_dir():
        output = require_place(output)
    wanted = msgspec.structs.replace(named(wanted), migrations=migrations)
    located = found(invocation, wanted)
    invocation.log.write("begun", arguments=invocation.arguments)
    with narrated() as narrate:
        answer = made_bundle(
            located,
            folders=invocation.folders,
            output=output,
            here=Path.cwd(),
            limit_s=limit_s,
            ip_addresses=ip_addresses,
            schema=schema,
            catalog=catalog,
            say=lambda line: say(notes(), line),
            glimpse=narrate,
        )
    invocation.log.write("done", file=answer.file)
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _show(answer: BundleAnswer) -> None:
    console, manifest = answers(), answer.manifest
    size = f"{answer.size_bytes / 1024:.0f} KiB"
    say(console, answer.file)
    say(console, f"{size}, {counted(len(manifest.files) + 1, 'file')}, in {duration(manifest.took_s)}; nothing was changed")
    masked = sum(manifest.masking.tokens.values())
    say(console, f"masked: {counted(masked, 'place')}, {counted(manifest.masking.different, 'different secret')}")
    lines = [f"left out: {one.what}: {one.why}" for one in manifest.dropped]
    lines += [f"not seen: {one.source}: {one.why}" for one in manifest.missing]
    lines += [f"cut: {one.what}: {one.cut}" for one in manifest.files if one.cut]
    for line in lines[:SHOWN]:
        say(console, line, style="yellow")
    if len(lines) > SHOWN:
        say(console, f"and {len(lines) - SHOWN} more: manifest.json has them", style="yellow")
    say(console, "")
    say(console, f"look through it before you send it: tar -xzf {answer.file}, then open index.html")
    if answer.contact:
        say(console, f"send it to {answer.vendor or 'the vendor'}: {answer.contact}")
    say(console, f"the diagnosis in it, on any machine: lockage diagnose --from {answer.file}")
