"""The user's own backup, run before anything is destroyed: it must succeed, or nothing is done.

Not for making backups: what it does is its own business. The surprising thing: there is no time limit, because a backup takes
as long as it takes, and one that was cut off is none.

Code: LK590.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping

from lockage.core.redaction import mask_secrets
from lockage.errors import LockageError, RefusedError


def run_backup(command: str, *, environment: Mapping[str, str]) -> None:
    """Run it, split into words as a shell would, and without one. Raises ``RefusedError`` (LK590) unless it ends with 0."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise _failed(command, f"it is no command line: {error}") from error
    if not words:
        raise _failed(command, "it is empty")
    try:
        done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, capture_output=True, env=dict(environment))
    except FileNotFoundError as error:
        raise _failed(words[0], "it is not installed") from error
    except OSError as error:
        raise _failed(words[0], error.strerror or "it does not run") from error
    if done.returncode != 0:
        said = mask_secrets(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
        raise _failed(words[0], f"it ended with {done.returncode}" + (f": {said}" if said else ""))


def _failed(command: str, what: str) -> LockageError:
    return RefusedError(
        f"the backup command {command} did not succeed, and nothing was changed: {what}",
        code="LK590",
        hint="run it yourself, then the same command again",
    )
