"""What may fail behind a script for values that nobody knows, by what the catalog demands now and did not before.

Not for what executing shows (``old_statements``). The surprising thing: a name can be a value too, so a relation that is gone
may break ``nextval($1)``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.preparing import Prepared
from lockage.core.forecast.compatibility import Break, Ground, Sure, demands_met, ground_of
from lockage.core.forecast.named import lost_name
from lockage.core.forecast.strictness import Strictness, lost_labels
from lockage.core.migration.syntax import Name
from lockage.core.migration.writes import writes_of
from lockage.core.release.statements import OldStatement
from lockage.core.sqlstate import INVALID_TEXT_REPRESENTATION


def demanded(
    session: psycopg.Connection[TupleRow],
    prepared: Sequence[Prepared],
    before: Strictness,
    now: Strictness,
    *,
    known: Collection[OldStatement],
    unfilled: frozenset[int],
) -> list[Break]:
    """What only values would show, of statements of which nothing is ``known``.

    ``unfilled``: tables that had a made-up row before the script, and have none behind it.
    """
    ground = ground_of(before, now, without_rows=unfilled)
    lost = lost_labels(before, now)
    resolve = _Resolving(session)
    unknown = [each for each in prepared if each.statement not in known and not each.widened]
    found = (
        _by_lost_label(each, lost) or _by_lost_name(each, before, now) or _by_demand(each, ground, resolve) for each in unknown
    )
    return [one for one in found if one is not None]


def _by_lost_label(each: Prepared, lost: Mapping[int, Collection[str]]) -> Break | None:
    labels = sorted(label for oid in set(each.types) for label in lost.get(oid, ()))
    if not labels:
        return None
    message = f"a parameter's enum has lost {', '.join(labels)}"
    return Break(statement=each.statement, sqlstate=INVALID_TEXT_REPRESENTATION, message=message, sure=Sure.VALUES)


def _by_lost_name(each: Prepared, before: Strictness, now: Strictness) -> Break | None:
    name = lost_name(each.text, each.types, before, now)
    if name is None:
        return None
    return Break(statement=each.statement, sqlstate=name.sqlstate, message=name.sentence, sure=Sure.POSSIBLE)


def _by_demand(each: Prepared, ground: Ground, resolve: _Resolving) -> Break | None:
    demands = demands_met(writes_of(each.text), ground, resolve=resolve.oid) if ground.demands else ()
    if not demands:
        return None
    first, more = demands[0], len(demands) - 1
    return Break(
        statement=each.statement,
        sqlstate=first.sqlstate,
        message=first.sentence + (f", and {more} more" if more else ""),
        sure=Sure.VALUES if first.takes_away else Sure.POSSIBLE,
    )


class _Resolving:
    """Names to oids, each asked for once."""

    def __init__(self, session: psycopg.Connection[TupleRow]) -> None:
        self._session = session
        self._known: dict[Name, int | None] = {}

    def oid(self, name: Name) -> int | None:
        if name not in self._known:
            parts = (name.schema, name.name) if name.schema else (name.name,)
            text = sql.Identifier(*parts).as_string(self._session)
            row = self._session.execute("select pg_catalog.to_regclass(%s)::oid", [text]).fetchone()
            self._known[name] = int(row[0]) if row is not None and row[0] is not None else None
        return self._known[name]
