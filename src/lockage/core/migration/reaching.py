"""Which statements of migrations reach out of the database, by themselves or by what they use, and are not to be executed.

Not where a catalog can be asked (``core.forecast.setting_off``). The surprising thing: it goes by words. What a statement
writes down, as a trigger or a default, is written down all the same; who uses the table from then on is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockage.core.migration.procedure import body_reaches_outside, reach_outside
from lockage.core.migration.syntax import Name, Statement

_WORD = re.compile(r"[^\W\d][\w$]*")
_MADE = re.compile(
    r'\s*create\s+(?:or\s+replace\s+)?(?:function|procedure|domain)\s+(?:(?:"[^"]+"|[\w$]+)\s*\.\s*)?"?([^\W\d][\w$]*)',
    re.IGNORECASE,
)
_WRITES_DOWN = {
    "alter_domain_stmt",
    "alter_table_stmt",
    "create_domain_stmt",
    "create_function_stmt",
    "create_policy_stmt",
    "create_stmt",
    "create_trig_stmt",
    "index_stmt",
    "rule_stmt",
    "view_stmt",
}
_ONLY_ALTERS = {"drop_stmt", "comment_stmt", "rename_stmt", "grant_stmt", "alter_owner_stmt"}


class Reaching:
    """Remembers, from one migration to the next, whose use would reach out of the database."""

    def __init__(self) -> None:
        self._reaching: set[str] = set()

    def left_out(self, statements: Sequence[Statement]) -> Iterator[Statement]:
        """Those of a migration that must not be executed, in order."""
        for statement in statements:
            if reach_outside(statement) is not None:
                yield statement
            elif statement.node == "create_function_stmt" and body_reaches_outside(statement.text) is not None:
                self._reaching |= _made(statement)
            elif statement.node == "create_foreign_table_stmt":
                self._reaching |= _names(statement.created)
            elif self._reaching and (words := _words(statement)) & self._reaching:
                if self._runs(statement):
                    yield statement
                elif statement.node in _WRITES_DOWN and (words - _names(statement.referred)) & self._reaching:
                    self._reaching |= _made(statement)

    def _runs(self, statement: Statement) -> bool:
        if statement.node in _WRITES_DOWN - {"alter_table_stmt", "alter_domain_stmt", "index_stmt"} | _ONLY_ALTERS:
            return False
        if statement.node in _WRITES_DOWN:  # over the rows that are there
            return any(call.name.lower() in self._reaching for call in statement.calls if call not in statement.kept_calls)
        return True


def _made(statement: Statement) -> set[str]:
    """Names whose users run what the statement writes down; those that its foreign keys refer to lead back to it."""
    found = _MADE.match(statement.text)
    if found is not None:
        return {found[1].lower()}
    return _names(statement.created if statement.node == "view_stmt" else statement.names)


def _names(names: Sequence[Name]) -> set[str]:
    return {name.name.lower() for name in names}


def _words(statement: Statement) -> set[str]:
    if statement.procedure is None and statement.node in {"insert_stmt", "copy_stmt"}:  # which may have megabytes of rows
        return _names((*statement.names, *statement.calls))
    return {word.lower() for word in _WORD.findall(statement.text)}
