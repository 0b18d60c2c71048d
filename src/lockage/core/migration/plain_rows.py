"""Reads ``INSERT … VALUES`` of one row of plain constants by the words of one that was parsed, for there may be 100 000.

Not for anything else: a row of which one value is more than a number, a text between quotes, NULL or a truth value is left to
the parser. The surprising thing: the parser has read the script all the same, so nothing here decides whether it is SQL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lockage.core.migration.syntax import Change, Statement

_WORD = r'(?:[A-Za-z_]\w*|"[^"]+")'
_VALUE = r"(?:'(?:[^'\\]|'')*'|[0-9]{1,9}|[0-9]{1,9}\.[0-9]{1,9}|NULL|TRUE|FALSE)"
_ONE_ROW = re.compile(
    rf"(?P<head>INSERT\s+INTO\s+{_WORD}(?:\.{_WORD})?\s*(?:\(\s*{_WORD}(?:\s*,\s*{_WORD})*\s*\)\s*)?VALUES)\s*"
    rf"(?P<row>\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\))\s*",
    re.IGNORECASE,
)
LONGEST_ROW = 5_000
"""Characters: a pattern goes back over them, and a row of megabytes is the parser's."""

_EACH_VALUE = re.compile(r"'(?P<text>(?:[^'\\]|'')*)'|(?P<number>[0-9.]+)|(?P<word>[A-Za-z]+)")


def head_and_row(text: str) -> tuple[str, str] | None:
    """What stands in front of the one row, and the row; None where it is not as plain as that."""
    found = _ONE_ROW.fullmatch(text) if len(text) <= LONGEST_ROW else None
    return (found["head"], found["row"]) if found else None


class PlainRows:
    """Reads statements that are like one that the parser has read before."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Statement] = {}  # by head and number of values

    def read(self, text: str, *, line: int) -> Statement | None:
        """The statement; None where it takes the parser."""
        if (found := head_and_row(text)) is None:
            return None
        values = _values(found[1])
        known = self._known.get((found[0], len(values)))
        if known is None:
            return None
        return replace(known, text=text, line=line, changes=(_with_values(known.changes[0], values),))

    def learn(self, statement: Statement) -> None:
        """Takes a statement that the parser has read, for those like it."""
        found = head_and_row(statement.text) if statement.node == "insert_stmt" else None
        if found is not None and len(statement.changes) == 1:
            self._known[found[0], len(_values(found[1]))] = statement


def of_all_rows(run: Sequence[Statement]) -> Change | None:
    """What plain one-row statements of one head insert together; None where one is not plain."""
    if any(head_and_row(statement.text) is None for statement in run):
        return None
    changes = [statement.changes[0] for statement in run]
    literals = [dict(change.literals) for change in changes]
    places = [place for place in literals[0] if all(place in each for each in literals)]
    null_places = set(changes[0].null_places).intersection(*(change.null_places for change in changes))
    columns = changes[0].columns
    return replace(
        changes[0],
        rows=len(run),
        literals=tuple((place, tuple(dict.fromkeys(v for each in literals for v in each[place]))) for place in places),
        null_places=tuple(sorted(null_places)),
        nulls=tuple(column for place, column in enumerate(columns) if place in null_places),
    )


def _values(row: str) -> list[int | str | bool | None]:
    """Each value: a number or text as it is, None for NULL, True for what is neither NULL nor told."""
    return [_value(found) for found in _EACH_VALUE.finditer(row)]


def _value(found: re.Match[str]) -> int | str | bool | None:
    if found["text"] is not None:
        return found["text"].replace("''", "'")
    if found["number"] is not None:
        return True if "." in found["number"] else int(found["number"])
    return None if found["word"].upper() == "NULL" else True


def _with_values(change: Change, values: Sequence[int | str | bool | None]) -> Change:
    null_places = tuple(place for place, value in enumerate(values) if value is None)
    return replace(
        change,
        literals=tuple((place, (value,)) for place, value in enumerate(values) if value is not None and value is not True),
        null_places=null_places,
        nulls=tuple(column for place, column in enumerate(change.columns) if place in null_places),
    )
