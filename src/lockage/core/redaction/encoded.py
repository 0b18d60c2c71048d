"""Secrets in base64 and in hexadecimal: known ones at every alignment, unknown ones by decoding what can be decoded.

Not for escapes, which leave most letters as they are (``layers``). The surprising thing: the letters at the ends of a secret's
base64 depend on what stands beside it, so the whole run that holds one goes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

MIN_LETTERS = 6
"""Of a needle in base64 or hexadecimal: a shorter one turns up by chance."""

_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_LETTERS = re.compile(r"[A-Za-z0-9+/_=-]*")
_LETTERS_BEFORE = re.compile(r"[A-Za-z0-9+/_-]*\Z")
_HEX = re.compile(r"[0-9a-fA-F]*")
_HEX_BEFORE = re.compile(r"[0-9a-fA-F]*\Z")
_STANDARD = str.maketrans("-_", "+/")
_COMPRESSED = ("H4sI", "eJx", "KLUv/")
"""How base64 of gzip, zlib and zstd begins: nobody can say what is in it."""

_REACH = 100_000  # letters to either side of a hit that may belong to the same run


def needles_in_base64(value: str) -> tuple[str, ...]:
    """What stands in base64 wherever the value does, whatever stands around it: one needle for each alignment."""
    raw, found = value.encode(), list[str]()
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        first = (0, 2, 3)[before]  # letters that hold bits of what stands before
        last = len(coded) if (before + len(raw)) % 3 == 0 else len(coded) - 1
        if last - first >= MIN_LETTERS:
            found.append(coded[first:last])
    return tuple(found)


def in_one_alphabet(text: str) -> str:
    """The text with base64 for URLs written as the standard has it."""
    return text.translate(_STANDARD) if "-" in text or "_" in text else text


def base64_spans(text: str, needles: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Every run of base64 that holds one of the needles."""
    standard = in_one_alphabet(text)
    for needle in needles:
        at = standard.find(needle)
        while at >= 0:
            start, end = _around(text, at, at + len(needle), _LETTERS_BEFORE, _LETTERS)
            yield start, end
            at = standard.find(needle, end)


def needle_in_hex(value: str) -> str:
    """What stands in hexadecimal where the value does; "" where that is too short to tell."""
    needle = value.encode().hex()
    return needle if len(needle) >= 2 * MIN_LETTERS else ""


def hex_spans(text: str, lower: str, value: str) -> Iterator[tuple[int, int]]:
    """Every run of hexadecimal that holds the value; ``lower`` is the text in lower case."""
    needle = needle_in_hex(value)
    if not needle:
        return
    at = lower.find(needle)
    while at >= 0:
        start, end = _around(text, at, at + len(needle), _HEX_BEFORE, _HEX)
        yield start, end
        at = lower.find(needle, end)


def decoded_runs(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Every run that may be base64 of something readable, with what it then reads; with nothing where it is compressed."""
    for found in _RUN.finditer(text):
        run = found[0]
        if any(run.startswith(sign) for sign in _COMPRESSED):
            yield found.start(), found.end(), ()
            continue
        if not _may_hold_text(run):
            continue
        standard = run.translate(_STANDARD).rstrip("=")
        readings = tuple(reading for offset in range(4) if (reading := _reading(standard[offset:])))
        if readings:
            yield found.start(), found.end(), readings


def _may_hold_text(run: str) -> bool:
    # Names of objects, paths and words in lower case, and hexadecimal: base64 of a text has letters of both cases.
    return any(map(str.isupper, run)) and any(map(str.islower, run))


def _reading(letters: str) -> str | None:
    letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    try:
        raw = base64.b64decode(letters + "=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return None
    for cut in range(4):  # a letter of several bytes may be cut through at either end
        for skip in range(4):
            try:
                text = raw[skip : len(raw) - cut].decode()
            except UnicodeDecodeError:
                continue
            return text if len(text) >= 8 and all(c.isprintable() or c in "\r\n\t" for c in text) else None
    return None


def _around(text: str, start: int, end: int, before: re.Pattern[str], after: re.Pattern[str]) -> tuple[int, int]:
    left = before.search(text, max(0, start - _REACH), start)
    right = after.match(text, end, end + _REACH)
    return (left.start() if left is not None else start), (right.end() if right is not None else end)
