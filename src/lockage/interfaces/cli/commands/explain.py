"""``lockage explain [CODE]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer

from lockage.core.diagnosis.findings import Cause
from lockage.core.forecast.hazards.kinds import Example, HazardKind
from lockage.errors import UsageError
from lockage.interfaces import hazards
from lockage.interfaces.causes import CauseEntry, causes, described
from lockage.interfaces.cli.console import answers, plain_table, say
from lockage.interfaces.cli.invocation import command_app
from lockage.interfaces.cli.options import Json
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.error_codes import ErrorCode, error_codes
from lockage.interfaces.hazards import HazardEntry, example_lines, hazard_kinds

app = command_app()


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be explained."""

    schema: str = "lockage.explained/1"
    errors: tuple[ErrorCode, ...]
    causes: tuple[CauseEntry, ...]
    hazards: tuple[HazardEntry, ...] = ()


@app.command()
def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="CODE", help="Of an error (LK201), a cause (F017) or a hazard (H010); all when left out."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what an error code, a cause that a diagnosis names, or a hazard means."""
    if code is None:
        _show_all(as_json=as_json)
        return
    wanted = code.strip().upper()
    entry = next((known for known in error_codes() if known.code == wanted), None)
    if wanted in causes():
        _show_cause(wanted, causes(), as_json=as_json)
    elif wanted in hazard_kinds():
        _show_hazard(wanted, hazard_kinds()[wanted], as_json=as_json)
    elif entry is None:
        raise UsageError(f"there is no error code and no cause or hazard {code!r}", code="LK007", hint="lockage explain")
    elif as_json:
        print_json(entry)
    else:
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


def _show_hazard(code: str, kind: HazardKind, *, as_json: bool) -> None:
    if as_json:
        print_json(HazardEntry(code=code, hazard=kind))
        return
    console = answers()
    say(console, f"{code}: {kind.title}", style="bold")
    for heading, text in hazards.described(kind):
        say(console, "")
        say(console, f"{heading}: {text}")
    for heading, example in (("Bad", kind.bad), ("Good", kind.good)):
        _show_example(heading, example)


def _show_example(heading: str, example: Example) -> None:
    console = answers()
    say(console, "")
    say(console, f"{heading}:")
    for line in example_lines(example):
        say(console, f"  {line}")


def _show_all(*, as_json: bool) -> None:
    codes, catalogue, kinds = error_codes(), causes(), hazard_kinds()
    if as_json:
        entries = tuple(CauseEntry(code=code, cause=cause) for code, cause in catalogue.items())
        dangers = tuple(HazardEntry(code=code, hazard=kind) for code, kind in kinds.items())
        print_json(Explained(errors=codes, causes=entries, hazards=dangers))
        return
    console = answers()
    table = plain_table("code", "cause, as lockage diagnose names it")
    for code, cause in catalogue.items():
        table.add_row(code, cause.title)
    console.print(table)
    say(console, "")
    table = plain_table("code", "hazard, as lockage forecast names it")
    for code, kind in kinds.items():
        table.add_row(code, kind.title)
    console.print(table)
    say(console, "")
    table = plain_table("code", "exit", "error")
    for entry in codes:
        table.add_row(entry.code, str(entry.exit_code), entry.meaning)
    console.print(table)
