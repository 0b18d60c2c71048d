"""Hazards of work over all rows of a table, under a lock that its users wait for.

Not for index builds (``indexes``). The surprising thing: ``SET NOT NULL`` need not read a row, where a valid constraint proves
that there is no NULL; so what was read is asked of the shadow, and not of the text.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.assess import Blocks, Seconds, Severity
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, meant, read_by_plans, said
from lockage.core.forecast.hazards.wording import lasting, rows_in_words
from lockage.core.forecast.names import descendants
from lockage.core.forecast.new_files import rewritten
from lockage.core.forecast.trace import CatalogRelation, Traced
from lockage.core.migration.syntax import Work, WorkKind

_WHO = {Blocks.READS: "nobody can read or write it", Blocks.WRITES: "nobody can write it"}


def rewrites(seen: Seen) -> Iterator[Found]:
    """H010: all rows of a table are written anew."""
    for step, seconds in seen.own_steps:
        told: set[str] = set()
        for relation in rewritten(step):
            table = seen.trace.start.relations.get(relation.oid)
            if table is None or not seen.peopled(table.oid) or seen.root(table) in told:
                continue
            told.add(seen.root(table))
            who = _WHO.get(seen.blocked(step, relation.oid), "it is in use")
            yield Found(
                code="H010",
                severity=milder(seconds, seen.limits.reads_s),
                relation=seen.root(table),
                file=step.file,
                line=step.statement.line,
                sentence=f"{table.relation} is written anew, {rows_in_words(seen.rows(table.oid))}, while {who},"
                f" {lasting(seconds)}",
            )


def constraints_checked_at_once(seen: Seen) -> Iterator[Found]:
    """H011: a constraint is checked on all rows while users wait."""
    for step, seconds in seen.own_steps:
        for table, work in _checked(seen, step):
            if work.columns and work.kind is WorkKind.SCAN:
                continue
            who = _WHO[seen.blocked(step, table.oid)]
            looked = " and looked up in another table" if work.kind is WorkKind.FOREIGN_KEY and work.other else ""
            yield Found(
                code="H011",
                severity=milder(seconds, seen.limits.writes_s),
                relation=seen.root(seen.trace.start.relations[table.oid]),
                file=step.file,
                line=step.statement.line,
                sentence=f"{rows_in_words(seen.rows(table.oid))} of {table.relation} are checked{looked} while {who},"
                f" {lasting(seconds)}",
            )


def not_null_by_scan(seen: Seen) -> Iterator[Found]:
    """H012: SET NOT NULL reads all rows, since nothing proves that there is no NULL."""
    for step, seconds in seen.own_steps:
        for table, work in _checked(seen, step):
            if not work.columns or work.kind is not WorkKind.SCAN:
                continue
            yield Found(
                code="H012",
                severity=milder(seconds, seen.limits.reads_s),
                relation=seen.root(seen.trace.start.relations[table.oid]),
                file=step.file,
                line=step.statement.line,
                sentence=f"{rows_in_words(seen.rows(table.oid))} of {table.relation} are read for a NULL in"
                f" {', '.join(work.columns)} while {_WHO[seen.blocked(step, table.oid)]}, {lasting(seconds)}",
            )


def _checked(seen: Seen, step: Traced) -> Iterator[tuple[CatalogRelation, Work]]:
    """Existing tables whose rows were read for a constraint, under a lock that stops at least their writers."""
    if not step.succeeded:
        return
    told: set[tuple[int, WorkKind, bool]] = set()
    for statement in said(step):
        if statement.node != "alter_table_stmt":
            continue
        for work in statement.works:
            if work.kind not in {WorkKind.SCAN, WorkKind.FOREIGN_KEY}:
                continue
            for table in meant(work.relation, step):
                what = (table.oid, work.kind, bool(work.columns))
                if what in told or not seen.peopled(table.oid) or seen.blocked(step, table.oid) not in _WHO:
                    continue
                if _was_read(step, table.oid):
                    told.add(what)
                    yield table, work


def _was_read(step: Traced, oid: int) -> bool:
    """Whether its rows, of which the shadow has none, were gone through; where nobody asked, the text is believed."""
    scanned = step.observation.scanned
    if scanned is None:
        return True
    below = {relation.oid for relation in descendants(oid, step.before) if relation.kind == "r"}
    return bool({oid, *below} & ({*scanned} | read_by_plans(step)))


def milder(seconds: Seconds, limit_s: float) -> Severity | None:
    """A note where it is over within the limit at worst, else what the catalogue says."""
    return Severity.NOTE if seconds.high is not None and seconds.high <= limit_s else None
