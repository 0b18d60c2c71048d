"""Checksums of migration files as migrators write them into their ledgers.

Not for integrity of anything else. The surprising thing: how lines end depends on the checkout and not on the author, so a file
has as many checksums as there are ways to end its lines.

Source: Flyway 10 (ChecksumCalculator), sqlx 0.8 (sqlx-core/src/migrate/migration.rs), Prisma schema engine (checksum.rs).
"""

from __future__ import annotations

import hashlib
import re
import zlib


def crc32_of_lines(data: bytes) -> frozenset[str]:
    """Flyway's: over the lines without their ends and without a byte order mark, as a signed number."""
    checksum = 0
    # Java ends a line at these three, and nowhere else.
    for line in re.split(r"\r\n|\r|\n", data.decode(errors="replace").removeprefix("\ufeff")):
        checksum = zlib.crc32(line.encode(), checksum)  # the empty rest behind the last end changes nothing
    return frozenset({str(checksum - 2**32 if checksum >= 2**31 else checksum)})


def sha256(data: bytes) -> frozenset[str]:
    """Prisma's: over the file as it is."""
    return frozenset(hashlib.sha256(each).hexdigest() for each in _line_ends(data))


def sha384(data: bytes) -> frozenset[str]:
    """sqlx's: over the file as it is."""
    return frozenset(hashlib.sha384(each).hexdigest() for each in _line_ends(data))


def _line_ends(data: bytes) -> tuple[bytes, ...]:
    unix = data.replace(b"\r\n", b"\n")
    return data, unix, unix.replace(b"\n", b"\r\n")
