"""Hazards of building indexes.

Not for how long a build takes. The surprising thing: ``CONCURRENTLY`` has hazards of its own. A build that fails leaves an
index behind that costs and helps nobody, and it waits for every older transaction, those of the migrator itself included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockage.core.forecast.assess import Answer, Blocks, Severity
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, built, said
from lockage.core.forecast.hazards.tables import milder
from lockage.core.forecast.hazards.wording import lasting, rows_in_words
from lockage.core.forecast.names import INDEX_KINDS, LISTED_KINDS, differences, owner
from lockage.core.forecast.production import IndexUse
from lockage.core.forecast.trace import CatalogRelation, Traced
from lockage.core.migration.formats.format import MigratorLock


def builds_that_block(seen: Seen) -> Iterator[Found]:
    """H020: an index is built while nobody can write its table."""
    for step, seconds in seen.own_steps:
        told: set[str] = set()
        for _, table in _old_tables(seen, step):
            blocks = seen.blocked(step, table.oid)
            if blocks not in {Blocks.READS, Blocks.WRITES} or seen.root(table) in told:
                continue
            told.add(seen.root(table))
            who = "read or write" if blocks is Blocks.READS else "write"
            yield Found(
                code="H020",
                severity=milder(seconds, seen.limits.writes_s),
                relation=seen.root(table),
                file=step.file,
                line=step.statement.line,
                sentence=f"an index over {rows_in_words(seen.rows(table.oid))} of {table.relation} is built while nobody can"
                f" {who} it, {lasting(seconds)}",
            )


def invalid_indexes(seen: Seen) -> Iterator[Found]:
    """H021: an index stays behind that no query uses, or did already."""
    dropped = _dropped(seen)
    for index in seen.production.invalid_indexes or ():
        if index.index in dropped:
            continue
        yield Found(
            code="H021",
            relation=index.relation,
            sentence=f"{index.index} on {index.relation} is invalid since a build of it failed: every write pays for it, no"
            " query uses it, and IF NOT EXISTS passes over it",
            remedy=f"DROP INDEX CONCURRENTLY {index.index}, and build it anew",
        )
    holding = {(check.file, check.line) for check in seen.forecast.checks if check.answer is Answer.HOLDS}
    for step, _ in seen.own_steps:
        if (step.file, step.statement.line) in holding or not _concurrent(step):
            continue
        if not any(statement.unique for statement in said(step)):
            continue
        for index, table in _old_tables(seen, step):
            yield Found(
                code="H021",
                relation=seen.root(table),
                file=step.file,
                line=step.statement.line,
                sentence=f"where two of {rows_in_words(seen.rows(table.oid))} of {table.relation} are alike, the concurrent"
                f" build fails and leaves {index.relation} behind, invalid",
            )


def _dropped(seen: Seen) -> set[str]:
    """Names of the indexes of before the script that it drops."""
    steps = seen.trace.statements
    end = steps[-1].after.relations if steps else seen.trace.start.relations
    return {r.relation for oid, r in seen.trace.start.relations.items() if r.kind in {"i", "I"} and oid not in end}


def indexes_that_go(seen: Seen) -> Iterator[Found]:
    """H023: an index of a large table is dropped, and the script has built none on it that may stand in its place.

    Milder where another index begins with its columns, or where nobody has used it for long.
    """
    useless = {index.index for index in seen.production.invalid_indexes or ()}
    built_on: set[int] = set()
    for step, _ in seen.own_steps:
        if not step.succeeded:
            continue
        by_root: dict[str, list[tuple[CatalogRelation, CatalogRelation]]] = {}
        for index, table in _gone(seen, step):
            rows = seen.rows(table.oid)
            few = rows is not None and rows < seen.limits.many_rows
            if not few and index.relation not in useless and table.oid not in built_on:
                by_root.setdefault(seen.root(table), []).append((index, table))
        for root, gone in by_root.items():
            yield _going(seen, step, root, gone)
        built_on |= {table.oid for _, table in built(step)}


@dataclass(frozen=True, slots=True)
class _Use:
    """What is known of the use of an index."""

    words: str
    scans: float  # infinite: not known
    mild: bool = False  # whether nobody will miss it
    successor: str | None = None


def _going(seen: Seen, step: Traced, root: str, gone: list[tuple[CatalogRelation, CatalogRelation]]) -> Found:
    """The one of these indexes of a table that is missed most, as far as that is known."""
    # Queries use the indexes of partitions, which go with the one that the statement names.
    leaves = [index for index, _ in gone if index.kind == "i"]
    named = [pair for pair in gone if pair[0].kind == "I"] or gone
    told = [(index, table, _use(seen, leaves if index.kind == "I" else [index])) for index, table in named]
    index, table, use = max(told, key=lambda one: (not one[2].mild, one[2].scans))
    then = f"goes through {rows_in_words(seen.rows(table.oid))} of {table.relation} from then on"
    return Found(
        code="H023",
        severity=Severity.NOTE if use.mild else None,
        relation=root,
        file=step.file,
        line=step.statement.line,
        sentence=f"{index.relation} is dropped, {use.words}: a query that rests on it"
        f" {'can use that one' if use.successor else then}",
    )


def _use(seen: Seen, parts: Sequence[CatalogRelation]) -> _Use:
    """What is known of an index, or of one of a partitioned table by those of its partitions."""
    counted = {use.index: use for use in seen.production.index_uses or ()}
    known = [counted[part.relation] for part in parts if part.relation in counted]
    if not known or len(known) < len(parts):
        return _Use("and how often it is used is not known", math.inf)
    gone = _dropped(seen)
    covers = [next((name for name in use.covered_by if name not in gone), None) for use in known]
    if all(covers) and not any(use.enforces for use in known):
        return _Use(f"and {covers[0]} begins with the same columns", 0, mild=True, successor=covers[0])
    return _counted(seen, known)


def _counted(seen: Seen, uses: Sequence[IndexUse]) -> _Use:
    production = seen.production
    since = f" since {production.uses_since:%Y-%m-%d}" if production.uses_since else ""
    scans = sum(use.scans for use in uses)
    if scans:
        last = max((use.last_at for use in uses if use.last_at), default=None)
        times = "once" if scans == 1 else f"{scans} times"
        return _Use(f"which was scanned {times}{since}{f', last on {last:%Y-%m-%d}' if last else ''}", scans)
    never = f"which was never scanned{since}"
    if any(use.enforces for use in uses):
        return _Use(f"{never}, but does more than find rows", 0)
    if production.standbys != ():
        return _Use(f"{never}, which says nothing of replicas", 0)
    if production.uses_since is None or production.seen_at is None:
        return _Use(f"{never}, and how long that is, is not known", 0)
    if (production.seen_at - production.uses_since).total_seconds() < seen.limits.unused_s:
        return _Use(f"{never}, which is too short a time to tell", 0)
    return _Use(never, 0, mild=True)


def _gone(seen: Seen, step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Indexes of before the script that are not there behind a statement, each with its table, which stays."""
    if any(new is None for statement in said(step) for _, _, new in statement.removed_columns):
        return  # whoever names the column fails, with its index or without
    changes = tuple(differences(step.before, step.after))
    new = {after.relation for _, before, after in changes if before is None and after is not None}
    for oid, before, after in changes:
        if before is None or after is not None or before.kind not in INDEX_KINDS or oid not in seen.trace.start.relations:
            continue
        if before.relation in new:
            continue  # made anew under its name, as by a change of a column's type
        table = owner(before, step.before)
        start = seen.trace.start.relations.get(table.oid)
        if table.oid in step.after.relations and start is not None and start.kind in LISTED_KINDS:
            yield before, start


def builds_that_wait_for_the_migrator(seen: Seen) -> Iterator[Found]:
    """H022: a concurrent build waits for a transaction that the migrator itself, or another one, keeps open."""
    lock = seen.migrator_lock
    if lock is MigratorLock.NONE:
        return
    for step, _ in seen.own_steps:
        if not _concurrent(step):
            continue
        for _, table in _old_tables(seen, step):
            own = lock is MigratorLock.OTHER_SESSION
            yield Found(
                code="H022",
                relation=seen.root(table),
                file=step.file,
                line=step.statement.line,
                sentence=f"the concurrent build on {table.relation} waits for "
                + (
                    "the transaction in which the migrator itself holds its lock, for ever, unless it is told to lock otherwise"
                    if own
                    else "every other replica that waits for the migrator's lock, and they wait for it: PostgreSQL ends one of"
                    " them as a deadlock"
                ),
            )


def _concurrent(step: Traced) -> bool:
    return step.succeeded and step.observation.ran_outside and step.statement.concurrently


def _old_tables(seen: Seen, step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Indexes that were built, each with its table as it was before the script, where that may have rows."""
    for index, table in built(step):
        before = seen.trace.start.relations.get(table.oid)
        if before is not None and seen.peopled(table.oid):
            yield index, before
