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
    return False


def _length(name: str) -> float | None:
    """Characters that a type of text holds; None for others. The element's where it is an array."""
    found = re.fullmatch(r"(?:(character varying|character|bit varying)(?:\((\d+)\))?|text)(?:\[\])*", name)
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


def is_wider_check(before: str, after: str) -> bool:
    """Whether a check is the same list with more entries; both as ``pg_get_constraintdef`` prints them."""

    def skeleton(definition: str) -> str:
        return re.sub(r"(?:\?[,\s]*)+", "?", _LITERAL.sub("?", definition))

    return skeleton(before) == skeleton(after) and set(_LITERAL.findall(before)) <= set(_LITERAL.findall(after))
