"""Everything that ran when one traced statement was executed: itself, and what blocks, functions and triggers ran inside it.

Not for what did not run (``gaps``). The surprising thing: where rules or triggers take the place of a change of a view's rows,
the change is left to its plan, which names the table below; the text cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from lockage.core.forecast.names import meant
from lockage.core.forecast.rows import LOCKED
from lockage.core.forecast.rows_of_plans import idle_in
from lockage.core.forecast.rule_actions import actions_of, added_by
from lockage.core.forecast.standard_bodies import statements_of_bodies
from lockage.core.forecast.trace import Traced
from lockage.core.forecast.views_below import below_views
from lockage.core.migration.procedure import Code, Inner, read_code
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


def own_shapes(step: Traced) -> tuple[Statement, ...]:
    """The statement itself; of a run, one of each kind that differs in more than constants."""
    return step.statement.shapes or (step.statement,)


def statements_inside(step: Traced) -> Iterator[Statement]:
    """The statements that ran inside, each once; not the statement itself."""
    seen = {fingerprint(each.text) for each in own_shapes(step)}
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
    yield from statements_of_bodies(plans_of(step), mark=step.before, rules=step.rules)


def _alike_inside(step: Traced) -> Iterator[Statement]:
    """Those that ran inside and differ from another that did in their constants alone; of plans, which keep these."""
    first = {fingerprint(each.text) for each in own_shapes(step)}
    plain = {_plain(each.text) for each in step.statement.alike or (step.statement,)}
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
    """By the text of each query that ran: the tables whose change of rows the text itself says, or a rule that can be read."""
    texts = {str(plan.get("Query Text", "")) for plan in plans_of(step)}
    found: dict[str, frozenset[int]] = {}
    held = step.observation.held.oids
    read = {each.text: (each,) for each in step.statement.alike or (step.statement,)}  # from the script, and may be megabytes
    for text in texts:
        try:
            statements = read[text] if text in read else split_statements(text, file="inner")
        except UsageError:
            continue
        written = [change for statement in statements for change in statement.changes]
        changes = [_below(change, step) or change for change in written]
        added = [_added_by_rules(change, step) for change in changes]
        named = {r for c in changes for r in meant(c.relation, step.before, held)}
        if named and None not in added and not any(relation.kind == "v" for relation in named):
            named.update(r for more in added for c in more or () for r in meant(c.relation, step.before, held))
            found[text] = frozenset(relation.oid for relation in named)
    return found


def _added_by_rules(change: Change, step: Traced) -> tuple[Change, ...] | None:
    """What rules add to a change of rows; None where only the plans can say."""
    held, mark = step.observation.held.oids, step.before
    named = {relation.oid for relation in meant(change.relation, mark, held)}
    rules = [rule for rule in step.rules.rewrites if rule.table_oid in named]
    ruled = {rule.table_oid for rule in step.rules.rewrites}
    found: list[Change] = []
    for rule in rules:
        if change.kind is not ChangeKind.MERGE and rule.event != change.kind.name:
            continue
        actions = added_by(rule)
        added = [each for action in actions for each in action.changes]
        reached = [r for each in added for r in meant(each.relation, mark, held)]
        if not actions or any(r.kind == "v" or r.oid in ruled for r in reached):
            return None
        # It is joined with the rows of the user's statement, and does nothing where there are none.
        found += [replace(each, joins=each.joins or change.joins or change.has_condition) for each in added]
    return tuple(found)


def changes_of(step: Traced) -> Iterator[Change]:
    """The changes of rows of everything that ran; those of a view as the table's below, but for what only plans can tell.

    Of statements that differ in their constants alone, one stands for all.
    """
    statements = (step.statement, *statements_inside(step))
    yield from _changes(step, statements)
    yield from _by_rules(step, statements)


def every_change_of(step: Traced) -> Iterator[Change]:
    """The same, each with its own constants; without any where there were too many plans to keep."""
    statements = (step.statement, *statements_inside(step), *_alike_inside(step))
    changes = (*_changes(step, statements), *_by_rules(step, statements))
    kept = len(step.observation.plans) < PLANS_LIMIT
    return iter(changes) if kept else (replace(change, constants=()) for change in changes)


def _by_rules(step: Traced, statements: Iterable[Statement]) -> Iterator[Change]:
    """What rules make of the changes: plans name the tables, but not whom foreign keys and triggers there lead to."""
    if step.rules.rewrites:
        for statement in statements:
            if not _OF_FOREIGN_KEY.search(statement.text):
                for change in statement.changes:
                    yield from _rewritten(change, step, frozenset())


def _rewritten(change: Change, step: Traced, seen: frozenset[tuple[int, str]]) -> Iterator[Change]:
    """What rules make of a change, and of what they make of it, whether or not their conditions hold."""
    tables = {r.oid for c in (change, _below(change, step)) if c for r in meant(c.relation, step.before, None)}
    for rule in step.rules.rewrites:
        place = (rule.table_oid, rule.name)
        if rule.table_oid not in tables or place in seen or rule.event != change.kind.name:
            continue
        for made in (each for action in actions_of(rule) for each in action.changes):
            # It is joined with the rows of the user's statement, and does nothing where there are none.
            joined = replace(made, joins=made.joins or change.joins or change.has_condition)
            below = _below(joined, step)
            if below is not None:
                yield below
            yield from _rewritten(joined, step, seen | {place})


def _code_of(step: Traced) -> Code | None:
    block = step.statement.procedure
    return None if block is None else read_code(step.statement.text, language=block.language.lower())


def block_of(step: Traced) -> tuple[Inner, ...]:
    """The statements in the text of a block, in order; of anything else none."""
    code = _code_of(step)
    return () if code is None else code.inner


def _with_own_rows(step: Traced, statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements; those of a block know their place, and which of their values are keys of rows that it has inserted."""
    code = _code_of(step)
    if code is None:
        yield from statements
        return
    orders: dict[str, int] = {}
    for order, inner in enumerate(code.inner, start=1):
        if not inner.dynamic:
            orders.setdefault(_plain(inner.text), order)
    own = {fingerprint(inner.text) for inner in code.inner if not inner.dynamic}
    protected = {_plain(inner.text) for inner in code.inner if inner.protected}
    in_part = _fetched_in_part(code, step)
    for statement in statements:
        inside, order = fingerprint(statement.text) in own, orders.get(_plain(statement.text), 0)
        filled = (_filled(change, code.inserted) if inside else change for change in statement.changes)
        if _plain(statement.text) in in_part:
            filled = (change if _is_of_view(change, step) else replace(change, has_condition=True) for change in filled)
        caught = _plain(statement.text) in protected
        yield replace(
            statement, changes=tuple(replace(c, order=order, undone=caught and _is_given_back(c, step)) for c in filled)
        )


