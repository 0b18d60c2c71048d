"""Migrations and statements from folders: plain ones, and those inside installed Python packages.

Not for knowing what a file means (``core.migration.formats``). The surprising thing: nothing is decoded; names and bytes go to
the core as they are, so that "not UTF-8" or "duplicate number" are said by the one who knows the format.

Codes: LK411 no such folder · LK412 cannot be read · LK413 too large · LK414 no statements of that release.
"""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from lockage.core.migration.formats.places import OF_OTHERS, is_program, may_matter
from lockage.errors import UsageError

PACKAGE = "package:"

FILE_LIMIT_BYTES = 32 * 1024 * 1024
"""A migration is text that people read; a larger file is a dump or an accident, and PostgreSQL's parser would need minutes."""

FOLDER_LIMIT_BYTES = 256 * 1024 * 1024
"""All files together. Coder's five hundred migrations are about one megabyte."""


DEPTH_LIMIT = 6
"""Folders within folders: Flyway's by year and module are two or three deep."""


def resolve(source: str, *, relative_to: Path | None = None) -> Path:
    """The folder that a profile's or a user's ``source`` names: a path, or ``package:NAME/FOLDER``.

    The package is located, not imported. A relative path is relative to ``relative_to``, else to where we run. Raises
    UsageError (LK411) when there is no such folder.
    """
    if source.startswith(PACKAGE):
        path = _inside_package(source)
    else:
        path = Path(source).expanduser()
        path = path if relative_to is None else relative_to / path
    if not path.is_dir():
        reason = "is not a folder" if path.exists() else "does not exist"
        raise UsageError(f"{path} {reason}", code="LK411", hint="give the folder that holds the migration files")
    return path


def read_folder(path: Path) -> Mapping[str, bytes]:
    """The regular files directly in a folder, by name, sorted by name; links to files count, hidden files do not.

    Raises UsageError: LK411 no such folder, LK412 cannot be read, LK413 a file or all together beyond the limit.
    """
    files: dict[str, bytes] = {}
    total = 0
    try:
        for file in sorted(path.iterdir()):
            if file.is_symlink() and not file.exists():
                _check_link(file)
                continue
            state = file.stat()
            if file.name.startswith(".") or not stat.S_ISREG(state.st_mode):
                continue
            total += state.st_size
            _check_size(file, state.st_size, total)
            files[file.name] = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"{error.filename} does not exist, or is no folder",
            code="LK411",
            hint="give the folder that holds the migration files",
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    return files


def read_tree(path: Path) -> Mapping[str, bytes]:
    """As ``read_folder``, and what can matter to migrations in the folders within it, as ``folder/name``.

    Links to folders are not followed, hidden folders are left out, and files further down than ``DEPTH_LIMIT`` too. Of a
    program there only the name is given.
    """
    files = dict(read_folder(path))
    total = sum(len(data) for data in files.values())
    try:
        for folder, within, names in _walk(path):
            depth = len(folder.relative_to(path).parts)
            here = depth < DEPTH_LIMIT
            within[:] = sorted(name for name in within if here and not name.startswith(".") and name not in OF_OTHERS)
            for name in sorted(names) if depth else ():
                file = folder / name
                known = file.relative_to(path).as_posix()
                if file.is_symlink() and not file.exists():
                    _check_link(file)
                    continue
                if not may_matter(known) or not stat.S_ISREG(file.stat().st_mode):
                    continue
                if is_program(known):
                    files[known] = b""
                    continue
                total += file.stat().st_size
                _check_size(file, file.stat().st_size, total)
                files[known] = file.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    return files


def read_statements(source: str, release: str, *, relative_to: Path | None = None) -> str:
    """The SQL text of ``RELEASE.sql`` in a source of statements.

    Raises UsageError: LK411 no such folder, LK412 cannot be read or is not UTF-8, LK414 no file for this release.
    """
    folder = resolve(source, relative_to=relative_to)
    file = folder / f"{release}.sql"
    if "/" in release or not file.is_file():
        known = ", ".join(sorted(f.stem for f in folder.glob("*.sql"))) or "(none)"
        raise UsageError(
            f"{folder} has no statements of release {release}; it has those of {known}",
            code="LK414",
            hint=f"add {release}.sql, or leave [statements] out of the profile",
        )
    try:
        _check_size(file, file.stat().st_size, 0)
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def _walk(path: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, within, names in os.walk(path):
        yield Path(folder), within, names


def _inside_package(source: str) -> Path:
    name, _, folder = source.removeprefix(PACKAGE).partition("/")
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise UsageError(
            f"{source}: there is no installed package {name}",
            code="LK411",
            hint="install it into Lockage's environment, or give a folder",
        )
    return next((Path(place) / folder for place in places if (Path(place) / folder).is_dir()), Path(places[0]) / folder)


def _check_size(file: Path, size_bytes: int, total_bytes: int) -> None:
    for what, size, limit in (
        (str(file), size_bytes, FILE_LIMIT_BYTES),
        (f"all files in {file.parent} together", total_bytes, FOLDER_LIMIT_BYTES),
    ):
        if size > limit:
            raise UsageError(
                f"{what}: {size / 1e6:.0f} MB, more than the {limit / 1e6:.0f} MB that migrations can have",
                code="LK413",
                hint="give the folder that holds only the migration files",
            )


def _check_link(file: Path) -> None:
    """A link that leads nowhere matters where a migration is meant."""
    if may_matter(file.name):
        raise UsageError(
            f"{file} is a link to a file that is not there", code="LK412", hint="give a whole checkout, or remove the link"
        )


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{path} cannot be read: {error}", code="LK412", hint="check its permissions and its encoding (UTF-8)")
