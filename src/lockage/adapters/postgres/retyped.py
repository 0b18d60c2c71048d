"""Parameters whose types took more before a script than those that sessions learn for them behind it.

Not for statements that are refused (``old_statements``). The surprising thing: one that is kept goes on as it was, with a
conversion that the server puts in; only a session that prepares it anew sends a value that the new type refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.executing import Executing, Way
from lockage.adapters.postgres.preparing import Prepared
from lockage.core.forecast.narrowing import takes_fewer_texts
from lockage.core.forecast.strictness import Strictness
from lockage.core.forecast.trace import Failure
from lockage.core.sqlstate import INVALID_TEXT_REPRESENTATION


def retyped(
    session: psycopg.Connection[TupleRow],
    executing: Executing,
    prepared: Sequence[Prepared],
    before: Strictness,
    now: Strictness,
) -> Iterator[tuple[Prepared, Failure]]:
    """The statements of which a parameter takes less now, each with the failure that it meets then."""
    those = [each for each in prepared if each.types and not each.widened]
    after = executing.run(those, Way.PARSED)
    changed: dict[str, list[tuple[int, int]]] = {}
    for each in those:
        if each.name in after and after[each.name] is None:
            pairs = zip(each.types, executing.described[each.name], strict=False)
            changed[each.name.decode()] = [(was, is_now) for was, is_now in pairs if was != is_now]
    names = _type_names(session, {oid for pairs in changed.values() for pair in pairs for oid in pair})
    for each in those:
        for was, is_now in changed.get(each.name.decode(), ()):
            lost = (
                before.labels[was] - now.labels[is_now] if was in before.labels and is_now in now.labels else frozenset[str]()
            )
            if lost:
                message = f"a parameter's enum has lost {', '.join(sorted(lost))}"
            elif takes_fewer_texts(names.get(was, ""), names.get(is_now, "")):
                message = f"a parameter became {names[is_now]}, and fails on values that fitted into {names[was]}"
            else:
                continue
            yield (
                each,
                Failure(sqlstate=INVALID_TEXT_REPRESENTATION, message=f"{message} (in sessions that begin after the script)"),
            )
            break


def _type_names(session: psycopg.Connection[TupleRow], oids: Collection[int]) -> dict[int, str]:
    if not oids:
        return {}
    query = "select oid::bigint, pg_catalog.format_type(oid, null) from pg_catalog.pg_type where oid = any (%s::oid[])"
    return {int(oid): str(name) for oid, name in session.execute(query, [list(oids)])}
