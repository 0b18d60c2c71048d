"""Prepares the running release's statements under names of our own, typed literals put back where ``$1`` cannot be typed.

Not for executing them (``old_statements``). The surprising thing: a role without the privilege can prepare all the same, for
PostgreSQL looks at privileges only when it executes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.pipelined import Answer, Describe, Prepare, answers
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.compatibility import Unchecked, Why
from lockage.core.migration.placeholders import Objection, Typing, placeholders, typed
from lockage.core.migration.within import query_within
from lockage.core.migration.writes import on_every_row
from lockage.core.release.statements import OldStatement

_QUERY = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|insert|update|delete|with|merge|values|table|call)\b", re.IGNORECASE | re.DOTALL
)
"""What is executed, by its first word; the rest (SET, LISTEN, BEGIN) reads no schema."""

_NOT_FOUND = re.compile(r"^(relation|function|type|operator) .* does not exist")
"""What the server says of a name that is in no schema of the search_path. It is English on a shadow."""

TYPING_LIMIT_S = 10.0
"""For trying types and literals, all statements together; a hard one takes some 20 ms."""

OWN_TYPES_LIMIT = 30
"""Enums of the database that are tried for a parameter, after the usual types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A statement that is kept prepared."""

    statement: OldStatement
    name: bytes
    text: str  # with literals put back
    declared: tuple[int, ...]  # types that had to be said; 0: the server's choice
    types: tuple[int, ...]  # of all parameters, as the server has them
    path: str | None = None  # the search_path under which its names are found; None: the session's
    widened: bool = False  # without its condition, beside the statement itself


class Preparing:
    """Prepares statements on one session."""

    def __init__(self, session: psycopg.Connection[TupleRow]) -> None:
        self._session = session
        self._types: dict[str, int] = {}
        self._own: tuple[str, ...] | None = None
        self._until = time.monotonic() + TYPING_LIMIT_S

    def prepare(self, statements: Sequence[OldStatement]) -> list[Prepared | Unchecked]:
        """Each statement prepared, or why it is not; names that are not found are looked for in all schemas."""
        found = list(self._prepared(statements, prefix="lockage"))
        lost = [each.statement for each in found if isinstance(each, Unchecked) and _NOT_FOUND.search(each.reason)]
        path = self._all_schemas() if lost else None
        if path is None:
            return found
        self._session.execute("select pg_catalog.set_config('search_path', %s, false)", [path])
        again = list(self._prepared(lost, prefix="lockage_far"))
        self._session.execute("reset search_path")
        better = {each.statement: replace(each, path=path) for each in again if isinstance(each, Prepared)}
        return [better.get(each.statement, each) for each in found]

    def _all_schemas(self) -> str | None:
        """The session's search_path with all other schemas behind it; None where there are none."""
        row = self._session.execute(load_sql("select_wide_path")).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def _prepared(self, statements: Sequence[OldStatement], *, prefix: str) -> Iterator[Prepared | Unchecked]:
        named = [(statement, f"{prefix}_{number}".encode()) for number, statement in enumerate(statements)]
        queries = {name: query for statement, name in named if (query := _query(statement.text)) is not None}
        sent = answers(self._session, ((Prepare(name=name, text=text), Describe(name=name)) for name, text in queries.items()))
        found = dict(zip(queries, list(sent), strict=True))
        for statement, name in named:
            if name not in found:
                yield Unchecked(statement=statement, why=Why.UTILITY)
            else:
                yield self._one(statement, name, queries[name], found[name])

    def widen(self, prepared: Sequence[Prepared]) -> Iterator[Prepared]:
        """Those of the statements that a condition may keep from rows that were made up, without it."""
        wider = [
            replace(each, name=each.name + b"_w", text=text, declared=each.types, widened=True)
            for each in prepared
            if (text := on_every_row(each.text)) is not None
        ]
        # Parameters keep their numbers, so that the types of those that are gone must be said.
        sent = answers(self._session, ((Prepare(name=each.name, text=each.text, types=each.declared),) for each in wider))
        yield from (each for each, answer in zip(wider, list(sent), strict=True) if answer.failure is None)

    def _one(self, statement: OldStatement, name: bytes, query: str, answer: Answer) -> Prepared | Unchecked:
        if answer.failure is None:
            return Prepared(statement=statement, name=name, text=query, declared=(), types=answer.parameter_types)
        if placeholders(query) and time.monotonic() < self._until:
            described: list[Answer] = []

            def attempt(typing: Typing) -> Objection | None:
                answer = self._attempt(name, typing)
                described.append(answer)
                return _objection(answer)

            found = typed(query, attempt, more_types=self._own_types())
            if found is not None:
                types = described[-1].parameter_types
                declared = self._declared(found)
                return Prepared(
                    statement=statement,
                    name=name,
                    text=found.text,
                    declared=declared + (0,) * (len(types) - len(declared)),
                    types=types,
                )
        return Unchecked(statement=statement, why=Why.FAILS, reason=answer.failure.message)

    def _attempt(self, name: bytes, typing: Typing) -> Answer:
        commands = (Prepare(name=name, text=typing.text, types=self._declared(typing)), Describe(name=name))
        return next(iter(answers(self._session, [commands])))

    def _declared(self, typing: Typing) -> tuple[int, ...]:
        last = max(typing.types, default=0)
        return tuple(self._oid(typing.types[number]) if number in typing.types else 0 for number in range(1, last + 1))

    def _oid(self, name: str) -> int:
        if name not in self._types:
            # A name out of a message may be no type at all; 0 leaves the choice to the server.
            row = self._session.execute("select pg_catalog.to_regtype(%s)::oid", [name]).fetchone()
            self._types[name] = int(row[0]) if row is not None and row[0] is not None else 0
        return self._types[name]

    def _own_types(self) -> tuple[str, ...]:
        if self._own is None:
            rows = self._session.execute(
                "select pg_catalog.format_type(oid, null) from pg_catalog.pg_type where typtype = 'e' order by oid limit %s",
                [OWN_TYPES_LIMIT],
            ).fetchall()
            self._own = tuple(str(row[0]) for row in rows)
        return self._own


def _query(text: str) -> str | None:
    if _QUERY.match(text):
        return text
    within = query_within(text)
    return within if within is not None and _QUERY.match(within) else None


def _objection(answer: Answer) -> Objection | None:
    if answer.failure is None:
        return None
    return Objection(sqlstate=answer.failure.sqlstate, message=answer.failure.message, position=answer.position)
