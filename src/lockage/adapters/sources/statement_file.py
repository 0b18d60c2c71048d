"""A file with the running release's statements, as text.

Not for knowing what is in it (``core.release.statement_files``). The surprising thing: ``-`` is standard input, so that psql's
output can be piped in.

Codes: LK707 it cannot be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lockage.errors import UsageError

FILE_LIMIT_BYTES = 64 * 1024 * 1024
"""Five thousand statements of pg_stat_statements are some ten megabytes."""


def read_statement_text(path: Path) -> str:
    """The text of a file, or of standard input. Raises UsageError (LK707) where it is none, too large or not UTF-8."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(FILE_LIMIT_BYTES + 1)
        else:
            with path.expanduser().open("rb") as file:
                data = file.read(FILE_LIMIT_BYTES + 1)
        if len(data) > FILE_LIMIT_BYTES:
            raise UsageError(
                f"{path} is larger than {FILE_LIMIT_BYTES >> 20} MiB",
                code="LK707",
                hint="export fewer statements: select query from pg_stat_statements order by calls desc limit 20000",
            )
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 (byte {error.start})", code="LK707", hint="export it with PGCLIENTENCODING=UTF8"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}", code="LK707", hint="check the path and its permissions"
        ) from error
