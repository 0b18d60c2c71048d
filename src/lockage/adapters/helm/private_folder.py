"""A folder for one rollout that nobody else may read: the user's values lie in it, secrets among them.

Not for anything that must last. The surprising thing: it also removes what earlier processes left. One that is killed between
two runs of ``helm`` cannot, and then nobody else would.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "lockage-helm-"


@contextmanager
def private_folder(within: Path | None = None) -> Generator[Path]:
    """The folder, gone at the end; it lies in another one, or where temporary files do."""
    within = within or Path(tempfile.gettempdir())
    _remove_left_over(within)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=within, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _remove_left_over(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", left.name)
        if owner is not None and not lives(int(owner[1])):
            shutil.rmtree(left, ignore_errors=True)  # those of other users stay: we may not remove them


def lives(pid: int) -> bool:
    """Whether a process of that number is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
