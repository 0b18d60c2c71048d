"""The second look at finished files: is any secret that was seen still in one, in whatever encoding, or anything like one?

Not for masking; it shares no pattern, and no way of looking, with ``core.redaction``, or it would overlook what that overlooks.
The surprising thing: it works the other way round. Instead of finding out where a secret may stand, it undoes every encoding of
the whole file, again and again, and looks for the plain secret in each of the readings.
"""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Collection, Iterator
from string import ascii_letters, digits, hexdigits
from typing import NamedTuple
from urllib.parse import unquote

MIN_LENGTH = 4
"""Of a secret that is looked for: a shorter one is in every file by chance."""

ALONE_BELOW = 6
"""A shorter one, or one of digits alone, counts only where no letter or digit stands beside it."""

MIN_DECODED = 6
"""The same, where the reading is decoded base64 or hexadecimal."""

DEPTH = 4
"""Encodings in encodings."""

_BASE64 = frozenset(ascii_letters + digits + "+/-_")
_HEX = frozenset(hexdigits)
_WORD = frozenset(ascii_letters + digits + "_-")
_SHORTEST_RUN = 12
_SPACES = str.maketrans("", "", " \t\r\n")


class Leak(NamedTuple):
    """What was found, without the thing itself."""

    what: str  # "a secret that was seen", "a private key", …
    how: str  # "as it is", "in base64", …


def find_leak(text: str, secrets: Collection[str]) -> Leak | None:
    """The first secret that a file still shows; None where there is none."""
    wanted = tuple(sorted({variant for secret in secrets if len(secret) >= MIN_LENGTH for variant in _forms(secret)}))
    for reading, how in _readings(text, "as it is", DEPTH):
        least = MIN_DECODED if "decoded" in how else MIN_LENGTH
        if any(len(secret) >= least and _occurs(secret, reading) for secret in wanted):
            return Leak("a secret that was seen", how)
        if shape := _shape(reading):
            return Leak(shape, how)
    return None


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield secret.strip()
    yield secret.replace("\\", "")
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= 16)
        yield secret.translate(_SPACES)


def _occurs(secret: str, text: str) -> bool:
    at = text.find(secret)
    if at < 0:
        return False
    if len(secret) >= ALONE_BELOW and not secret.isdigit():
        return True
    while at >= 0:
        if not text[max(0, at - 1) : at].isalnum() and not text[at + len(secret) : at + len(secret) + 1].isalnum():
            return True
        at = text.find(secret, at + 1)
    return False


def _readings(text: str, how: str, depth: int) -> Iterator[tuple[str, str]]:
    yield text, how
    if depth == 0 or not text:
        return
    seen = {text}
    for reading, said in (
        (_without_backslashes(text), "with escapes undone"),
        (unquote(text), "decoded as a URL"),
        (unquote(text.replace("+", " ")), "decoded as a form"),
        (html.unescape(text), "decoded as HTML"),
        (text.replace("''", "'"), "as SQL quotes it"),
    ):
        if reading not in seen:
            seen.add(reading)
            # Decoded texts are as long as the file: one way down is enough for each.
            yield from _readings(reading, said, depth - 2)
    if depth > DEPTH - 2:
        squeezed = text.translate(_SPACES)
        if squeezed not in seen:
            yield squeezed, "with its lines joined"
        for coded in (text, _joined_runs(text)):
            yield from _decoded(coded, depth)


def _decoded(text: str, depth: int) -> Iterator[tuple[str, str]]:
    of_base64 = "\n".join(reading for run in _runs(text, _BASE64) for reading in _of_base64(run))
    of_hex = "\n".join(reading for run in _runs(text, _HEX) if (reading := _of_hex(run)))
    for reading, said in ((of_base64, "decoded from base64"), (of_hex, "decoded from hexadecimal")):
        if reading:
            yield from _readings(reading, said, depth - 1)


