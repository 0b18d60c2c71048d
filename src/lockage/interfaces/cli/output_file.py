"""Whether a file that a command is to write has a place, asked before the work whose answer would go there.

Not for writing it. The surprising thing: a missing folder is refused and not made, by every command alike, since it is a slip
of the keyboard more often than a wish, and would hide the file where nobody looks for it.

Codes: LK686 it is a folder, no ordinary file, or in a folder that does not exist.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from lockage.errors import UsageError


def require_place(file: Path) -> Path:
    """The file, with the user's own folder for ``~``. Raises ``UsageError`` (LK686) where it cannot be one."""
    file = file.expanduser()
    if file.is_dir():
        raise UsageError(f"{file} is a folder", code="LK686", hint=f"name a file in it: {shlex.quote(str(file / 'NAME'))}")
    if file.exists() and not file.is_file():
        # Files are written beside their place and renamed, which would put one in the place of /dev/stdout.
        raise UsageError(f"{file} is no ordinary file", code="LK686", hint="name a file, or leave the option out and print it")
    folder = file.absolute().parent
    if folder.is_dir():
        return file
    if folder.exists():
        raise UsageError(f"{file} is in {folder}, which is no folder", code="LK686", hint="name a file in a folder that exists")
    raise UsageError(
        f"{file} is in a folder that does not exist", code="LK686", hint=f"mkdir -p {shlex.quote(str(file.parent))}"
    )
