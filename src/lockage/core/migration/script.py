"""The migrations of a folder, and those of them that a release would apply.

Not for opening files: their names and bytes come in. The surprising thing: a version is a number, so ``007`` and ``7`` are the
same migration, and a gap between two numbers means nothing.

Codes: LK401 SQL that does not parse · LK402 no migrations · LK403 a number twice · LK404 not UTF-8 · LK405 no such version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockage.core.migration.formats.format import Format
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement
from lockage.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration: its file and text. ``language`` other than ``sql``: nobody here can run it."""

    version: int
    name: str
    file: str
    text: str
    language: str = "sql"

    def statements(self) -> tuple[Statement, ...]:
        """Its statements in order; none of an empty file. Raises ``UsageError`` (LK401) with file and line."""
        return split_statements(self.text, file=self.file) if self.language == "sql" else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Migrations that are applied already, and those that form the script."""

    applied: tuple[Migration, ...]
    script: tuple[Migration, ...]


def read_migrations(files: Mapping[str, bytes], *, form: Format, folder: str = "the folder") -> tuple[Migration, ...]:
    """All migrations among ``files`` (name to bytes) in the order of their versions.

    Raises ``UsageError``: LK402 where there are none, LK403 where two have one version, LK404 where one is not UTF-8.
    """
    found: dict[int, Migration] = {}
    for file in sorted(files):
        name = form.read_name(file)
        if name is None:
            continue
        other = found.get(name.version)
        if other is not None:
            raise UsageError(
                f"migration {name.version} exists twice in {folder}: {other.file} and {file}",
                code="LK403",
                hint="rename or remove one of them",
            )
        found[name.version] = Migration(
            version=name.version, name=name.name, file=file, text=_text(files[file], file), language=name.language
        )
    if not found:
        raise UsageError(
            f"no migration in {folder}: none of its {len(files)} files is named {form.naming}",
            code="LK402",
            hint="give the folder that holds the files, or another --format",
        )
    return tuple(found[version] for version in sorted(found))


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{file}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8", code="LK404", hint="save the file as UTF-8"
        ) from error


def select(migrations: Sequence[Migration], *, from_version: int | None, to_version: int | None) -> Selection:
    """The script between two versions: ``from_version`` is applied already (0: nothing is), ``to_version`` is included.

    Without ``from_version`` the script is the newest migration up to ``to_version`` alone. Raises ``UsageError`` (LK405) for a
    version that no migration has, or a target below the start.
    """
    versions = {migration.version for migration in migrations}
    for version, flag in ((from_version, "--from"), (to_version, "--to")):
        if version is not None and version not in versions and not (version == 0 and flag == "--from"):
            raise UsageError(
                f"no migration has the version {version} that {flag} names",
                code="LK405",
                hint=f"the versions go from {min(versions)} to {max(versions)}" if versions else None,
            )
    last = max(versions) if to_version is None else to_version
    known = sorted(version for version in versions if version <= last)
    if from_version is None:
        start = known[-2] if len(known) > 1 else 0
    elif from_version > last:
        raise UsageError(f"--to {last} lies below --from {from_version}", code="LK405", hint="migrations are forecast forwards")
    else:
        start = from_version
    return Selection(
        applied=tuple(m for m in migrations if m.version <= start and m.version <= last),
        script=tuple(m for m in migrations if start < m.version <= last),
    )
