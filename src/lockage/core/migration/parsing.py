"""PostgreSQL's parser, with its limits made ours: how deep a text may be nested, and how much of it is a tree at one time.

Not for reading statements (``statement``). The surprising thing: the parser is C and recurses, so a sum of some ten thousand
parts ends the process before anybody can say why; and the tree's own reader refuses sixty parts unless it is told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import postgast
from google.protobuf.internal import api_implementation
from postgast import pg_query_pb2 as pg

NESTING_LIMIT = 2_000
"""Operators, joins and brackets inside one another; of ``UNION`` and its kin, two and a half times as many. libpg_query ends
its process between 3 000 and 5 000 when it writes such an expression, with the usual 8 MB of stack (libpg_query 17)."""

_OPERATOR, _SET_OPERATION = 5, 2
"""What each takes of the stack, as parts of one of the limit's fifths."""


PART = 100_000
"""Characters of a script that are read at a time: a tree takes fifty times as much memory as its text."""


class NestedTooDeepError(postgast.PgQueryError):
    """A text is nested deeper than can be read; ``cursorpos`` is where it gets there, from 1."""


def parse(text: str) -> pg.ParseResult:
    """The tree of a text.

    Raises ``postgast.PgQueryError`` where it does not parse, and its ``NestedTooDeepError`` where nobody should try.
    """
    place = too_deep_at(text)
    if place is not None:
        raise NestedTooDeepError(f"it nests more than {NESTING_LIMIT:,} operators or brackets", cursorpos=place + 1)
    _read_deep_trees()
    return postgast.parse(text)


_END_OF_PART = re.compile(r"^(?:(?!--)[^\n])*;[ \t]*\r?\n", re.MULTILINE)
"""A line that ends with a statement, unless that semicolon is quoted or bracketed: then the part before it does not parse."""


def parse_in_parts(text: str) -> Iterator[tuple[str, pg.ParseResult]]:
    """The trees of a long text, part by part, each with the part; together they have the statements of the whole.

    Raises what ``parse`` raises of the whole text, perhaps behind some of the parts.
    """
    begin, size = 0, PART
    while True:
        ends = _END_OF_PART.search(text, begin + size)
        end = ends.end() if ends else len(text)
        part = text[begin:end]
        try:
            yield part, parse(part)
        except postgast.PgQueryError:
            if end == len(text):
                parse(text)  # which counts places from the beginning
                raise
            size *= 4  # a body, a text or a comment goes on behind that line
            continue
        if end == len(text):
            return
        begin, size = end, PART


@cache
def _read_deep_trees() -> None:
    """Lets protobuf read trees deeper than 100 levels, which it takes for an attack: a sum of sixty parts is as deep."""
    module = getattr(api_implementation, "_c_module", None)
    if module is not None:
        module.SetAllowOversizeProtos(True)


_TOKEN = re.compile(
    r"""(?P<skipped>[eE]'(?:[^'\\]++|\\.|'')*+' | '(?:[^']++|'')*+' | "(?:[^"]++|"")*+" | (?P<tag>\$\w*\$).*?(?P=tag)
        | --[^\n]* | /\*.*?\*/)
    | (?P<opens>[(\[]) | (?P<closes>[)\]]) | (?P<ends>;)
    | (?P<parts>, | \b(?:and|or|when|then|else|from|where|select|values|set|on|having|by|limit|returning)\b)
    | (?P<unites>\b(?:union|intersect|except)\b) | (?P<joins>\bjoin\b)
    | (?P<operates>[-+*/<>=~!@\#%^&|`?:]+ | \b(?:not|collate|at|is|isnull|notnull)\b)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_SIGNS = "+-*/<>=~!@#%^&|`?:([])"
_WORDS = re.compile(r"\b(?:union|intersect|except|join|not|collate|at|is|isnull|notnull)\b", re.IGNORECASE)


def too_deep_at(text: str) -> int | None:
    """Where a text may nest more than ``NESTING_LIMIT``, in characters; None: nowhere.

    An upper bound: each operator between two commas counts, whatever binds more closely.
    """
    if len(text) <= NESTING_LIMIT or sum(map(text.count, _SIGNS)) + len(_WORDS.findall(text)) <= NESTING_LIMIT:
        return None
    operators = joins = depth = 0  # of this bracket since its last comma; of this bracket; of all that are open
    above: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "operates":
                operators, depth = operators + _OPERATOR, depth + _OPERATOR
            case "parts":
                operators, depth = 0, depth - operators
            case "joins" | "unites" as kind:
                more = _OPERATOR if kind == "joins" else _SET_OPERATION
                operators, joins, depth = 0, joins + more, depth - operators + more
            case "opens":
                above.append((operators, joins))
                operators, joins, depth = 0, 0, depth + _OPERATOR
            case "closes" if above:
                depth -= operators + joins + _OPERATOR
                operators, joins = above.pop()
            case "ends":
                above.clear()
                depth = operators = joins = 0
            case _:
                pass
        if depth > NESTING_LIMIT * _OPERATOR:
            return token.start()
    return None
