"""How a statement of a script would reach out of the database: by itself, or through routines that it calls or sets off.

Not for what a statement does inside. The surprising thing: it is asked before the statement is executed on a shadow, whose
server runs on the user's own machine; so a word in a routine's text is enough to keep the whole statement from running.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lockage.core.forecast.names import oids
from lockage.core.forecast.setting_off import reaching
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Routine
from lockage.core.migration.procedure import body_reaches_outside, confined, reach_outside
from lockage.core.migration.statement import called_in
from lockage.core.migration.syntax import Statement


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
