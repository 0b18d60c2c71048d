"""Statements of functions whose body is the standard's (``BEGIN ATOMIC``), found by the plans that were made of them.

Not for functions whose body is a string: of theirs the server keeps the text. The surprising thing: PostgreSQL keeps no text of
a body that was parsed when the function was made, so a plan from it says which table is changed, but not which columns.

Source: PostgreSQL 18, src/backend/executor/functions.c: the query text is pg_proc.prosrc, which is empty there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from lockage.core.forecast.names import resolve
from lockage.core.forecast.plan_nodes import nodes_in, relation_of
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Routine
from lockage.core.migration.procedure import read_code
from lockage.core.migration.syntax import ChangeKind, Statement

_ATOMIC = re.compile(r"^BEGIN ATOMIC$", re.MULTILINE)
"""As pg_get_functiondef writes it: on a line of its own."""


def statements_of_bodies(
    plans: Iterable[Mapping[str, object]], *, mark: CatalogMark, rules: CatalogRules
) -> Iterator[Statement]:
    """Those that change or lock rows as one of the plans without a text does."""
    done = {did for plan in plans if not plan.get("Query Text") for did in _doings(plan)}
    if not done:
        return
    for routine in rules.routines:
        for statement in _body(routine):
            if any((c.kind, r.oid) in done for c in statement.changes for r in resolve(c.relation, mark)):
                yield statement


def _body(routine: Routine) -> Iterator[Statement]:
    if routine.language == "sql" and _ATOMIC.search(routine.definition):
        for inner in read_code(routine.definition, language=routine.language).inner:
            yield from inner.statements or ()


def _doings(plan: Mapping[str, object]) -> Iterator[tuple[ChangeKind, int | None]]:
    """What a plan does to the rows of which tables; of one that locks rows, all tables that it reads."""
    nodes = list(nodes_in(plan))
    locks = any(node.get("Node Type") == "LockRows" for node in nodes)
    for node in nodes:
        if node.get("Node Type") == "ModifyTable" and str(node.get("Operation")).upper() in ChangeKind.__members__:
            yield ChangeKind[str(node.get("Operation")).upper()], relation_of(node)
        elif locks:
            yield ChangeKind.LOCK, relation_of(node)
