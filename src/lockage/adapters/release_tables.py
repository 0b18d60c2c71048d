"""Tables of releases that this machine has read once, kept so that nobody needs a checkout at night.

Not for what a profile says. The surprising thing: a table that cannot be read is as good as none: it is a cache.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lockage.core.release.fits import ReleaseTable


def kept_table(folder: Path, profile: str) -> ReleaseTable | None:
    """The table that was kept for the profile; None where there is none, or it cannot be read."""
    try:
        return msgspec.json.decode(_file(folder, profile).read_bytes(), type=ReleaseTable)
    except (OSError, msgspec.MsgspecError):
        return None


def keep_table(folder: Path, profile: str, table: ReleaseTable) -> bool:
    """Keep a table for the profile; whether that worked: a full disk must not hide the answer."""
    file = _file(folder, profile)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(table))
        beside.replace(file)
    except OSError:
        return False
    return True


def _file(folder: Path, profile: str) -> Path:
    return folder / f"{profile}.json"
