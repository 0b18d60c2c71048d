"""On which rows a statement of the old release is executed, and in which other circumstances it is executed besides.

Not for executing (``executing``). The surprising thing: one row can hide what another shows. A key that is there hides what an
INSERT meets behind it, and one that is not hides what ON CONFLICT does; so some statements are executed more than once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.forecast.strictness import Strictness
from lockage.core.migration.widened import changing_every_row, on_every_row, with_one_row, with_parameters

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_TABLE = rf"({_NAME}(?:\s*\.\s*{_NAME})?)"
_INSERT = re.compile(rf"\binsert\s+into\s+{_TABLE}", re.IGNORECASE)
_MERGE = re.compile(rf"\bmerge\s+into\s+(?:only\s+)?{_TABLE}", re.IGNORECASE)
_DELETE = re.compile(rf"\bdelete\s+from\s+(?:only\s+)?{_TABLE}", re.IGNORECASE)
_ON_CONFLICT = re.compile(r"\bon\s+conflict\b.*\bdo\s+update\b", re.IGNORECASE | re.DOTALL)
_NOT_MATCHED = re.compile(r"\bwhen\s+not\s+matched\b", re.IGNORECASE)


_WORDS = (
    (re.compile(r"(?P<before>\b(?:date_trunc|date_part)\s*\(\s*)\$\d+", re.IGNORECASE), "'hour'"),
    (re.compile(r"(?P<before>\btimezone\s*\(\s*|\bat\s+time\s+zone\s+)\$\d+", re.IGNORECASE), "'UTC'"),
)
"""Where a text that was made up ends a statement before it begins, since only certain words will do."""


@dataclass(frozen=True, slots=True, order=True)
class Rows:
    """What becomes of the made-up rows before a statement."""

    emptied: str = ""  # the table that has none, as the statement writes its name
    bereaved: str = ""  # the table whose row nobody refers to that would keep it from being deleted
    shown: bool = False  # whatever views or policies would hide


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Another way in which a statement may come."""

    text: str
    rows: Rows
    mark: bytes  # for its name
    guessed: bool = False  # with a word that nobody knows
    loosened: bool = False  # with parameters for its literals, which may have another type
    other: bool = False  # with values that differ from those of the rows, so that it changes them


def usual_rows(text: str) -> Rows:
    """Those for the statement as it stands."""
    inserted, deleted = _INSERT.search(text), _DELETE.search(text)
    return Rows(inserted[1] if inserted else "", deleted[1] if deleted else "")


def further(text: str) -> Iterator[Circumstances]:
    """What more there is to try, on rows that the statement may never meet."""
    inserted, usual = _INSERT.search(text), usual_rows(text)
    there = Rows(bereaved=usual.bereaved)
    wider = on_every_row(text)
    if wider is not None:
        yield Circumstances(text=wider, rows=there, mark=b"_w")
    elif inserted and (_ON_CONFLICT.search(text) or _reads(text, inserted[1])):
        yield Circumstances(text=text, rows=there, mark=b"_r")
    changing = changing_every_row(text)
    if changing is not None:
        yield Circumstances(text=changing, rows=there, mark=b"_d", other=True)
    worded = _with_words(text)
    if worded != text:
        yield Circumstances(text=worded, rows=usual, mark=b"_u", guessed=True)
    single = with_one_row(text)
    if single is not None:
        yield Circumstances(text=single, rows=usual, mark=b"_1")
    # A literal key meets no made-up row, nor does a literal parent.
    loose = with_parameters(text) if inserted else None
    if loose is not None:
        loose = with_one_row(loose) or loose
        yield Circumstances(text=loose, rows=usual, mark=b"_n", loosened=True)
        if _ON_CONFLICT.search(text):
            yield Circumstances(text=loose, rows=there, mark=b"_o", loosened=True)
    merged = _MERGE.search(text)
    if merged and _NOT_MATCHED.search(text):
        yield Circumstances(text=text, rows=Rows(emptied=merged[1]), mark=b"_e")


def where_all_is_shown(text: str) -> Circumstances:
    """The statement where no view and no policy hides a row from it, as they may hide that which was made up."""
    rows = Rows(bereaved=usual_rows(text).bereaved, shown=True)
    return Circumstances(text=on_every_row(text) or text, rows=rows, mark=b"_v")


def names_that_hide(strictness: Strictness) -> frozenset[str]:
    """Names, in lower case, of what may keep rows from whoever names it: views, and tables with policies."""
    those = (table for table in strictness.tables.values() if table.kind == "v" or table.secured)
    return frozenset(table.name.rpartition(".")[2].lower() for table in those)


def chooses(text: str) -> bool:
    """Whether it hangs on the rows that are there what a statement does with its own."""
    return _MERGE.search(text) is not None


def _with_words(text: str) -> str:
    for place, word in _WORDS:
        text = place.sub(rf"\g<before>{word}", text)
    return text


def _reads(text: str, target: str) -> bool:
    """Whether an INSERT may select from the very table."""
    name = target.rsplit(".", 1)[-1].strip().strip('"').lower()
    return text.lower().count(name) > 1 and re.search(r"\bselect\b", text, re.IGNORECASE) is not None
