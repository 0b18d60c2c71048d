"""Everything that ran when one traced statement was executed: itself, and what blocks, functions and triggers ran inside it.

Not for what did not run (``gaps``). The surprising thing: a change of a view's rows is left to its plan, which names the table
below; the text cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from lockage.core.forecast.names import meant
from lockage.core.forecast.trace import Traced
from lockage.core.migration.procedure import read_code
from lockage.core.migration.statement import fingerprint, split_statements
from lockage.core.migration.syntax import Change, ChangeKind, Name, Statement
from lockage.errors import UsageError

_OF_FOREIGN_KEY = re.compile(
    r"OPERATOR\([^)]*=\).* FOR KEY SHARE OF x$|^(?:DELETE FROM|UPDATE) .* WHERE \$\d+\S* OPERATOR\([^)]*=\) \"", re.DOTALL
)
"""How a foreign key asks for a parent, and how it acts on children, where there are rows: what it locks is known from the
catalog, with the key's value and the way from the parent.
Source: PostgreSQL 18, src/backend/utils/adt/ri_triggers.c, RI_FKey_check, RI_FKey_cascade_del, ri_set."""


PLANS_LIMIT = 1000
"""Plans kept of one statement: a loop in a function plans the same few statements again and again."""


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


def _alike_inside(step: Traced) -> Iterator[Statement]:
    """Those that ran inside and differ from another that did in their constants alone; of plans, which keep these."""
    first: set[str] = {fingerprint(step.statement.text)}
    plain = {_plain(step.statement.text)}
    for text in dict.fromkeys(str(plan.get("Query Text", "")) for plan in plans_of(step)):
        if _plain(text) in plain:
            continue
        plain.add(_plain(text))
        if fingerprint(text) not in first:
            first.add(fingerprint(text))
            continue
        with suppress(UsageError):
            yield from split_statements(text, file="inner")


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip("; ")


def told_by_texts(step: Traced) -> Mapping[str, frozenset[int]]:
    """By the text of each query that ran: the tables whose change of rows the text itself says, where no rule adds to it."""
    ruled = {rewrite.table_oid for rewrite in step.rules.rewrites}
    texts = {str(plan.get("Query Text", "")) for plan in plans_of(step)}
    found: dict[str, frozenset[int]] = {}
    held = step.observation.held.oids
    for text in texts:
        try:
            statements = split_statements(text, file="inner")
        except UsageError:
            continue
        named = {r for s in statements for c in s.changes for r in meant(c.relation, step.before, held)}
        if named and not any(relation.kind == "v" or relation.oid in ruled for relation in named):
            found[text] = frozenset(relation.oid for relation in named)
    return found


def changes_of(step: Traced) -> Iterator[Change]:
    """The changes of rows of everything that ran, but for those of views; to lock a view's rows is to lock the table's.

    Of statements that differ in their constants alone, one stands for all.
    """
    return _changes(step, (step.statement, *statements_inside(step)))


def every_change_of(step: Traced) -> Iterator[Change]:
    """The same, each with its own constants; without any where there were too many plans to keep."""
    changes = _changes(step, (step.statement, *statements_inside(step), *_alike_inside(step)))
    kept = len(step.observation.plans) < PLANS_LIMIT
    return changes if kept else (replace(change, constants=()) for change in changes)


def _with_own_parents(step: Traced, statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements; those of a block know which of their values are keys of rows that the block has inserted."""
    block = step.statement.procedure
    code = None if block is None else read_code(step.statement.text, language=block.language.lower())
    if code is None or not code.inserted:
        yield from statements
        return
    own = {fingerprint(inner.text) for inner in code.inner if not inner.dynamic}
    for statement in statements:
        inside = fingerprint(statement.text) in own
        filled = ((c, tuple(_filled(c, code.inserted)) if inside else ()) for c in statement.changes)
        yield replace(statement, changes=tuple(replace(c, own=(*c.own, *more)) for c, more in filled))


def _filled(change: Change, inserted: Mapping[str, tuple[Name, str]]) -> Iterator[tuple[int, Name, str]]:
    for place, word in change.words:
        if word in inserted:
            yield place, *inserted[word]


def _changes(step: Traced, statements: Iterable[Statement]) -> Iterator[Change]:
    held = step.observation.held.oids
    for statement in _with_own_parents(step, statements):
        if _OF_FOREIGN_KEY.search(statement.text):
            continue
        for change in statement.changes:
            by_plan = step.observation.plans and change.kind is not ChangeKind.LOCK
            if not by_plan or not any(r.kind == "v" for r in meant(change.relation, step.before, held)):
                yield change
