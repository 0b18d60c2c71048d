"""Hazards for the running release: what it asks of the database and will no longer get.

Not for whether a rolling update is possible (``core.plan``). The surprising thing: what goes away is a hazard only where nobody
knows what the running release asks; where its statements were executed, they have the last word.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.assess import Broken, Severity
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, meant, said
from lockage.core.forecast.names import LISTED_KINDS, differences, resolve
from lockage.core.forecast.trace import CatalogRelation, Traced
from lockage.core.migration.shortened import shortened
from lockage.core.migration.syntax import Name


def broken_queries(seen: Seen) -> Iterator[Found]:
    """H050: statements of the running release fail, or may fail, behind the script; one hazard for each reason."""
    by_reason: dict[tuple[str, int, str, str, bool], list[Broken]] = {}
    for broken in (*seen.forecast.broken, *seen.forecast.may_break):
        reason = (broken.file, broken.line, broken.sqlstate, broken.message, broken.certain)
        by_reason.setdefault(reason, []).append(broken)
    for (file, line, sqlstate, message, certain), those in by_reason.items():
        query = shortened(those[0].query, most=80)
        yield Found(
            code="H050",
            severity=None if certain else Severity.WARNING,
            file=file,
            line=line,
            sentence=f"{_how_many(len(those), certain=certain)} once this has run: {message} (SQLSTATE {sqlstate}):"
            f" {'first ' if len(those) > 1 else ''}{query}",
        )


def _how_many(count: int, *, certain: bool) -> str:
    some = "a statement" if count == 1 else f"{count} statements"
    does = ("fails" if count == 1 else "fail") if certain else "may fail"
    return f"{some} of the running release {does}{'' if certain else ' for some values'}"


def what_goes_away(seen: Seen) -> Iterator[Found]:
    """H051: a relation or column that the running release may use is dropped or renamed, and nobody knows what it uses."""
    if seen.forecast.statements_checked:
        return
    gone: set[int] = set()
    added: set[tuple[int, str]] = set()
    for step, _ in seen.own_steps:
        if not step.succeeded:
            continue
        for before, after in _moved(seen, step):
            if before.oid not in gone:
                gone.add(before.oid)
                what = "is dropped" if after is None else f"becomes {after.relation}"
                yield _at(step, before.relation, f"{before.relation} {what}")
        yield from _columns(seen, step, added)
        added |= {(table.oid, column) for name, column in _added(step) for table in meant(name, step)}


def _added(step: Traced) -> Iterator[tuple[Name, str]]:
    for statement in said(step):
        yield from statement.added_columns


def _moved(seen: Seen, step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation | None]]:
    """Relations of before the script that a statement drops, or gives another name; not partitions, which nobody names."""
    end = seen.trace.statements[-1].after  # another relation may have taken its name by then, as a view does
    for oid, before, after in differences(step.before, step.after):
        start = seen.trace.start.relations.get(oid)
        if start is None or before is None or start.kind not in LISTED_KINDS or start.parent_oids:
            continue
        schema, _, name = start.relation.partition(".")
        if (after is None or after.relation != before.relation) and not resolve(Name(schema=schema, name=name), end):
            yield start, after


def _columns(seen: Seen, step: Traced, added: set[tuple[int, str]]) -> Iterator[Found]:
    for statement in said(step):
        for name, column, new in statement.removed_columns:
            for table in meant(name, step):
                start = seen.trace.start.relations.get(table.oid)
                if start is not None and (table.oid, column) not in added:
                    what = "is dropped" if new is None else f"becomes {new}"
                    yield _at(step, seen.root(start), f"column {column} of {start.relation} {what}")


def _at(step: Traced, relation: str, what: str) -> Found:
    return Found(
        code="H051",
        relation=relation,
        file=step.file,
        line=step.statement.line,
        sentence=f"{what}, and whether the running release uses it is not known: none of its statements were given",
    )
