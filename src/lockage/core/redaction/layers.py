"""A text as it reads when its escapes are undone, one kind after another, with the way back to where each letter stood.

Not for base64, which hides a text whole (``encoded``). The surprising thing: backslashes are undone however many there are, so
that JSON in JSON in JSON is one layer, not three; two secrets that differ in their backslashes alone are the same to us.
"""

from __future__ import annotations

import html
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_LAYERS = 7
"""Escapes in escapes, each kind as often as anybody writes it: percent, JSON, percent once more, and the same of HTML."""

LONG = 50_000
"""Letters from which on lines without an escape are left out where escapes are undone: they were looked at as they are."""

_BACKSLASHES = re.compile(
    r"\\+(?:u([0-9a-fA-F]{4})(?:\\+u([dD][c-fC-F][0-9a-fA-F]{2}))?|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.)|$)",
    re.DOTALL,
)
_PERCENTS = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_ENTITIES = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|quot|apos|amp|lt|gt);|''")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

Piece = tuple[int, int, str]
"""From where, to where, and what it reads there."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A text with some escapes undone; ``starts`` are places in it from which on it goes straight, ``origins`` those below."""

    text: str
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)
    below: Layer | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of this text stands in the first one, escapes included."""
        layer: Layer = self
        while layer.below is not None:
            start, end = layer._down(start), layer._down_end(start, end)
            layer = layer.below
        return start, end

    def _down(self, place: int) -> int:
        index = bisect_right(self.starts, place) - 1
        return self.origins[index] + place - self.starts[index]

    def _down_end(self, start: int, end: int) -> int:
        if end <= start:
            return self._down(end)
        # An escape ends where what follows it begins.
        index = bisect_right(self.starts, end - 1)
        if index < len(self.starts) and self.starts[index] == end:
            return self.origins[index]
        return self._down(end - 1) + 1


def layers(text: str) -> Iterator[Layer]:
    """The text as it is, then with more and more of its escapes undone, as long as there are any."""
    layer = Layer(text)
    yield layer
    count, idle, turn = 1, 0, 0
    while idle < len(_UNDOING) and count < MAX_LAYERS:
        sign, pieces = _UNDOING[turn % len(_UNDOING)]
        turn += 1
        found = list(pieces(layer.text)) if sign in layer.text else []
        if not any(layer.text[start:end] != reads for start, end, reads in found):
            idle += 1
            continue
        undone = _undone(layer, _beside(layer.text, sign, found) if len(layer.text) > LONG else found)
        idle, count, layer = 0, count + 1, undone
        yield layer


def plain(text: str) -> str:
    """The text with all of its escapes undone."""
    last = text
    for layer in layers(text):
        last = layer.text
    return last


def _undone(layer: Layer, pieces: Iterable[Piece]) -> Layer:
    text, parts, starts, origins = layer.text, list[str](), [0], [0]
    done, length = 0, 0
    for start, end, reads in pieces:
        parts += (text[done:start], reads)
        length += start - done
        starts += (length, length + len(reads))
        origins += (start, end)
        length, done = length + len(reads), end
    parts.append(text[done:])
    return Layer("".join(parts), tuple(starts), tuple(origins), layer)


def _beside(text: str, sign: str, pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces, and every stretch of lines without the sign as nothing."""
    done, place = 0, 0
    while (at := text.find(sign, done)) >= 0:
        begin, end = text.rfind("\n", done, at) + 1 or done, text.find("\n", at)
        if begin > done:
            yield done, begin, ""
        done = end + 1 if end >= 0 else len(text)
        while place < len(pieces) and pieces[place][0] < done:
            done = max(done, pieces[place][1])
            yield pieces[place]
            place += 1
    if done < len(text):
        yield done, len(text), ""


def _without_backslashes(text: str) -> Iterator[Piece]:
    for found in _BACKSLASHES.finditer(text):
        unicode, low, long, byte, letter = found.groups()
        if unicode is not None:
            code, end = int(unicode, 16), found.end()
            if low is not None and 0xD800 <= code < 0xDC00:
                code = 0x10000 + ((code - 0xD800) << 10) + (int(low, 16) - 0xDC00)
            elif low is not None:
                end = found.start(2) - len("\\u")  # the second one stands for itself
                while end > found.end(1) and text[end - 1] == "\\":
                    end -= 1
                yield found.start(), end, chr(code)
                yield end, found.end(), _character(int(low, 16))
                continue
            yield found.start(), end, _character(code)
        elif long is not None:
            yield found.start(), found.end(), _character(int(long, 16))
        elif byte is not None:
            yield found.start(), found.end(), chr(int(byte, 16))
        else:
            yield found.start(), found.end(), _CONTROLS.get(letter or "", letter or "")


def _character(code: int) -> str:
    return chr(code) if code < 0xD800 or 0xE000 <= code <= sys.maxunicode else "\ufffd"


def _without_percents(text: str) -> Iterator[Piece]:
    for run in _PERCENTS.finditer(text):
        each = list(_PERCENT.finditer(text, run.start(), run.end()))
        index = 0
        while index < len(each):
            first = int(each[index][1], 16)
            length = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            held = bytes(int(one[1], 16) for one in each[index : index + length])
            last = each[min(index + length, len(each)) - 1]
            yield each[index].start(), last.end(), held.decode("utf-8", errors="replace")
            index += length


def _without_entities(text: str) -> Iterator[Piece]:
    for found in _ENTITIES.finditer(text):
        reads = "'" if found[0] == "''" else html.unescape(found[0])
        yield found.start(), found.end(), reads


_UNDOING: tuple[tuple[str, Callable[[str], Iterator[Piece]]], ...] = (
    ("\\", _without_backslashes),
    ("%", _without_percents),
    ("&", _without_entities),
    ("''", _without_entities),
)


_FOLD = re.compile(r"(?<=[A-Za-z0-9+/]{40})(?:\r|\\+r)?(?:\n|\\+n)[ \t]*(?=[A-Za-z0-9+/=]+(?:[\r\n\\\"']|\Z))")
"""A line break inside of folded base64: a long line of its letters before it, and nothing else on the line behind it."""


def joined(text: str) -> tuple[Layer, ...]:
    """The text with lines of folded base64 put together; nothing where there is none."""
    folds = [(found.start(), found.end(), "") for found in _FOLD.finditer(text)] if "\n" in text or "\\n" in text else []
    return (_undone(Layer(text), folds),) if folds else ()
