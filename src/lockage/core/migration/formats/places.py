"""Where among many files the migrations are: in a repository, or in an archive.

Not for a folder that the user named. The surprising thing: only names are looked at, so that of a repository of a hundred
thousand files none need be opened to know which folder matters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from lockage.core.migration.formats.format import Format
from lockage.errors import UsageError

OF_OTHERS = frozenset({"node_modules", "vendor"})
"""Folders of what others wrote; large, and looked into by nobody who seeks an application's migrations."""

_NOT_MIGRATIONS = OF_OTHERS | {"testdata", "fixtures", "test", "tests", "examples"}
"""Folders whose files only look like migrations."""

_DATA = (".sql", ".psql", ".pgsql", ".fizz", ".conf", ".toml")
_PROGRAMS = (".go", ".java", ".kt", ".class", ".groovy", ".py", ".rb", ".js", ".ts", ".php", ".cs", ".ex", ".exs")
_SCRIPTS = (".sh", ".bash", ".bat", ".cmd", ".ps1")
SUFFIXES = frozenset((*_DATA, *_PROGRAMS, *_SCRIPTS))
"""Of files that can be a migration or say something of one; others need not be read."""


OTHER_DATABASES = frozenset(
    re.findall(
        r"\w+",
        """bigquery cassandra clickhouse cockroach cockroachdb crdb db2 derby duckdb h2 hsqldb mariadb mssql mysql oracle
    singlestore snowflake spanner sqlite sqlite3 sqlserver tidb yugabyte yugabytedb""",
    )
)
"""What a folder or a file is called that holds the same migrations for another database."""


def may_matter(path: str) -> bool:
    """Whether a file can be a migration, or the configuration of one."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES and not any(
        part.startswith(".") for part in PurePosixPath(path).parts
    )


def is_program(path: str) -> bool:
    """Whether a file is in a programming language: its name matters, and its text is read by nobody here."""
    return PurePosixPath(path).suffix.lower() in (*_PROGRAMS, *_SCRIPTS)


def likeliest_folder(paths: Iterable[str], forms: Iterable[Format]) -> str | None:
    """The folder with most migrations of any of the formats, "" for the top; None where there is no migration at all.

    One whose path names another database has them only where there is no other.
    Of a format whose files may be further down it may be a folder a little above, in which no version is there twice.
    """
    known = tuple(forms)
    likely = [place for path in paths if not _NOT_MIGRATIONS.intersection((place := PurePosixPath(path)).parts)]
    counted: Counter[str] = Counter()
    for place in likely:
        folder = _folder_of(place, known) if place.suffix.lower() == ".sql" else None
        if folder is not None:
            counted[folder] += 1
    if not counted:
        return None
    best = min(counted, key=lambda folder: (_of_another(folder), -counted[folder], folder.count("/"), folder))
    for form in known:
        best = _climbed(best, [place.as_posix() for place in likely], form) if form.nested else best
    return best


def _of_another(folder: str) -> bool:
    return not OTHER_DATABASES.isdisjoint(re.findall(r"[a-z0-9]+", folder.lower()))


CLIMB_LIMIT = 2
"""Folders within a format's own: by year and by module. Higher up are those of another part of the repository."""

_TOPS = frozenset({"migration", "migrations", "resources"})
"""Names of folders that hold the whole of an application's migrations, or that only a build would join."""


def _climbed(folder: str, paths: Sequence[str], form: Format) -> str:
    """A folder a little above that has more of the format's migrations, and none of them twice."""
    found, most = folder, len(_versions(folder, paths, form))
    for _ in range(CLIMB_LIMIT if most else 0):
        if not folder or folder.rpartition("/")[2].lower() in _TOPS:
            break
        folder = folder.rpartition("/")[0]
        versions = _versions(folder, paths, form)
        if len(set(versions)) < len(versions):
            break
        if len(versions) > most:
            found, most = folder, len(versions)
    return found


def _versions(folder: str, paths: Iterable[str], form: Format) -> list[str]:
    named = [form.named(inside) for path in paths if (inside := within(folder, path)) is not None]
    return [name.label or str(name.version) for name in named if name is not None]


def within(folder: str, path: str) -> str | None:
    """A path as seen from a folder; None where it is not in it."""
    if not folder:
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else None


def files_within(files: Mapping[str, bytes], folder: str | None, *, forms: Sequence[Format]) -> tuple[Mapping[str, bytes], str]:
    """Those of the files that are in a folder, named from there, and the folder; None: the likeliest one.

    Raises ``UsageError`` (LK402) for a folder that no file is in.
    """
    place = folder.strip("/") if folder is not None else likeliest_folder(files, forms) or ""
    place = "" if place == "." else place
    found = {name: data for path, data in files.items() if (name := within(place, path)) is not None}
    if folder is not None and files and not found:
        likeliest = likeliest_folder(files, forms)
        hint = f"its folder {likeliest} has files that could be: --path {likeliest}" if likeliest else "leave --path out"
        raise UsageError(f"no migration in the folder {folder} of the archive: no file is in it", code="LK402", hint=hint)
    return found, place


def _folder_of(path: PurePosixPath, forms: Iterable[Format]) -> str | None:
    """The folder that holds a migration: the one above where its name needs a folder of its own."""
    parts = path.parts
    for depth in (1, 2):
        if len(parts) >= depth and any(form.named("/".join(parts[-depth:])) for form in forms):
            return "/".join(parts[:-depth])
    return None
