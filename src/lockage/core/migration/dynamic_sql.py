"""The SQL that an EXECUTE of PL/pgSQL gives, as far as the expression itself says it.

Not for variables: what stands in them only the run knows. The surprising thing: a name that is not known still leaves a
statement that can be read, so that at least its kind, and perhaps its schema, is known.

Source: PostgreSQL 18 manual, 9.4.1 "format"; 42.5.4 "Executing Dynamic Commands".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

UNKNOWN_NAME = "lockage_any"
"""In the place of an identifier that only the run knows."""

_LITERAL = r"'(?:[^']|'')*'"

_EXPRESSION = re.compile(
    rf"\s*(?:(?P<format>(?:pg_catalog\.)?format)\s*\(\s*)?(?P<literal>{_LITERAL}|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)\s*"
    r"(?P<rest>,.*\))?\s*\)?\s*",
    re.DOTALL,
)

_PLACE = re.compile(r"%(?:(?P<number>\d+)\$)?(?P<kind>[sIL%])")

_WORD = re.compile(rf"{_LITERAL}|[(),\[\]]|[^'(),\[\]]+", re.DOTALL)


def template(expression: str) -> str | None:
    """SQL that a dynamic statement's expression gives, when it is one literal or ``format`` of one; None otherwise.

    Arguments that are literals stand where they belong; of others identifiers as ``lockage_any``, and values as NULL.
    """
    found = _EXPRESSION.fullmatch(expression)
    if found is None or (found["rest"] and not found["format"]):
        return None
    literal = found["literal"]
    text = _value(literal) if literal.startswith("'") else literal.split("$", 2)[2].rsplit("$", 2)[0]
    return _formatted(text, _arguments(found["rest"] or "")) if found["format"] else text


def _value(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


def _arguments(rest: str) -> list[str | None]:
    """Behind the text of ``format``, with its closing parenthesis: the value of each that is a literal, of others None."""
    depth, parts = 0, list[str]()
    for word in _WORD.findall(rest.strip().removesuffix(")")):
        if word == "," and depth == 0:
            parts.append("")
            continue
        depth += (word in "([") - (word in ")]")
        parts[-1] += word
    return [_value(part.strip()) if re.fullmatch(_LITERAL, part.strip()) else None for part in parts]


def _formatted(text: str, arguments: Sequence[str | None]) -> str | None:
    made: list[str] = []
    end = next_one = 0
    for place in _PLACE.finditer(text):
        made.append(text[end : place.start()])
        end = place.end()
        if place["kind"] == "%":
            made.append("%")
            continue
        at = int(place["number"]) - 1 if place["number"] else next_one
        next_one = at + 1
        put = _put(place["kind"], arguments[at] if 0 <= at < len(arguments) else None)
        if put is None:
            return None
        made.append(put)
    return "".join((*made, text[end:]))


def _put(kind: str, value: str | None) -> str | None:
    """What stands for an argument; None where that may be anything, a whole clause too."""
    if kind == "s":
        return value
    if kind == "L":
        return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
    if value is None:
        return UNKNOWN_NAME
    return value if re.fullmatch(r"[a-z_][a-z0-9_]*", value) else '"' + value.replace('"', '""') + '"'
