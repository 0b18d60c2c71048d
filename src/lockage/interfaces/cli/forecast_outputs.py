"""``--output``: what a forecast is given out as, and where to.

Not for how an output looks (``forecast_view``, ``interfaces.forecast_pages``). The surprising thing: one forecast may go out in
several forms at once, because a pull request wants Markdown, code scanning SARIF and a person a page, and a second run could
tell them different things.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console

from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.quoted_names import with_quoted_names
from lockage.errors import RefusedError, UsageError
from lockage.interfaces.cli.console import PIPE_WIDTH, answers
from lockage.interfaces.cli.forecast_view import show_forecast
from lockage.interfaces.cli.options import refuse_together
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.output_file import require_place


class Form(StrEnum):
    """What a forecast can be given out as."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    HTML = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One of the forms, and the file that it is written to; None: standard output."""

    form: Form
    file: Path | None = None


def outputs_of(said: Sequence[str], *, as_json: bool) -> tuple[Output, ...]:
    """What was asked for as ``FORM`` or ``FORM=FILE``; the text on standard output where nothing goes there otherwise.

    Raises ``UsageError``: LK685 for what is no such form, LK686 for a file that is named twice or in no folder, LK003 for two
    outputs on standard output.
    """
    wanted = list(dict.fromkeys(_output(one) for one in said))
    if as_json and Output(form=Form.JSON) not in wanted:
        wanted.append(Output(form=Form.JSON))
    printed = [one for one in wanted if one.file is None]
    asked = {("--json" if as_json and one.form is Form.JSON else f"--output {one.form}"): True for one in printed}
    refuse_together(asked, command="forecast")
    files = [one.file for one in wanted if one.file is not None]
    for file in files:
        _refuse_file(file, files)
    return (*wanted, *(() if wanted else (Output(form=Form.TEXT),)))


def _output(said: str) -> Output:
    name, equals, file = said.partition("=")
    if name not in list(Form) or (equals and not file):
        raise UsageError(
            f"--output {said} is none of {', '.join(Form)}, nor one of them with =FILE",
            code="LK685",
            hint="such as --output html=forecast.html",
        )
    return Output(form=Form(name), file=Path(file).expanduser() if equals else None)


def _refuse_file(file: Path, files: Sequence[Path]) -> None:
    if files.count(file) > 1:
        raise UsageError(f"two outputs would go to {file}", code="LK686", hint="name a file for each")
    require_place(file)


def give_out(forecast: Forecast, outputs: Sequence[Output]) -> None:
    """Write every file, then print what goes to standard output.

    Raises ``RefusedError`` (LK687) for a file, or standard output, that cannot be written; files before it are there then.
    """
    for_people = with_quoted_names(forecast)
    for output in sorted(outputs, key=lambda one: one.file is None):
        shown = forecast if output.form is Form.JSON else for_people
        if output.file is not None:
            _write(output.file, rendered(shown, output.form))
            continue
        try:
            _print(shown, output.form)
            sys.stdout.flush()
        except BrokenPipeError:
            raise  # whoever reads has seen enough
        except OSError as error:
            raise RefusedError(
                f"the forecast cannot be printed: {error.strerror}", code="LK687", hint="write it to a file: --output FORM=FILE"
            ) from error


def _print(forecast: Forecast, form: Form) -> None:
    if form is Form.TEXT:
        show_forecast(forecast, answers())
    elif form is Form.JSON:
        print_json(forecast)
    else:
        sys.stdout.buffer.write(rendered(forecast, form))
        sys.stdout.buffer.flush()


def rendered(forecast: Forecast, form: Form) -> bytes:
    """The forecast in one of the forms, as a file holds it."""
    match form:
        case Form.TEXT:
            return _text(forecast)
        case Form.JSON:
            return msgspec.json.format(msgspec.json.encode(forecast), indent=2) + b"\n"
        case Form.MARKDOWN:
            from lockage.interfaces.forecast_pages.markdown import markdown  # noqa: PLC0415 - late: few ask for it

            return markdown(forecast).encode()
        case Form.SARIF:
            from lockage.interfaces.forecast_pages.rules import rules  # noqa: PLC0415 - as above
            from lockage.interfaces.forecast_pages.sarif import sarif  # noqa: PLC0415

            return sarif(forecast, version=version("lockage"), root=Path.cwd(), rules=rules())
        case Form.HTML:
            from lockage.interfaces.forecast_pages.html import html  # noqa: PLC0415 - as above

            return html(forecast, version=version("lockage")).encode()


def _text(forecast: Forecast) -> bytes:
    console = Console(width=PIPE_WIDTH, markup=False, emoji=False, highlight=False, color_system=None, force_terminal=False)
    with console.capture() as captured:
        show_forecast(forecast, console)
    return captured.get().encode()


def _write(file: Path, content: bytes) -> None:
    """The whole file, or none of it: whoever looks meanwhile sees the former one."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        beside.write_bytes(content)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RefusedError(
            f"{file} cannot be written: {error.strerror}", code="LK687", hint="choose another file, or print it: --output FORM"
        ) from error
