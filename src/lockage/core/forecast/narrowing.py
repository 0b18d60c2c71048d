"""Which types take fewer values than others, and which checks more.

Not for whether the values that are there fit (``checks``). The surprising thing: only types of one family are compared, since
between families values are converted, not merely refused.
"""

from __future__ import annotations

import re

_NO_LIMIT = 1 << 40
_WHOLE = {"smallint": 4.8, "integer": 9.6, "bigint": 18.9, "real": 38.0, "double precision": 308.0}
"""Decimal digits before the point. Source: PostgreSQL 18 manual, 8.1 "Numeric Types"."""


def is_narrower(before: str, after: str) -> bool:
    """Whether a type takes fewer values than another of its family; types as ``format_type`` prints them."""
    for read in (_length, digits_of):
        former, now = read(before), read(after)
        if former is not None and now is not None:
            return now < former
    former_bits, bits = _BITS.fullmatch(before), _BITS.fullmatch(after)
    if former_bits is None or bits is None:
        return False
    if bits["varying"]:
        return _bits_in(bits) < _bits_in(former_bits)
    # Of bits as many as the type says, not fewer.
    return bool(former_bits["varying"]) or _bits_in(bits) != _bits_in(former_bits)


def takes_fewer_texts(before: str, after: str) -> bool:
    """Whether a parameter refuses texts that it took as one of another type; both as ``format_type`` prints them, bare."""
    if (before, after) == ("inet", "cidr"):
        return True
    former, now = digits_of(before), digits_of(after)
    if former is None or now is None:
        return False
    return now < former or (before in _WITH_FRACTIONS and after not in _WITH_FRACTIONS)


_BITS = re.compile(r"bit(?P<varying> varying)?(?:\((?P<bits>\d+)\))?(?:\[\])*")
_WITH_FRACTIONS = {"real", "double precision", "numeric"}


def _bits_in(found: re.Match[str]) -> int:
    return int(found["bits"]) if found["bits"] else (_NO_LIMIT if found["varying"] else 1)


def _length(name: str) -> float | None:
    """Characters that a type of text holds; None for others. The element's where it is an array."""
    found = re.fullmatch(r"(?:(character varying|character)(?:\((\d+)\))?|text)(?:\[\])*", name)
    if found is None:
        return None
    if found[1] == "character" and found[2] is None:
        return 1
    return int(found[2]) if found[2] else _NO_LIMIT


def digits_of(name: str) -> float | None:
    """Digits before the point that a type of numbers holds; None for others."""
    plain = name.removesuffix("[]")
    if plain in _WHOLE:
        return _WHOLE[plain]
    found = re.fullmatch(r"numeric(?:\((\d+),(-?\d+)\))?", plain)
    if found is None:
        return None
    return int(found[1]) - int(found[2]) if found[1] else _NO_LIMIT


_LITERAL = re.compile(r"'((?:[^']|'')*)'(?:::[\w \"]+(?:\(\d+\))?(?:\[\])?)*")


_BOUND = re.compile(r"(?P<how>[<>]=?) (?:\(?'?(?P<number>-?\d+(?:\.\d+)?)'?(?:::[a-z ]+)?\)?)(?=[\s)])")
"""A bound as ``CHECK`` is printed: ``>= 0``, ``<= (300)::numeric``, ``>= '-5'::integer``."""

_TURNED = re.compile(r"\b(?:NOT|CASE|IS|COALESCE)\b|<>|!~|(?<![<>])= ", re.IGNORECASE)
"""What can turn a wider bound into a narrower check."""

_LEAVES_OUT = re.compile(r"\bNOT\b|<>|!~")
"""A list of these with more entries lets less pass."""


def _is_wider_bound(before: str, after: str) -> bool:
    """Whether a check is the same but for bounds, each of which lies farther out."""
    if _TURNED.search(after) or _BOUND.sub("?", before) != _BOUND.sub("?", after):
        return False
    return all(
        was["how"] == now["how"]
        and (float(now["number"]) - float(was["number"])) * (1 if now["how"].startswith("<") else -1) >= 0
        for was, now in zip(_BOUND.finditer(before), _BOUND.finditer(after), strict=True)
    )


def is_wider_check(before: str, after: str) -> bool:
    """Whether a check is the same with more entries in a list or with wider bounds, as ``pg_get_constraintdef`` prints them."""
    if before == after or _is_wider_bound(before, after):
        return True
    if _LEAVES_OUT.search(after):
        return False

    def skeleton(definition: str) -> str:
        return re.sub(r"(?:\?[,\s]*)+", "?", _LITERAL.sub("?", definition))

    return skeleton(before) == skeleton(after) and set(_LITERAL.findall(before)) <= set(_LITERAL.findall(after))
