"""``lockage explain [CODE]``."""

from __future__ import annotations

from typing import Annotated

import typer

from lockage.errors import UsageError
from lockage.interfaces.cli.console import answers, plain_table, say
from lockage.interfaces.cli.invocation import command_app
from lockage.interfaces.cli.options import Json
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.error_codes import ErrorCode, error_codes

app = command_app()


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="Such as LK201; all when left out.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what an error code means."""
    codes = error_codes()
    if code is None:
        _show_all(codes, as_json=as_json)
        return
    entry = next((known for known in codes if known.code == code.upper()), None)
    if entry is None:
        raise UsageError(f"there is no error code {code!r}", code="LK007", hint="lockage explain")
    if as_json:
        print_json(entry)
        return
    console = answers()
    say(console, f"{entry.code}: {entry.meaning}")
    say(console, f"Exit code {entry.exit_code} ({entry.group}). {entry.state}")


def _show_all(codes: tuple[ErrorCode, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(codes)
        return
    table = plain_table("code", "exit", "meaning")
    for entry in codes:
        table.add_row(entry.code, str(entry.exit_code), entry.meaning)
    answers().print(table)
