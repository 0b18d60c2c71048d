"""Samples of a database's load on this machine: one small file a deployment, one line a sample.

Not a metrics store: it holds half a year of one number. The surprising thing: a line that cannot be read is passed over,
because whoever writes may be killed in the middle of one; the file is written anew only when a part of it has grown too old.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec

from lockage.core.plan.load import LoadSample
from lockage.errors import RefusedError


class LoadSamples:
    """The samples of one deployment."""

    def __init__(self, folder: Path, *, deployment: str) -> None:
        self._file = folder / f"{quote(deployment, safe='')}.load.jsonl"

    def read(self) -> tuple[LoadSample, ...]:
        """All of them, as they were added. Raises ``RefusedError`` (LK008) when the file is there and cannot be read."""
        try:
            lines = self._file.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RefusedError(
                f"{self._file} cannot be read: {error.strerror}", code="LK008", hint=f"ls -l {self._file}"
            ) from error
        return tuple(sample for line in lines if (sample := _sample(line)) is not None)

    def add(self, sample: LoadSample, *, keep_days: int) -> int:
        """How many there are with this one; those older than ``keep_days`` before it are dropped, some days late.

        Raises ``RefusedError`` (LK008) when the file cannot be written.
        """
        known = self.read()
        oldest = sample.at - timedelta(days=keep_days)
        kept = [one for one in known if one.at >= oldest]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Not at every sample: a day in ten is soon enough, and appending is safe beside another writer.
            if known and known[0].at < oldest - timedelta(days=keep_days / 10):
                beside = self._file.with_suffix(f".{os.getpid()}.new")
                beside.write_bytes(b"".join(_line(one) for one in (*kept, sample)))
                beside.replace(self._file)
                return len(kept) + 1
            with self._file.open("ab") as file:
                # A line that was cut off must not swallow this one; an empty line is passed over.
                file.write(b"\n" + _line(sample))
        except OSError as error:
            raise RefusedError(
                f"{self._file} cannot be written: {error.strerror}", code="LK008", hint=f"ls -ld {self._file.parent}"
            ) from error
        return len(known) + 1


def _line(sample: LoadSample) -> bytes:
    return msgspec.json.encode(sample) + b"\n"


def _sample(line: bytes) -> LoadSample | None:
    try:
        return msgspec.json.decode(line, type=LoadSample)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
