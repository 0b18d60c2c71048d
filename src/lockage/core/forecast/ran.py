"""Everything that ran when one traced statement was executed: itself, and what blocks, functions and triggers ran inside it.

Not for what did not run (``gaps``). The surprising thing: a change of a view's rows is left to its plan, which names the table
below; the text cannot.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from lockage.core.forecast.names import resolve
from lockage.core.forecast.trace import Traced
from lockage.core.migration.statement import fingerprint, split_statements
from lockage.core.migration.syntax import Change, ChangeKind, Statement
from lockage.errors import UsageError

_LOOK_AT_PARENT = re.compile(r"OPERATOR\(pg_catalog\.=\).* FOR KEY SHARE OF x$", re.DOTALL)
"""How a foreign key asks for a parent, where there is a row: which it locks is known from the catalog, with the key's value.
Source: PostgreSQL 18, src/backend/utils/adt/ri_triggers.c, RI_FKey_check."""


def plans_of(step: Traced) -> tuple[Mapping[str, object], ...]:
    """The plans that were carried out: an EXPLAIN without ANALYZE shows one that was not."""
    if step.statement.node == "explain_stmt" and not step.statement.changes:
        return ()
    return step.observation.plans


def statements_inside(step: Traced) -> Iterator[Statement]:
    """The statements that ran inside, each once; not the statement itself."""
    seen = {fingerprint(step.statement.text)}
    # Plans first: their texts have the constants, of which the server's counts keep only $1.
    texts = [str(plan.get("Query Text", "")) for plan in plans_of(step)]
    for text in (*texts, *(step.observation.inner or ())):
        if fingerprint(text) in seen:
            continue
        seen.add(fingerprint(text))
        try:
            yield from split_statements(text, file="inner")
        except UsageError:
            continue  # a server's $1 can stand where the grammar has no parameter


def told_by_texts(step: Traced) -> Mapping[str, frozenset[int]]:
    """By the text of each query that ran: the tables whose change of rows the text itself says, where no rule adds to it."""
    ruled = {rewrite.table_oid for rewrite in step.rules.rewrites}
    texts = {str(plan.get("Query Text", "")) for plan in plans_of(step)}
    alike = Counter(fingerprint(text) for text in {*texts, step.statement.text})
    found: dict[str, frozenset[int]] = {}
    for text in texts:
        if alike[fingerprint(text)] > 1:
            continue  # of those that differ in constants alone only one is read
        try:
            statements = split_statements(text, file="inner")
        except UsageError:
            continue
        named = {
            r
            for s in statements
            for c in s.changes
            if c.merges or c.kind is not ChangeKind.MERGE
            for r in resolve(c.relation, step.before)
        }
        if named and not any(relation.kind == "v" or relation.oid in ruled for relation in named):
            found[text] = frozenset(relation.oid for relation in named)
    return found


def changes_of(step: Traced) -> Iterator[Change]:
    """The changes of rows of everything that ran, but for those of views."""
    for statement in (step.statement, *statements_inside(step)):
        if _LOOK_AT_PARENT.search(statement.text):
            continue
        for change in statement.changes:
            if not step.observation.plans or not any(r.kind == "v" for r in resolve(change.relation, step.before)):
                yield change
