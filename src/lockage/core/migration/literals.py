"""Literals of SQL texts: which value they write, and whether two of them are surely different values.

Not for evaluating expressions. The surprising thing: two texts that differ may be one value (``'1.0'`` and ``'1'``, ``'T'`` and
``'true'``, letters of one case in ``citext``), so of texts only words of letters are told apart.
"""

from __future__ import annotations

from postgast import pg_query_pb2 as pg

_READ_OTHERWISE = frozenset(
    {
        "t",
        "true",
        "y",
        "yes",
        "on",
        "f",
        "false",
        "n",
        "no",
        "off",
        "now",
        "today",
        "tomorrow",
        "yesterday",
        "epoch",
        "allballs",
    }
    | {"infinity", "inf", "nan"}
)
"""Words that some type reads as a value which has other names, too. Source: PostgreSQL 18 manual, 8.1, 8.5, 8.6."""


def literal_of(value: pg.Node) -> int | str | None:
    """An integer, or the text between quotes as written; None: anything else."""
    if not value.HasField("a_const"):
        return None
    match value.a_const.WhichOneof("val"):
        case "ival":
            return value.a_const.ival.ival
        case "sval":
            return value.a_const.sval.sval
        case _:
            return None


def is_literal(value: pg.Node) -> bool:
    """Whether it is a constant other than NULL, of whatever type, or the cast of one."""
    if value.HasField("type_cast"):
        value = value.type_cast.arg
    return value.HasField("a_const") and not value.a_const.isnull


def differ(one: int | str | None, other: int | str | None) -> bool:
    """Whether two literals are surely different values, whatever type their column has."""
    if isinstance(one, int) and isinstance(other, int):
        return one != other
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    first, second = _word(one), _word(other)
    return first is not None and second is not None and first != second


def _word(text: str) -> str | None:
    """A text of letters, such that two of them are never one value: whatever the type, and however it collates."""
    word = "".join(letter for letter in text.lower() if letter not in "_- .:/")
    return word if word.isascii() and word.isalpha() and word not in _READ_OTHERWISE else None
