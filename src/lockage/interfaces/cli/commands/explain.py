"""``lockage explain [CODE]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer

from lockage.core.diagnosis.findings import Cause
from lockage.errors import UsageError
from lockage.interfaces.causes import CauseEntry, causes, described
from lockage.interfaces.cli.console import answers, plain_table, say
from lockage.interfaces.cli.invocation import command_app
from lockage.interfaces.cli.options import Json
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.error_codes import ErrorCode, error_codes

app = command_app()


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be explained."""

    schema: str = "lockage.explained/1"
    errors: tuple[ErrorCode, ...]
    causes: tuple[CauseEntry, ...]


@app.command()
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="Of an error (LK201) or a cause (F017); all when left out.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what an error code means, or a cause that a diagnosis names."""
    codes, catalogue = error_codes(), causes()
    if code is None:
        _show_all(codes, catalogue, as_json=as_json)
        return
    wanted = code.strip().upper()
    if wanted in catalogue:
        _show_cause(wanted, catalogue, as_json=as_json)
        return
    entry = next((known for known in codes if known.code == wanted), None)
    if entry is None:
        raise UsageError(f"there is no error code and no cause {code!r}", code="LK007", hint="lockage explain")
    if as_json:
        print_json(entry)
        return
    console = answers()
    say(console, f"{entry.code}: {entry.meaning}")
    say(console, f"Exit code {entry.exit_code} ({entry.group}). {entry.state}")


def _show_cause(code: str, catalogue: Mapping[str, Cause], *, as_json: bool) -> None:
    cause = catalogue[code]
    if as_json:
        print_json(CauseEntry(code=code, cause=cause))
        return
    console = answers()
    say(console, f"{code}: {cause.title}", style="bold")
    for heading, text in described(cause):
        say(console, "")
        say(console, f"{heading}: {text}")
    followed = [other for other in cause.because_of if other in catalogue]
    if followed:
        say(console, "")
        say(console, "May follow from:")
        for other in followed:
            say(console, f"  {other} {catalogue[other].title}")


def _show_all(codes: tuple[ErrorCode, ...], catalogue: Mapping[str, Cause], *, as_json: bool) -> None:
    if as_json:
        entries = tuple(CauseEntry(code=code, cause=cause) for code, cause in catalogue.items())
        print_json(Explained(errors=codes, causes=entries))
        return
    console = answers()
    table = plain_table("code", "cause, as lockage diagnose names it")
    for code, cause in catalogue.items():
        table.add_row(code, cause.title)
    console.print(table)
    say(console, "")
    table = plain_table("code", "exit", "error")
    for entry in codes:
        table.add_row(entry.code, str(entry.exit_code), entry.meaning)
    console.print(table)
