"""Which relations, routines and types run code that reaches out of the database when somebody uses them.

Not for what a statement says itself (``outside``). The surprising thing: it goes by words, as whatever is named in code may be
used there, and a statement that is not executed on a shadow costs little beside one that should not have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from lockage.core.forecast.names import of_kind
from lockage.core.forecast.trace import CatalogMark, CatalogRules, words_of
from lockage.core.migration.syntax import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching:
    """Names without their schemas, in small letters."""

    used: frozenset[str] = frozenset()  # whoever reads or changes these, or calls them, runs such code
    computed: frozenset[str] = frozenset()  # tables whose rows are computed with it: checks, generated columns, indexes
    types: frozenset[str] = frozenset()  # whose values are: domains by their checks, what has a column of them, casts
    operators: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()  # foreign tables: whoever counts their rows reads them
    for_all: str | None = None  # an event trigger: every statement may fire it

    def named_in(self, statement: Statement) -> str | None:
        """What of it a statement sets off; None: nothing, or what it names is only altered."""
        if not self.used:
            return None
        if self.for_all is not None and statement.node not in _FIRES_NOTHING:
            return self.for_all
        names = {name.name.lower() for name in (*statement.names, *statement.calls)}
        types = {name.name.lower() for name in statement.types}
        if statement.procedure is not None or any(call.name in _TAKES_SQL for call in statement.calls):
            names |= words_of(statement.text)
        if statement.procedure is not None or statement.node == "alter_domain_stmt":
            types = words_of(statement.text)
        found = names & (self.used if _uses_rows(statement) else self.computed)
        if statement.node == "vacuum_stmt":
            found |= names & self.foreign
        if _uses_rows(statement) or statement.node in _MAKES_VALUES:
            found |= types & self.types
            found |= {operator for operator in self.operators if operator in statement.text}
        return min(found, default=None)


NOTHING = Reaching()


_FIRES_NOTHING = {"transaction_stmt", "variable_set_stmt", "variable_show_stmt"}
_MAKES_VALUES = {"alter_table_stmt", "alter_domain_stmt", "execute_stmt", "index_stmt", "prepare_stmt", "vacuum_stmt"}
# They execute a text that they are given. Source: PostgreSQL 18 manual, 9.15.3 "Mapping Tables to XML", 12.4.4, "tablefunc".
_TAKES_SQL = {
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "ts_stat",
    "ts_rewrite",
    "crosstab",
    "connectby",
}
_USES = {"select_stmt", "create_table_as_stmt", "refresh_mat_view_stmt", "explain_stmt", "declare_cursor_stmt", "truncate_stmt"}


def _uses_rows(statement: Statement) -> bool:
    return statement.node in _USES or bool(statement.changes) or statement.procedure is not None


def reaching(mark: CatalogMark, rules: CatalogRules) -> Reaching:
    """What of a catalog runs code that reaches out, by itself or through one another."""
    foreign = {_bare(relation.relation) for relation in of_kind("f", mark)}
    found = rules.routine_list.outside | foreign
    if not found:
        return NOTHING
    kinds: dict[str, set[str]] = {}
    for kind, name in rules.leading_out:
        kinds.setdefault(kind, set()).add(name)
    found |= kinds.get("relation", set()) | kinds.get("routine", set())
    ties = tuple((name, others) for name, others in _ties(mark, rules) if name)
    while more := {name for name, others in ties if name not in found and others & found}:
        found |= more
    computed = {
        _bare(mark.relations[use.relation_oid].relation)
        for use in rules.uses
        if use.event == "WRITE" and use.relation_oid in mark.relations and _bare(use.routine or "") in found
    }
    return Reaching(
        used=frozenset(found),
        computed=frozenset(computed),
        types=frozenset(kinds.get("type", ())),
        operators=frozenset(kinds.get("operator", ())),
        foreign=frozenset(foreign),
        for_all=min(kinds.get("event trigger", ()), default=None),
    )


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
