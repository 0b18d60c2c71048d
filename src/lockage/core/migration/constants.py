"""Statements without the values that somebody put into them.

Not for statements that are to be executed as they are. The surprising thing: a server writes ``$1`` also where no parameter
may stand (``interval $1``), so the parser does not take every text of ``pg_stat_statements``; in those literals are looked for.
"""

from __future__ import annotations

import re

import postgast

from lockage.core.redaction.statements import statement_literals

_COMMENT = re.compile(r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*")|--[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL)


def without_constants(text: str) -> str:
    """The statement with ``$1``, ``$2`` … in the place of its constants; comments, which may hold anything, are gone too."""
    text = _COMMENT.sub(lambda found: found["kept"] or " ", text).strip()
    try:
        made = postgast.normalize(text)
    except postgast.PgQueryError:
        made = text
    for find in sorted(statement_literals(made), reverse=True):
        made = f"{made[: find.start]}[value]{made[find.end :]}"
    return made
