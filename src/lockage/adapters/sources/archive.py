"""Migrations from an archive: ``.zip``, ``.tar``, and ``.tar`` packed by gzip, bzip2 or xz.

Not for unpacking: nothing is ever written, so nothing can land outside of anywhere. The surprising thing: what a small archive
unpacks to may fill any memory, so bytes are counted as they come out and no size that the archive states is believed.

Codes: LK412 cannot be read · LK413 too large · LK655 broken, locked by a password, or with a name that leads out of it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, cast

from lockage.adapters.sources.folder import FILE_LIMIT_BYTES, FOLDER_LIMIT_BYTES
from lockage.core.migration.formats.places import is_program, may_matter
from lockage.errors import UsageError

UNPACKED_LIMIT_BYTES = 2 * 1024 * 1024 * 1024
"""All that a packed ``.tar`` gives, files that do not matter included: an archive of a whole repository with its pictures."""

MEMBER_LIMIT = 200_000
"""Files in an archive: as many as the largest repositories have."""

_MAGIC = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


def is_archive(path: Path) -> bool:
    """Whether a file is an archive that can be read here, by its first bytes."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(6)
        return zipfile.is_zipfile(path) or any(head.startswith(magic) for magic in _MAGIC) or tarfile.is_tarfile(path)
    except OSError:
        return False


def read_archive(path: Path) -> Mapping[str, bytes]:
    """The files of an archive that can matter to migrations, by their paths in it, sorted; of programs only the names.

    Raises ``UsageError``: LK412 cannot be read, LK413 a file or all together beyond the limit, LK655 broken, locked or leading
    outside.
    """
    members = _zipped(path) if zipfile.is_zipfile(path) else _packed(path)
    files: dict[str, bytes] = {}
    total = 0
    try:
        for name, data in members:
            files[name] = data
            total += len(data)
            if total > FOLDER_LIMIT_BYTES:
                raise _too_large(path, "all migrations in it together", FOLDER_LIMIT_BYTES)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise _broken(path, f"it is broken: {error}") from error
    except RuntimeError as error:  # what zipfile says of a file that is encrypted
        raise _broken(path, str(error)) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error}", code="LK412", hint="check its permissions, and that it is whole"
        ) from error
    return dict(sorted(files.items()))


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_count(path, len(members))
        for member in members:
            name = _name(path, member.filename)
            if member.is_dir() or _is_link(member) or not may_matter(name):
                continue
            with archive.open(member) as file:
                yield name, _read(path, name, file)


def _is_link(member: zipfile.ZipInfo) -> bool:
    return (member.external_attr >> 16) & 0o170000 == 0o120000


def _packed(path: Path) -> Iterator[tuple[str, bytes]]:
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        head = raw.read(6)
        raw.seek(0)
        opened = next((opened for magic, opened in _MAGIC.items() if head.startswith(magic)), None)
        plain = stack.enter_context(cast("IO[bytes]", opened(raw, "rb"))) if opened else raw
        archive = stack.enter_context(tarfile.open(fileobj=cast("IO[bytes]", _Counted(path, plain)), mode="r|"))
        for count, member in enumerate(archive, start=1):
            _check_count(path, count)
            name = _name(path, member.name)
            if not member.isreg() or not may_matter(name):
                continue
            file = archive.extractfile(member)
            if file is not None:
                yield name, _read(path, name, file)


class _Counted:
    """Bytes as they come out of their packing, up to a limit."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._count += len(data)
        if self._count > UNPACKED_LIMIT_BYTES:
            raise _too_large(self._path, "what it unpacks to", UNPACKED_LIMIT_BYTES)
        return data


def _read(path: Path, name: str, file: IO[bytes]) -> bytes:
    if is_program(name):
        return b""
    data = file.read(FILE_LIMIT_BYTES + 1)
    if len(data) > FILE_LIMIT_BYTES:
        raise _too_large(path, name, FILE_LIMIT_BYTES)
    return data


def _name(path: Path, name: str) -> str:
    plain = name.replace("\\", "/")
    if plain.startswith("/") or ".." in PurePosixPath(plain).parts or "\0" in plain:
        raise _broken(path, f"it holds {name}, a name that leads out of it")
    return str(PurePosixPath(plain))


def _check_count(path: Path, count: int) -> None:
    if count > MEMBER_LIMIT:
        raise UsageError(
            f"{path} holds more than {MEMBER_LIMIT} files", code="LK413", hint="give an archive of the migrations only"
        )


def _too_large(path: Path, what: str, limit: int) -> UsageError:
    return UsageError(
        f"{path}: {what}: more than the {limit / 1e6:.0f} MB that migrations can have",
        code="LK413",
        hint="give an archive of the migrations only",
    )


def _broken(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} cannot be read as an archive: {why}",
        code="LK655",
        hint="give a .tar.gz or .zip, or unpack it and give the folder",
    )
