"""The user's own advisories: those of the configuration folder, and those of the files that a command line names.

Not for merging them (``core.release.advisory_files``). The surprising thing: the folder may hold advisories of any application,
each file saying whose, but a file that is named for one command must be of the application that the command is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockage.core.release.advisory_files import AdvisoryFile, parse_advisories, with_advisories
from lockage.core.release.profile import Profile
from lockage.errors import UsageError
from lockage.interfaces.folders import Folders


def kept_advisories(folders: Folders) -> tuple[AdvisoryFile, ...]:
    """Those of ``advisories/*.toml`` in the configuration folder, by name. Raises ``UsageError`` (LK540)."""
    folder = folders.configuration / "advisories"
    return tuple(advisories_in(file) for file in sorted(folder.glob("*.toml")) if file.is_file())


def advisories_in(file: Path) -> AdvisoryFile:
    """Those of one file. Raises ``UsageError`` (LK540)."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="LK540", hint="give a file of advisories") from error
    return parse_advisories(content, file=str(file))


def advised(profile: Profile, *, kept: Sequence[AdvisoryFile], named: Sequence[AdvisoryFile]) -> Profile:
    """The profile with the user's advisories.

    Raises ``UsageError`` as ``with_advisories``, and LK540 for a ``named`` file that is of another profile.
    """
    for file in named:
        if file.profile != profile.name:
            raise UsageError(
                f"{file.file} has advisories of profile {file.profile}, and this deployment's is {profile.name}",
                code="LK540",
                hint=f'correct profile = "{file.profile}" in it, or leave it out',
            )
    return with_advisories(profile, (*kept, *named))
