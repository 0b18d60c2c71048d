"""Log lines as people read them in ``kubectl logs``: time, level, sentence, fields.

Not a logging framework: one process writes one stream. The surprising thing: every line is flushed at once, for the last line
before a SIGKILL is the one that somebody will want.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime


def info(message: str, **fields: object) -> None:
    """Write that something went as it should."""
    _write("info", message, fields)


def warn(message: str, **fields: object) -> None:
    """Write that something went wrong and towpath goes on."""
    _write("warn", message, fields)


def error(message: str, **fields: object) -> None:
    """Write that something went wrong and towpath cannot do what it was asked."""
    _write("erro", message, fields)


def one_line(failure: BaseException) -> str:
    """The failure as one line, however the server wrapped it."""
    return " ".join(str(failure).split()) or type(failure).__name__


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    moment = datetime.now(tz=UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    tail = "".join(f"  {name}={_quoted(value)}" for name, value in fields.items())
    print(f"{moment} [{level}]  {message}{tail}", file=sys.stderr, flush=True)  # noqa: T201  # the log itself


def _quoted(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text or not text else text
