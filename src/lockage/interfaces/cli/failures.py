"""The one place where a failure becomes words on standard error and an exit code.

Not for deciding what a failure means: its class does (``lockage.errors``). The surprising thing: the two codes above 5 are
the shell's own (128 + signal), for Ctrl-C and for a reader that went away; they say nothing about the work.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lockage.core.redaction import mask_secrets
from lockage.errors import LockageError

DEFECT_EXIT = 1
INTERRUPTED_EXIT = 130  # 128 + SIGINT
BROKEN_PIPE_EXIT = 141  # 128 + SIGPIPE

DEBUG_VARIABLE = "LOCKAGE_DEBUG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure as programs get it on standard error (``lockage.error/1``)."""

    schema: str = "lockage.error/1"
    code: str
    message: str
    hint: str | None
    exit_code: int


def of_error(error: LockageError) -> Failure:
    """What there is to say of a failure that Lockage reports on purpose."""
    return Failure(
        code=error.code,
        message=mask_secrets(error.message),
        hint=mask_secrets(error.hint) if error.hint else None,
        exit_code=error.exit_code,
    )


def of_defect(error: BaseException, *, log: Path | None) -> Failure:
    """What there is to say of an exception that nobody foresaw."""
    what = mask_secrets(f"{type(error).__name__}: {error}".rstrip(": "))
    where = f"the log holds the details: {log}" if log else f"{DEBUG_VARIABLE}=1 shows the details"
    return Failure(code="LK000", message=f"this is a defect of Lockage: {what}", hint=where, exit_code=DEFECT_EXIT)


def tell(failure: Failure, *, as_json: bool) -> None:
    """Write the failure to standard error: one JSON object, or a sentence, its code and the hint."""
    if as_json:
        import msgspec  # noqa: PLC0415 - late: a failing command need not wait for it

        print(msgspec.json.encode(failure).decode(), file=sys.stderr)  # noqa: T201
        return
    from lockage.interfaces.cli.console import notes, say  # noqa: PLC0415 - late, as above

    console = notes()
    say(console, f"error {failure.code}: {failure.message}", style="red")
    if failure.hint:
        say(console, f"hint: {failure.hint}")
