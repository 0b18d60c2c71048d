"""Which tables' rows a statement changes in a way that nobody can write as a query.

Not for who waits for that (``rows``, ``gaps``). The surprising thing: code is searched for the names of tables as a text, since
a name too many costs a check, and one too few would give a wrong answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from lockage.core.forecast.checks.tables import TABLES
from lockage.core.forecast.names import resolve
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.rows import row_locks
from lockage.core.forecast.trace import CatalogMark, CatalogRelation, Traced
from lockage.core.migration.formats.places import is_program
from lockage.core.migration.syntax import ChangeKind


def changed_otherwise(step: Traced, handled: set[int]) -> Iterator[tuple[CatalogRelation, str]]:
    """Each such table with how, by blocks, functions, cascades and triggers; ``handled`` are those that were followed."""
    changes = [change for change in changes_of(step) if change.kind is not ChangeKind.LOCK]
    for lock in row_locks(changes, mark=step.before, rules=step.rules):
        relation = step.before.relations.get(lock.oid)
        if relation is not None and lock.oid not in handled and lock.event is not ChangeKind.LOCK:
            yield relation, "changes its rows"
    changed = {relation.oid for change in changes for relation in resolve(change.relation, step.before)}
    texts = [trigger.routine for trigger in step.rules.triggers if trigger.table_oid in changed]
    called = {call.name for call in step.statement.calls}
    texts += [routine.routine for routine in step.rules.routines if routine.routine.split(".", 1)[-1] in called]
    code = [routine.definition for routine in step.rules.routines if routine.routine in texts]
    if step.statement.procedure is not None:
        code.append(step.statement.text)
    for text in code:
        lower = text.lower()
        for name, relation in _tables(step.before):
            if name in lower:
                yield relation, "runs code that names it"


def _tables(mark: CatalogMark) -> Iterator[tuple[str, CatalogRelation]]:
    relations = mark.layered
    base, changes = relations.derived(_tables_in_lower_case)
    yield from (pair for pair in base if not relations.is_changed(pair[1].oid))
    yield from changes


def _tables_in_lower_case(relations: Mapping[int, CatalogRelation]) -> list[tuple[str, CatalogRelation]]:
    return [(r.relation.split(".", 1)[-1].lower(), r) for r in relations.values() if r.kind in TABLES]


def programs_before(files: Sequence[str]) -> Mapping[str, str]:
    """Each file that comes right behind programs, with the last of them."""
    return {file: before for before, file in itertools.pairwise(files) if is_program(before)}
