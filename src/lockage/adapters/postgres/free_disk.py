"""How much room the server's disk has, where the server runs on this very host.

Not by SQL: PostgreSQL tells nobody. The surprising thing: an address on this host proves nothing, since a port that is
forwarded or published leads to a server elsewhere, with a directory of the same name. So the server is believed to be here only
when the directory has the very postmaster's file: its port and its start.

Code: LK630 the free disk cannot be seen from here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lockage.adapters.postgres.pid_file import read_pid_file
from lockage.errors import RefusedError

START_S = 60.0
"""How much later than its file the server may say that it started: it recovers shared memory and opens its sockets between."""


def free_disk_bytes(place: Mapping[str, Any]) -> int:
    """Free bytes of the file system of the data directory, of ``pg_wal`` or of a tablespace, whichever has least.

    ``place`` as ``select_data_place.sql`` gives it. Raises ``RefusedError`` (LK630) with the reason where that cannot be seen.
    """
    if place["data_directory"] is None:
        raise _unseen("the role may not see where the data directory is", hint="as a member of pg_read_all_settings")
    directory = Path(place["data_directory"])
    try:
        if not _is_of_this_server(directory, place):
            raise _unseen(
                "the server is not on this host", hint="df on the server's host, kubectl exec in its pod, its provider"
            )
        return min(shutil.disk_usage(each).free for each in _file_systems(directory))
    except OSError as error:
        raise _unseen(f"the data directory cannot be read ({error.strerror})", hint="df on the server's host") from error


def _is_of_this_server(directory: Path, place: Mapping[str, Any]) -> bool:
    file = read_pid_file(directory)
    if file is None or file.port != place["port"]:
        return False
    return -1.0 <= place["started_s"] - file.started_s <= START_S


def _file_systems(directory: Path) -> Iterator[Path]:
    yield directory
    yield from (each for each in (directory / "pg_wal", *(directory / "pg_tblspc").iterdir()) if each.exists())


def _unseen(why: str, *, hint: str) -> RefusedError:
    return RefusedError(why, code="LK630", hint=hint)
