"""Where among many files the migrations are: in a repository, or in an archive.

Not for a folder that the user named. The surprising thing: only names are looked at, so that of a repository of a hundred
thousand files none need be opened to know which folder matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from lockage.core.migration.formats.format import Format

_NOT_MIGRATIONS = frozenset({"testdata", "fixtures", "test", "tests", "node_modules", "vendor", "examples"})
"""Folders whose files only look like migrations."""

_DATA = (".sql", ".conf", ".toml")
_PROGRAMS = (".go", ".java", ".kt", ".class", ".groovy", ".py", ".rb", ".js", ".ts", ".php", ".cs", ".ex", ".exs")
_SCRIPTS = (".sh", ".bash", ".bat", ".cmd", ".ps1")
SUFFIXES = frozenset((*_DATA, *_PROGRAMS, *_SCRIPTS))
"""Of files that can be a migration or say something of one; others need not be read."""


def may_matter(path: str) -> bool:
    """Whether a file can be a migration, or the configuration of one."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES and not any(
        part.startswith(".") for part in PurePosixPath(path).parts
    )


def likeliest_folder(paths: Iterable[str], forms: Iterable[Format]) -> str | None:
    """The folder with most migrations of any of the formats, "" for the top; None where there is no migration at all."""
    known = tuple(forms)
    counted: Counter[str] = Counter()
    for path in paths:
        place = PurePosixPath(path)
        if place.suffix.lower() == ".sql" and not _NOT_MIGRATIONS.intersection(place.parts):
            folder = _folder_of(place, known)
            if folder is not None:
                counted[folder] += 1
    if not counted:
        return None
    return min(counted, key=lambda folder: (-counted[folder], folder.count("/"), folder))


def within(folder: str, path: str) -> str | None:
    """A path as seen from a folder; None where it is not in it."""
    if not folder:
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else None


def files_within(files: Mapping[str, bytes], folder: str | None, *, forms: Iterable[Format]) -> tuple[Mapping[str, bytes], str]:
    """Those of the files that are in a folder, named from there, and the folder; None: the likeliest one."""
    place = folder.strip("/") if folder is not None else likeliest_folder(files, forms) or ""
    place = "" if place == "." else place
    return {name: data for path, data in files.items() if (name := within(place, path)) is not None}, place


def _folder_of(path: PurePosixPath, forms: Iterable[Format]) -> str | None:
    """The folder that holds a migration: the one above where its name needs a folder of its own."""
    parts = path.parts
    for depth in (1, 2):
        if len(parts) >= depth and any(form.named("/".join(parts[-depth:])) for form in forms):
            return "/".join(parts[:-depth])
    return None
