"""Where the statements of a schema dump end, and where the literals in them stand.

Not for parsing: a dump of a newer PostgreSQL may hold syntax that our parser does not know yet, and must be cut all the same.
The surprising thing: a semicolon ends no statement inside of ``BEGIN ATOMIC … END``, the body of a function in standard SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<escaped>\b[eE]'(?:[^'\\]+|\\.|'')*')
      | (?P<literal>'(?:[^']+|'')*')
      | (?P<identifier>"(?:[^"]+|"")*")
      | (?P<dollars>(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$(?P<body>.*?)\$(?P=tag)\$)
      | (?P<atomic>\bBEGIN\s+ATOMIC\b)
      | (?P<nested>\bCASE\b)
      | (?P<closed>\bEND\b)
      | (?P<end>;)""",
    re.VERBOSE | re.DOTALL,
)
_FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z))*")


class Cut(NamedTuple):
    """One statement of a dump: what stands before it, its first word, its end behind the semicolon."""

    before: int
    start: int
    end: int


class Quoted(NamedTuple):
    """What stands between quotes, or a comment in code."""

    start: int
    end: int
    of_code: bool = False  # in the body of a routine


def statements_of(text: str) -> Iterator[Cut]:
    """Every statement of a dump, in order; what stands behind the last semicolon is one too, where it is more than blanks."""
    before = depth = 0
    for found in _TOKEN.finditer(text):
        match found.lastgroup:
            case "atomic":
                depth = 1
            case "nested" if depth:
                depth += 1
            case "closed" if depth:
                depth -= 1
            case "end" if not depth:
                yield Cut(before, _first_word(text, before), found.end())
                before = found.end()
            case _:
                pass
    start = _first_word(text, before)
    if start < len(text):
        yield Cut(before, start, len(text))


def literals_of(text: str, start: int = 0, end: int | None = None, *, of_code: bool = False) -> Iterator[Quoted]:
    """Every text between single quotes, those in the bodies of routines included, and the comments there; in order."""
    for found in _TOKEN.finditer(text, start, len(text) if end is None else end):
        match found.lastgroup:
            case "literal":
                yield Quoted(found.start() + 1, found.end() - 1, of_code)
            case "escaped":
                yield Quoted(found.start() + 2, found.end() - 1, of_code)
            case "comment" if of_code:
                yield Quoted(*found.span(), of_code)
            case "dollars" if of_code:  # quoted in dollars inside of code: a text, as a rule
                yield Quoted(*found.span("body"), of_code)
            case "dollars":
                yield from literals_of(text, *found.span("body"), of_code=True)
            case _:
                pass


def _first_word(text: str, before: int) -> int:
    found = _FIRST_WORD.match(text, before)
    return found.end() if found is not None else before
