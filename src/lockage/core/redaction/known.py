"""Secrets whose value is known, wherever they occur and however they are written.

Not for finding out that something is a secret. The surprising thing: a value that is short, or made of digits alone, counts
only where it stands alone, and one that is a public name as well (the password "coder" of the user "coder") counts nowhere
here: masking every such word would leave nothing to read, and it is masked in the places that tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from lockage.core.redaction.encoded import base64_spans, hex_spans, needles_in_base64
from lockage.core.redaction.finds import Find, Kind, lowered
from lockage.core.redaction.layers import Layer, plain

MIN_LENGTH = 4
"""Of a value that is looked for everywhere."""

ALONE_BELOW = 6
"""A shorter value counts only where no letter or digit stands beside it."""

MIN_LINE = 16
"""Of a line of a secret of several lines, to be looked for on its own: logs print a key line by line."""

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

    def finds(self, layer: Layer) -> Iterator[Find]:
        """Every place of every value in this layer, by the layer's own places."""
        text = layer.text
        lower = lowered(text)
        for needle in self._needles:
            for wanted in needle.texts:
                for start, end in _places(text, wanted, alone=needle.alone):
                    yield Find(start, end, needle.kind, needle.value, True)
            for start, end in base64_spans(text, needle.base64):
                yield Find(start, end, Kind.ENCODED, needle.value, True)
            for start, end in hex_spans(text, lower, needle.value):
                yield Find(start, end, Kind.ENCODED, needle.value, True)


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
