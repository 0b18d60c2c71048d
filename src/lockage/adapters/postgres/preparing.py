"""Prepares the running release's statements under names of our own, typed literals put back where ``$1`` cannot be typed.

Not for executing them (``old_statements``). The surprising thing: a role without the privilege can prepare all the same, for
PostgreSQL looks at privileges only when it executes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.circumstances import Rows, further, usual_rows, where_all_is_shown
from lockage.adapters.postgres.copying import Shape, query_of, shape_of
from lockage.adapters.postgres.pipelined import Answer, Command, Describe, Prepare, answers
from lockage.adapters.postgres.reaching_out import words_of
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.compatibility import Unchecked, Why
from lockage.core.migration.placeholders import SYNTAX_ERROR, Objection, Typing, of_drivers, placeholders, typed
from lockage.core.migration.within import WholeCopy, beginning_of, is_kept, to_prepare, whole_copy
from lockage.core.release.statements import OldStatement

_NOT_FOUND = re.compile(r"^(relation|function|type|operator) .* does not exist")
"""What the server says of a name that is in no schema of the search_path. It is English on a shadow."""

TYPING_LIMIT_S = 10.0
"""For trying types and literals, all statements together; a hard one takes some 20 ms."""

LAST_WORD = 64
"""Characters at the end of a text in which the server may stumble over a word that was cut: as long as names are."""

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
    rows: Rows = field(default_factory=Rows)
    widened: bool = False  # in circumstances that may never come, beside the statement itself
    guessed: bool = False  # with a literal that nobody knows
    loosened: bool = False  # with parameters for literals
    other: bool = False  # with values that differ from those of the made-up rows
    copied: tuple[WholeCopy, Shape] | None = None
    unkept: bool = False  # the server analyses it anew each time that it comes
    cut: str = ""  # it is the beginning only of what was cut off: what the server says of the whole


class Preparing:
    """Prepares statements on one session."""

    def __init__(self, session: psycopg.Connection[TupleRow]) -> None:
        self._session = session
        self._types: dict[str, int] = {}
        self._own: tuple[str, ...] | None = None
        self._until = time.monotonic() + TYPING_LIMIT_S

    def prepare(
        self, statements: Sequence[OldStatement], *, path_of: Callable[[OldStatement], str | None]
    ) -> list[Prepared | Unchecked]:
        """Each statement prepared, or why it is not; names that are not found are looked for in all schemas.

        ``path_of`` gives the search_path under which a statement comes, None: the session's.
        """
        paths = list(dict.fromkeys(path_of(each) for each in statements))
        found: dict[OldStatement, Prepared | Unchecked] = {}
        for number, path in enumerate(paths):
            those = [each for each in statements if path_of(each) == path]
            found |= self._under(path, those, prefix=f"lockage_{number}")
            lost = [each for each in those if isinstance(f := found[each], Unchecked) and _NOT_FOUND.search(f.reason)]
            wide = self._all_schemas(path) if lost else None
            if wide is not None:
                again = self._under(wide, lost, prefix=f"lockage_far_{number}")
                found |= {each: one for each, one in again.items() if isinstance(one, Prepared)}
        return [found[each] for each in statements]

    def _under(
        self, path: str | None, statements: Sequence[OldStatement], *, prefix: str
    ) -> dict[OldStatement, Prepared | Unchecked]:
        if path is None:
            return dict(zip(statements, self._prepared(statements, prefix=prefix), strict=True))
        with self._on_path(path):
            found = list(self._prepared(statements, prefix=prefix))
        there = [replace(one, path=path) if isinstance(one, Prepared) else one for one in found]
        return dict(zip(statements, there, strict=True))

    @contextmanager
    def _on_path(self, path: str | None) -> Generator[None]:
        if path is not None:
            self._session.execute("select pg_catalog.set_config('search_path', %s, false)", [path])
        yield
        if path is not None:
            self._session.execute("reset search_path")

    def _all_schemas(self, path: str | None) -> str | None:
        """A search_path with all other schemas behind it; None where there are none."""
        with self._on_path(path):
            row = self._session.execute(load_sql("select_wide_path")).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def _prepared(self, statements: Sequence[OldStatement], *, prefix: str) -> Iterator[Prepared | Unchecked]:
        named = [(statement, f"{prefix}_{number}".encode()) for number, statement in enumerate(statements)]
        copies = {name: copied for statement, name in named if (copied := self._copied(statement.text)) is not None}
        queries = {name: query for statement, name in named if (query := to_prepare(statement.text)) is not None}
        queries |= {name: query_of(*copied) for name, copied in copies.items()}
        sent = answers(self._session, ((Prepare(name=name, text=text), Describe(name=name)) for name, text in queries.items()))
        found = dict(zip(queries, list(sent), strict=True))
        for statement, name in named:
            if name not in found:
                yield Unchecked(statement=statement, why=Why.UTILITY)
            else:
                one = self._one(statement, name, queries[name], found[name])
                if isinstance(one, Prepared):
                    one = replace(one, copied=copies.get(name), unkept=not is_kept(statement.text))
                yield one

    def _copied(self, text: str) -> tuple[WholeCopy, Shape] | None:
        copied = whole_copy(text)
        shape = shape_of(self._session, copied.table) if copied is not None else None
        return (copied, shape) if copied is not None and shape is not None else None

    def widen(self, prepared: Sequence[Prepared], *, hiding: frozenset[str] = frozenset()) -> Iterator[Prepared]:
        """The statements in circumstances that may never come: without conditions, and on other rows.

        ``hiding``: names, in lower case, of what may keep rows from whoever names it.
        """
        wider = [
            replace(
                each,
                name=each.name + way.mark,
                text=way.text,
                declared=each.types,
                rows=way.rows,
                guessed=way.guessed,
                loosened=way.loosened,
                other=way.other,
                widened=True,
            )
            for each in prepared
            for way in (*further(each.text), *([where_all_is_shown(each.text)] if words_of(each.text) & hiding else []))
        ]
        for path in dict.fromkeys(each.path for each in wider):
            those = [each for each in wider if each.path == path]
            with self._on_path(path):
                # Parameters keep their numbers, so that the types of those that are gone must be said.
                sent = list(answers(self._session, (_described(each) for each in those)))
            for each, answer in zip(those, sent, strict=True):
                if answer.failure is None:
                    more = len(answer.parameter_types) - len(each.declared)  # of another row, whose types the server chooses
                    yield replace(each, declared=each.declared + (0,) * more, types=answer.parameter_types)

    def _one(self, statement: OldStatement, name: bytes, query: str, answer: Answer) -> Prepared | Unchecked:
        rows = usual_rows(query)
        if answer.failure is None:
            return Prepared(statement=statement, name=name, text=query, declared=(), types=answer.parameter_types, rows=rows)
        query = of_drivers(query) or query
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
                    rows=rows,
                    guessed=found.text != query,
                )
        beginning = beginning_of(query) if _is_cut(query, answer) else None
        if beginning is not None:
            return self._beginning(statement, name, beginning, answer.failure.message)
        return Unchecked(statement=statement, why=Why.FAILS, reason=answer.failure.message)

    def _beginning(self, statement: OldStatement, name: bytes, text: str, reason: str) -> Prepared | Unchecked:
        (answer,) = answers(self._session, [(Prepare(name=name, text=text), Describe(name=name))])
        if answer.failure is not None:
            return Unchecked(statement=statement, why=Why.FAILS, reason=reason)
        types = answer.parameter_types
        return Prepared(statement=statement, name=name, text=text, declared=(), types=types, rows=usual_rows(text), cut=reason)

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


def _is_cut(text: str, answer: Answer) -> bool:
    """Whether the server's trouble begins where a text ends, as that of one that was cut off does."""
    failure = answer.failure
    if failure is None or failure.sqlstate != SYNTAX_ERROR:
        return False
    at_end = "at end of input" in failure.message or failure.message.startswith("unterminated")
    return at_end or answer.position > len(text) - LAST_WORD


def _described(prepared: Prepared) -> tuple[Command, ...]:
    return Prepare(name=prepared.name, text=prepared.text, types=prepared.declared), Describe(name=prepared.name)


def _objection(answer: Answer) -> Objection | None:
    if answer.failure is None:
        return None
    return Objection(sqlstate=answer.failure.sqlstate, message=answer.failure.message, position=answer.position)
