"""The files in an archive that ``lockage survey --save`` has written.

Not for what they say (``core.forecast.saved_survey``), nor for unpacking: nothing is ever written. The surprising thing: an
archive of a kilobyte may unpack to any size, so bytes are counted as they come out; and an archive that was cut short may still
list all its files.

Codes: LK715 no archive of ours, cut short, too large, or with a name that it has no business with.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from lockage.core.forecast.saved_survey import FILES, FOLDER, not_ours
from lockage.errors import UsageError

LIMIT_BYTES = 512 * 1024 * 1024
"""What an archive may unpack to: 10 000 tables with histograms are 100 MB."""


def read_survey_files(path: Path) -> Mapping[str, bytes]:
    """The content of each file, by its path in the folder. Raises ``UsageError`` (LK715)."""
    try:
        with path.open("rb") as raw, gzip.open(raw, "rb") as plain:
            counted = _Counted(path, cast("IO[bytes]", plain))
            with tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|") as archive:
                files = dict(_members(path, archive))
            while counted.read(1 << 20):  # to its very end, where gzip's own checksum stands
                pass
    except (gzip.BadGzipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise not_ours(str(path), f"it is no archive, or was cut short ({error})") from error
    except OSError as error:
        raise not_ours(str(path), error.strerror or str(error)) from error
    return files


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for member in archive:
        folder, _, name = member.name.partition("/")
        if folder != FOLDER or name not in FILES or not member.isreg() or name in seen:
            raise not_ours(str(path), f"it holds {member.name[:80]!r}, which no survey file does")
        seen.add(name)
        file = archive.extractfile(member)
        assert file is not None, "a regular file has content"
        yield name, file.read()


class _Counted:
    """Bytes as they come out of their packing, up to a limit."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._left = LIMIT_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._path)
        return data


def _too_large(path: Path) -> UsageError:
    return not_ours(str(path), f"it unpacks to more than {LIMIT_BYTES / 1e6:.0f} MB")
