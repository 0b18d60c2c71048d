"""How a statement of a script would reach out of the database: by itself, or through routines that it calls or sets off.

Not for what a statement does inside. The surprising thing: it is asked before the statement is executed on a shadow, whose
server runs on the user's own machine; so a word in a routine's text is enough to keep the whole statement from running. What no
word gives away, since code puts it together, the server itself cannot do, and its failure tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lockage.core.forecast.names import oids
from lockage.core.forecast.setting_off import reaching
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Failure, Routine
from lockage.core.migration.procedure import body_reaches_outside, confined, reach_outside
from lockage.core.migration.statement import called_in
from lockage.core.migration.syntax import Statement

_STOPPED = {
    "starts a program": re.compile(r"could not execute command "),
    "opens a file of the server's machine": re.compile(
        r"could not (?:open|create) (?:server file |file .* for (?:reading|writing): )", re.DOTALL
    ),
    "calls another server": re.compile(
        r'could not (?:establish connection|connect to server ")|.*could not connect to the publisher: '
    ),
}
"""By the words of the failure. Source: PostgreSQL 18, fd.c, OpenPipeStream; copyfrom.c and copyto.c; be-fsstubs.c; genfile.c;
dblink.c; postgres_fdw, connection.c; subscriptioncmds.c. A shadow's server speaks English."""


def stopped_at(failure: Failure | None) -> str | None:
    """How a statement tried to reach out of a shadow, where its server failed at that; None: it did not."""
    if failure is None:
        return None
    return next((how for how, words in _STOPPED.items() if words.match(failure.message)), None)


def reaches_outside(statement: Statement, *, mark: CatalogMark, rules: CatalogRules) -> str | None:
    """How it reaches out, routines and triggers included; None where it can be executed."""
    own = reach_outside(statement)
    if own is not None or statement.node in {"create_function_stmt", "create_trig_stmt", "comment_stmt", "drop_stmt"}:
        return own
    by_name = rules.routine_list.by_name
    waiting = [*_called(statement, by_name), *_set_off(statement, mark, rules, by_name)]
    seen: set[str] = set()
    while waiting:
        routine = waiting.pop()
        if routine.definition in seen:
            continue
        seen.add(routine.definition)
        if not confined(routine.language):
            return f"calls {routine.routine}, which is written in {routine.language} and not confined to the database"
        how = body_reaches_outside(routine.definition)
        if how is not None:
            return f"calls {routine.routine}, which {how}"
        waiting += [below for name in called_in(routine.definition) for below in by_name.get(name, ())]
    set_off = reaching(mark, rules).named_in(statement)
    return None if set_off is None else f"uses {set_off}, which runs code that reaches out of the database"


def _called(statement: Statement, by_name: Mapping[str, list[Routine]]) -> Iterator[Routine]:
    names = {call.name for call in statement.calls}
    if statement.procedure is not None:
        names |= called_in(statement.text)
    for name in names:
        yield from by_name.get(name, ())


def _set_off(
    statement: Statement, mark: CatalogMark, rules: CatalogRules, by_name: Mapping[str, list[Routine]]
) -> Iterator[Routine]:
    """The functions of triggers on tables whose rows it changes."""
    if not rules.triggers or not statement.changes:
        return
    changed = set(oids((change.relation for change in statement.changes), mark))
    for trigger in rules.triggers:
        if trigger.table_oid in changed:
            for routine in by_name.get(trigger.routine.partition(".")[2], ()):
                if routine.routine == trigger.routine:
                    yield routine
