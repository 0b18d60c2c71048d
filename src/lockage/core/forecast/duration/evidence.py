"""What a traced statement shows of its own work: new files, functions it names, tables that it was seen not to go through.

Not for what that costs (``operations``). The surprising thing: that a file is new shows that a rewrite happened, not that it
took long; on the shadow all of them are empty.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.duration.cost import SURE, Cost, Doubt
from lockage.core.forecast.duration.rates import WORK
from lockage.core.forecast.names import descendants
from lockage.core.forecast.new_files import filled_indexes
from lockage.core.forecast.trace import CatalogRelation, Traced
from lockage.core.migration.procedure import Place, read_code
from lockage.core.migration.syntax import Name, Work, WorkKind

CALLS = Doubt(below=1.2, above=2.0)
"""Of PostgreSQL's own functions that are called for each row: what they take depends on what they are given."""

OWN_CALLS = Doubt(below=3.0, above=5.0)
"""Of the user's functions: nobody knows what they do."""

_OF_THE_CLOCK = {"now", "transaction_timestamp", "statement_timestamp"}
"""Functions that give what is known already."""

_SLOW_CALLS_S = {
    **dict.fromkeys(("gen_random_uuid", "uuid_generate_v4", "uuidv4", "uuidv7", "gen_random_bytes"), 2.5e-6),
    **dict.fromkeys(("regexp_replace", "regexp_matches", "regexp_split_to_array"), 1.2e-6),
    **dict.fromkeys(("row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg"), 0.7e-6),
    **dict.fromkeys(("to_tsvector", "sha256", "sha512", "digest"), 0.4e-6),
    **dict.fromkeys(("lower", "upper", "length", "coalesce", "concat", "split_part", "date_trunc", "random"), 0.1e-6),
}
"""Seconds of the reference machine for one call, of those that are far from the rest."""


def calling(step: Traced, rows: float) -> Cost:
    """What the functions that the statement names cost, called for each row."""
    return Cost(cpu_s=rows * sum(_call_s(call, step) for call in _called(step)))


def _called(step: Traced) -> list[Name]:
    return [call for call in step.statement.calls if call.name not in _OF_THE_CLOCK]


def _call_s(call: Name, step: Traced) -> float:
    return WORK.own_call_row_s if _is_own(call, step) else _SLOW_CALLS_S.get(call.name, WORK.call_row_s)


def _is_own(call: Name, step: Traced) -> bool:
    return call.schema != "pg_catalog" and call.name in step.rules.routine_list.by_name


def doubt_of_calls(step: Traced) -> Doubt:
    """What those functions leave in doubt."""
    called = _called(step)
    if any(_is_own(call, step) for call in called):
        return OWN_CALLS
    return CALLS if called else SURE


def goes_round(step: Traced) -> bool:
    """Whether its code changes rows in a loop: on the shadow's empty tables it went round once at most."""
    code: list[tuple[str, str]] = []
    if step.statement.procedure is not None and step.statement.node == "do_stmt":
        code.append((step.statement.text, step.statement.procedure.language.lower()))
    for call in step.statement.calls:
        code += [(own.definition, own.language) for own in step.rules.routine_list.by_name.get(call.name, ())]
    return any(
        inner.place is Place.LOOP and any(statement.changes for statement in inner.statements or ())
        for text, language in code
        for inner in read_code(text, language=language).inner
    )


def passes(step: Traced) -> tuple[Work, ...]:
    """The work that the statement's text implies: an ALTER TABLE goes through a table once for all that it must look at.

    Source: PostgreSQL 18, commands/tablecmds.c, ATRewriteTables.
    """
    if step.statement.node != "alter_table_stmt":
        return step.statement.works
    once = {(work.kind, work.relation): work for work in reversed(step.statement.works) if work.kind is WorkKind.SCAN}
    return tuple(w for w in step.statement.works if w.kind is not WorkKind.SCAN or once[w.kind, w.relation] is w)


def spared(relation: CatalogRelation, step: Traced) -> bool:
    """Whether an ALTER TABLE was seen not to go through the table: a constraint, or a column that is new, proves enough."""
    scanned = step.observation.scanned
    # To look rows up for a foreign key it plans a query; nothing else that it does has a plan.
    if scanned is None or step.statement.node != "alter_table_stmt" or step.observation.plans:
        return False
    return not any(oid in scanned for oid in (relation.oid, *(below.oid for below in descendants(relation.oid, step.before))))


def newly_indexed(step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Each index that was made or filled anew, with its table; those of partitioned tables are their partitions'."""
    return ((index, table) for index, table in filled_indexes(step) if table.oid in step.before.relations)
