"""A bundle as one file: a ``.tar.gz`` that is either there whole or not at all.

Not for what is in it. The surprising thing: it is written beside its place and renamed, and only its owner may read it; a
bundle has no secrets, and much that is nobody else's business.

Codes: LK620 it cannot be written.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lockage.errors import RefusedError


def write_bundle(file: Path, files: Sequence[tuple[str, bytes]], *, folder: str, at: datetime) -> tuple[int, str]:
    """Write the files, each a path inside of ``folder`` with its content; gives size in bytes and SHA-256.

    Raises ``RefusedError`` (LK620) when it cannot be written; nothing is left of it then.
    """
    content = _archived(files, folder=folder, at=at)
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise RefusedError(
            f"{file} cannot be written: {error.strerror}", code="LK620", hint="choose another file: --output FILE"
        ) from error
    return len(content), hashlib.sha256(content).hexdigest()


def _archived(files: Sequence[tuple[str, bytes]], *, folder: str, at: datetime) -> bytes:
    stream = io.BytesIO()
    # No name and no time of ours in the header: who made it is in the manifest.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in files:
            member = tarfile.TarInfo(f"{folder}/{path}")
            member.size, member.mtime, member.mode = len(content), int(at.timestamp()), 0o644
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()