def _fetched_in_part(code: Code, step: Traced) -> frozenset[str]:
    """Queries of which the code fetches some rows only, and nothing else that it calls may ask for all."""
    routines = [_plain(routine.definition) for routine in step.rules.routine_list] if code.fetched_in_part else []
    queries = (_plain(query) for query in code.fetched_in_part)
    return frozenset(query for query in queries if not any(query in routine for routine in routines))


def _is_of_view(change: Change, step: Traced) -> bool:
    return any(relation.kind == "v" for relation in meant(change.relation, step.before, step.observation.held.oids))


def _is_given_back(change: Change, step: Traced) -> bool:
    """Whether no lock is left on the table of a change that ran, and so none on its rows, since an exception undid it."""
    held = step.observation.held.oids
    tables = meant(change.relation, step.before, held)
    return bool(tables) and not any(table.oid in held for table in tables)


def _filled(change: Change, inserted: Mapping[str, tuple[Name, str]]) -> Change:
    """A change of a block that knows which variables hold keys of rows that the block has inserted."""
    parents = tuple((place, *inserted[word]) for place, word in change.words if word in inserted)
    keys = tuple((column, *inserted[word]) for column, word in change.asked if word in inserted)
    return replace(change, own=(*change.own, *parents), own_key=keys)


def _changes(step: Traced, statements: Iterable[Statement]) -> Iterator[Change]:
    for statement in _with_own_rows(step, statements):
        if _OF_FOREIGN_KEY.search(statement.text):
            continue
        idle = idle_in(plans_of(step), statement.text, step.rules) if _is_planned_alike(statement, step) else frozenset[int]()
        # In code a name may be a variable's, whatever column is called alike.
        own = statement.text == step.statement.text
        for change in statement.changes if own else (replace(change, kept=()) for change in statement.changes):
            by_plan = step.observation.plans and change.kind is not ChangeKind.LOCK
            below = _below(change, step)
            if (below is not None or not by_plan) and not (idle and _is_idle(below or change, idle, step)):
                yield below or change


def _is_idle(change: Change, idle: frozenset[int], step: Traced) -> bool:
    if change.kind is ChangeKind.LOCK:
        return LOCKED in idle
    tables = meant(change.relation, step.before, step.observation.held.oids)
    return bool(tables) and all(table.oid in idle for table in tables)


def _is_planned_alike(statement: Statement, step: Traced) -> bool:
    """Whether a condition that the shadow's planner finds false is false in production, too.

    It is not where the planner has put a variable's value into it, or what a function of the user's made of no rows.
    """
    if any(call.name in step.rules.routine_list.by_name for call in statement.calls):
        return False
    code = _code_of(step)
    if code is None:
        return statement.text == step.statement.text and not step.statement.alike
    own = any(not inner.dynamic and inner.text.strip() == statement.text for inner in code.inner)
    return own and code.variables.isdisjoint(_WORD.findall(statement.text.lower()))


_WORD = re.compile(r"[^\W\d][\w$]*|\$\d+")


def _below(change: Change, step: Traced) -> Change | None:
    return below_views(change, mark=step.before, rules=step.rules, held=step.observation.held.oids)
