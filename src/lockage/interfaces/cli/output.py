"""Records as JSON on standard output, and nothing else there.

Not for text for people (``console``). The surprising thing: the record is encoded whole before the first byte is written,
so a reader never gets half an object because of a defect.
"""

from __future__ import annotations

import sys

import msgspec


def print_json(record: object) -> None:
    """The record as one JSON object and a line break; indented on a terminal, on one line in a pipe."""
    encoded = msgspec.json.encode(record)
    if sys.stdout.isatty():
        encoded = msgspec.json.format(encoded, indent=2)
    _write(encoded)


def print_json_line(record: object) -> None:
    """The record as one line of a stream of records."""
    _write(msgspec.json.encode(record))


def _write(encoded: bytes) -> None:
    sys.stdout.buffer.write(encoded + b"\n")
    sys.stdout.buffer.flush()
