"""Secrets whose value is known, wherever they occur and however they are written.

Not for finding out that something is a secret. The surprising thing: a value that is short, or made of digits alone, counts
only where it stands alone, and one that is a public name as well (the password "coder" of the user "coder") counts nowhere
here: masking every such word would leave nothing to read, and it is masked in the places that tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from lockage.core.redaction.encoded import (
    base64_spans,
    hex_spans,
    in_one_alphabet,
    needle_in_hex,
    needles_in_base64,
)
from lockage.core.redaction.finds import Find, Kind, lowered
from lockage.core.redaction.layers import Layer, plain

MIN_LENGTH = 4
"""Of a value that is looked for everywhere."""

ALONE_BELOW = 6
"""A shorter value counts only where no letter or digit stands beside it."""

MIN_LINE = 16
"""Of a line of a secret of several lines, to be looked for on its own: logs print a key line by line."""

FEW = 100
"""Secrets that are each looked for in every text; more are first looked up by how they begin.

A log of requests has a token in each line, and twenty thousand of them in as many lines take minutes otherwise.
"""

GRAM = 8
"""Letters of such a beginning."""

PART = 100_000
"""Letters of a text whose beginnings are in memory at a time."""

_ORDINARY = re.compile(
    r"(?i)v?\d+\.\d+(?:\.\d+)*(?:[-+][\w.]+)?|sha\d+:[0-9a-f]+|[0-9A-F]{1,8}/[0-9A-F]{1,8}|true|false|null|none|disable|require"
    r"|prefer|allow|verify-(?:ca|full)|localhost|postgres(?:ql)?|public|default|\d{1,5}|admin|password|secret|token|root|user"
)
"""Releases, digests, LSNs, and words that are in every text."""


@dataclass(frozen=True, slots=True)
class _Needle:
    value: str
    kind: Kind
    texts: tuple[str, ...]
    base64: tuple[str, ...]
    alone: bool


def is_searchable(value: str, public: Collection[str]) -> bool:
    """Whether a value can be told from ordinary words, so that it is looked for everywhere."""
    return len(value) >= MIN_LENGTH and value.lower() not in public and _ORDINARY.fullmatch(value) is None


class KnownSecrets:
    """What is known, made ready for the search."""

    def __init__(self, secrets: Mapping[str, Kind], *, public: Collection[str]) -> None:
        """``public`` in lower case."""
        self._needles = tuple(
            _needle(value, kind)
            for value, kind in sorted(secrets.items(), key=lambda one: (-len(one[0]), one[0]))
            if is_searchable(value, public)
        )
        self._index = _Index(self._needles) if len(self._needles) > FEW else None

    def finds(self, layer: Layer) -> Iterator[Find]:
        """Every place of every value in this layer, by the layer's own places."""
        text = layer.text
        lower = lowered(text)
        for needle in self._needles if self._index is None else self._index.candidates(text, lower):
            for wanted in needle.texts:
                for start, end in _places(text, wanted, alone=needle.alone):
                    yield Find(start, end, needle.kind, needle.value, True)
            for start, end in base64_spans(text, needle.base64):
                yield Find(start, end, Kind.ENCODED, needle.value, True)
            for start, end in hex_spans(text, lower, needle.value):
                yield Find(start, end, Kind.ENCODED, needle.value, True)


class _Index:
    """Which of many secrets may be in a text, by how each way to write one begins: none that is in it is left out."""

    def __init__(self, needles: tuple[_Needle, ...]) -> None:
        self._needles = needles
        self._always = set[int]()  # too short
        self._plain, self._base64, self._hex = dict[str, list[int]](), dict[str, list[int]](), dict[str, list[int]]()
        for place, needle in enumerate(needles):
            coded = needle_in_hex(needle.value)
            for index, texts in ((self._plain, needle.texts), (self._base64, needle.base64), (self._hex, (coded,))):
                self._enter(index, place, tuple(text for text in texts if text))

    def _enter(self, index: dict[str, list[int]], place: int, texts: tuple[str, ...]) -> None:
        for text in texts:
            if len(text) < GRAM:
                self._always.add(place)
            else:
                index.setdefault(text[:GRAM], []).append(place)

    def candidates(self, text: str, lower: str) -> Iterator[_Needle]:
        """Those that may be in it, in their order."""
        found = set(self._always)
        for index, written in ((self._plain, text), (self._base64, in_one_alphabet(text)), (self._hex, lower)):
            for start in range(0, len(written), PART):
                end = min(start + PART, len(written) - GRAM + 1)
                grams = {written[at : at + GRAM] for at in range(start, end)}
                found.update(place for gram in grams & index.keys() for place in index[gram])
        return (self._needles[place] for place in sorted(found))


def _needle(value: str, kind: Kind) -> _Needle:
    lines = [line.strip() for line in value.splitlines()]
    parts = [line for line in lines if len(line) >= MIN_LINE] if len(lines) > 1 else []
    texts = dict.fromkeys(
        text for one in (value, value.strip(), *parts) for text in (one, plain(one)) if len(text) >= MIN_LENGTH
    )
    plus = [text.replace(" ", "+") for text in texts if " " in text]
    coded = [needle for one in (value, *parts) for needle in needles_in_base64(one)]
    return _Needle(value, kind, (*texts, *plus), tuple(coded), len(value) < ALONE_BELOW or value.isdigit())


def _places(text: str, wanted: str, *, alone: bool) -> Iterator[tuple[int, int]]:
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not alone or not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            yield at, end
        at = text.find(wanted, at + 1 if alone else end)
