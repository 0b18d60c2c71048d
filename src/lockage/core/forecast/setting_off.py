"""Which relations and routines run code that reaches out of the database when somebody uses them.

Not for what a statement says itself (``outside``). The surprising thing: it goes by words, as whatever is named in code may be
used there, and a statement that is not executed on a shadow costs little beside one that should not have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from lockage.core.forecast.trace import CatalogMark, CatalogRules, words_of
from lockage.core.migration.syntax import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching:
    """Names without their schemas, in small letters."""

    used: frozenset[str] = frozenset()  # whoever reads or changes these, or calls them, runs such code
    computed: frozenset[str] = frozenset()  # tables whose rows are computed with it: checks, generated columns, indexes

    def named_in(self, statement: Statement) -> str | None:
        """What of it a statement sets off; None: nothing, or what it names is only altered."""
        if not self.used:
            return None
        names = {name.name.lower() for name in (*statement.names, *statement.calls)}
        if statement.procedure is not None:
            names |= words_of(statement.text)
        found = names & (self.used if _uses_rows(statement) else self.computed)
        return min(found, default=None)


NOTHING = Reaching()


_USES = {"select_stmt", "create_table_as_stmt", "refresh_mat_view_stmt", "explain_stmt", "declare_cursor_stmt", "truncate_stmt"}


def _uses_rows(statement: Statement) -> bool:
    return statement.node in _USES or bool(statement.changes) or statement.procedure is not None


def reaching(mark: CatalogMark, rules: CatalogRules) -> Reaching:
    """What of a catalog runs code that reaches out, by itself or through one another."""
    found = {*rules.routine_list.outside}
    if not found:
        return NOTHING
    ties = tuple((name, others) for name, others in _ties(mark, rules) if name)
    while more := {name for name, others in ties if name not in found and others & found}:
        found |= more
    computed = {
        _bare(mark.relations[use.relation_oid].relation)
        for use in rules.uses
        if use.event == "WRITE" and use.relation_oid in mark.relations and _bare(use.routine or "") in found
    }
    return Reaching(used=frozenset(found), computed=frozenset(computed))


def _ties(mark: CatalogMark, rules: CatalogRules) -> Iterator[tuple[str, Set[str]]]:
    """Each name with those that are used where it is."""

    def table(oid: int) -> str:
        return _bare(mark.relations[oid].relation) if oid in mark.relations else ""

    yield from rules.routine_list.words
    for use in rules.uses:
        yield table(use.relation_oid), {_bare(use.routine or "")}
    for trigger in rules.triggers:
        yield table(trigger.table_oid), {_bare(trigger.routine)}
    for rule in rules.rewrites:
        yield table(rule.table_oid), words_of(rule.definition)
    for view, below in rules.views.items():
        yield table(view), {table(oid) for oid in below}
    for key in rules.foreign_keys:
        yield table(key.parent_oid), {table(key.child_oid)}
    for relation in mark.relations.values():
        for parent in relation.parent_oids:
            yield table(parent), {_bare(relation.relation)}


def _bare(name: str) -> str:
    return name.partition(".")[2].lower()
