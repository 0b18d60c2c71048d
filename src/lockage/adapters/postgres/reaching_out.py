"""Which names in a statement make the server run code that reaches out of it: functions, and tables with such triggers.

Not for scripts (``core.migration.procedure``). The surprising thing: it errs on one side only. Any word that is the name of
such a thing counts, whatever it means in its place, for a statement that is not executed costs little.
"""

from __future__ import annotations

import re

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.migration.procedure import body_reaches_outside

_WORD = re.compile(r"\w+")


def reaching_names(session: psycopg.Connection[TupleRow]) -> frozenset[str]:
    """Names, in small letters, of routines and relations that reach out by themselves, or through one another."""
    code = [(str(name).lower(), str(text or "")) for name, text in session.execute(load_sql("select_tainted_code"))]
    names = {name for name, text in code if reaches_out(text)}
    if not names:
        return frozenset()
    words = [(name, words_of(text)) for name, text in code]
    while more := {name for name, found in words if name not in names and found & names}:
        names |= more
    return frozenset(names)


def reaches_out(text: str) -> bool:
    """Whether a text itself names a function that reaches out, or copies from or to somewhere else."""
    return body_reaches_outside(text) is not None


def words_of(text: str) -> set[str]:
    """Every word of a text, in small letters."""
    return {word.lower() for word in _WORD.findall(text)}