def _runs(text: str, letters: frozenset[str]) -> Iterator[str]:
    """Every stretch of these letters that is long enough to hide something."""
    other = {ord(letter): " " for letter in set(text) - letters}
    yield from (run for run in text.translate(other).split() if len(run) >= _SHORTEST_RUN)


def _joined_runs(text: str) -> str:
    """The text with folded lines of base64 put together."""
    return "".join(line.strip() if len(line) > 50 and " " not in line.strip() else f"{line}\n" for line in text.splitlines())


def _of_base64(run: str) -> Iterator[str]:
    standard = run.replace("-", "+").replace("_", "/")
    for offset in range(4):
        part = standard[offset:]
        part = part[: len(part) - len(part) % 4] or part
        try:
            raw = base64.b64decode(part)
        except (binascii.Error, ValueError):
            continue
        reading = raw.decode("utf-8", errors="replace")
        if reading.count("\ufffd") * 8 <= len(reading):  # chance makes nonsense of most readings
            yield reading
    rest = len(standard) % 4
    if rest in (2, 3):  # the last letters, which the whole groups above leave out
        tail = standard[-(rest + 64) :] if len(standard) > 64 else standard
        try:
            yield base64.b64decode(tail[len(tail) % 4 - rest :] + "=" * (4 - rest)).decode("utf-8", errors="replace")
        except (binascii.Error, ValueError):
            return


def _of_hex(run: str) -> str | None:
    readings: list[str] = []
    for offset in range(2):
        part = run[offset:]
        raw = bytes.fromhex(part[: len(part) - len(part) % 2])
        reading = raw.decode("utf-8", errors="replace")
        if reading.count("\ufffd") * 8 <= len(reading):
            readings.append(reading)
    return "\n".join(readings) or None


def _without_backslashes(text: str) -> str:
    if "\\" not in text:
        return text
    parts = text.split("\\")
    made = [parts[0]]
    for part in parts[1:]:
        sign, code = part[:1], part[1:5]
        if sign == "u" and len(code) == 4 and all(c in _HEX for c in code):
            made += (chr(int(code, 16)), part[5:])
        elif sign == "n":
            made += ("\n", part[1:])
        else:
            made.append(part)
    return "".join(made)


def _shape(text: str) -> str | None:
    """What the text looks to hold that nobody has named."""
    if "-----BEGIN" in text and "PRIVATE KEY" in text and _has_private_key(text):
        return "a private key"
    if "eyJ" in text and _has_jwt(text):
        return "a JWT"
    if "://" in text and _has_password_in_url(text):
        return "an address with a password"
    return None


def _has_private_key(text: str) -> bool:
    return any("PRIVATE KEY" in part[:60] and part[:1] == " " for part in text.split("-----BEGIN")[1:])


def _has_jwt(text: str) -> bool:
    for part in text.split("eyJ")[1:]:
        token = part[:8000]
        head = _leading(token)
        rest = token[len(head) :]
        if len(head) >= 6 and rest[:1] == "." and len(_leading(rest[1:])) >= 6:
            return True
    return False


def _leading(text: str) -> str:
    for index, letter in enumerate(text):
        if letter not in _WORD:
            return text[:index]
    return text


def _has_password_in_url(text: str) -> bool:
    for part in text.split("://")[1:]:
        authority = part[:600]
        for stop in ("/", " ", "\n", "\t", '"', "<", ">", "\\", "`", ",", ")"):
            authority = authority.split(stop, 1)[0]
        user, at, _ = authority.rpartition("@")
        _, colon, password = user.partition(":")
        port = password.partition("?")[0].partition("#")[0]
        if at and colon and password and not (port.isdigit() and port != password) and not _is_mask(password):
            return True
    return False


def _is_mask(text: str) -> bool:
    """Whether it is what stands in a secret's place, or only speaks of one."""
    return text[:1] in "[*$…{<%'" or text.upper() in ("PASSWORD", "PASS", "PW", "XXXXX") or set(text) <= {"x", "."}
