"""Executes prepared statements of the old release in one transaction, on made-up rows, and takes everything back.

Never for production. The surprising thing: before the INSERTs into a table its made-up row is deleted, since a key that exists
would hide what else they meet; the rows that they refer to stay.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import groupby

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.circumstances import Rows
from lockage.adapters.postgres.made_up_rows import Samples, drop_checks, empty_tables, fill_tables, show_all
from lockage.adapters.postgres.pipelined import Command, Describe, Execute, Prepare, Run, answers
from lockage.adapters.postgres.preparing import Prepared
from lockage.adapters.postgres.reaching_out import words_of
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.trace import Failure

STATEMENT_LIMIT_S = 2.0
"""Longest run of one statement. On a made-up row nothing takes long; what does sleeps or loops."""

_REFRESH = re.compile(r"^.*?(?P<command>refresh\s+materialized\s+view\s+)concurrently\s", re.IGNORECASE | re.DOTALL)


class Way(StrEnum):
    """How a statement is put to the server."""

    KEPT = "kept"  # the kept prepared one is executed
    PLANNED = "planned"  # it is planned and not executed
    PARSED = "parsed"  # its text is analysed anew, with no types for its parameters but those that had to be said
    ANEW = "anew"  # its text is sent anew and executed


class Executing:
    """Executes on one session; ``reaching`` are names that reach out, with which statements are only parsed.

    ``unchecked``: without the CHECK constraints of the tables that ``words`` name and of domains, which made-up values miss,
    and without the rows of production's that stand in the way of made-up ones.
    """

    def __init__(
        self,
        session: psycopg.Connection[TupleRow],
        *,
        samples: Samples,
        words: Collection[str],
        only: Collection[int] | None,
        role_of: Callable[[Prepared], str | None],
        plain_roles: Collection[str],
        reaching: frozenset[str],
        until: float,
        unchecked: bool = False,
    ) -> None:
        self._session = session
        self._samples = samples
        self._words = words
        self._only = only
        self._role_of = role_of
        self._plain_roles = plain_roles
        self._reaching = reaching
        self._until = until
        self._read_only = False
        self._unchecked = unchecked
        self.filled: Collection[int] = ()
        self.described: dict[bytes, tuple[int, ...]] = {}  # by name: the types of the parameters of what was parsed last

    def run(
        self,
        statements: Sequence[Prepared],
        way: Way,
        *,
        search_path: str | None = None,
        read_only: bool = False,
        rows: bool = True,
    ) -> dict[bytes, Failure | None]:
        """What came of each, by name; those for which there was no time are missing. ``rows``: whether any are made up."""
        self._read_only = read_only
        found: dict[bytes, Failure | None] = {}
        if not statements:
            return found
        for oid, other in {(oid, each.other) for each in statements for oid in each.types}:
            self._samples.value(oid, other=other)  # now, for nothing can be asked while commands are under way
        with self._ground(search_path, rows=rows):
            ordered = sorted(statements, key=self._scene)
            for scene, those in groupby(ordered, key=self._scene):
                found |= self._in_scene(*scene, list(those), way)
                if time.monotonic() > self._until:
                    break
        return found

    def run_as_kept(self, statements: Sequence[Prepared]) -> dict[bytes, Failure | None]:
        """What comes of each without any row made up, and so with whatever plan it has; what reaches out is left out."""
        those = [each for each in statements if not words_of(each.text) & self._reaching]
        for oid, other in {(oid, each.other) for each in those for oid in each.types}:
            self._samples.value(oid, other=other)
        found: dict[bytes, Failure | None] = {}
        for each in those:
            self._good([Run(text="begin")])
            (answer,) = answers(self._session, [[self._command(each, Way.KEPT)]])
            self._good([Run(text="rollback")])
            found[each.name] = answer.failure
        return found

    def _scene(self, prepared: Prepared) -> tuple[str, Rows, str]:
        return self._role_of(prepared) or "", prepared.rows, prepared.path or ""

    @contextmanager
    def _ground(self, search_path: str | None, *, rows: bool) -> Generator[None]:
        self._session.execute("begin")
        try:
            self._session.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(f"{STATEMENT_LIMIT_S:g}s")))
            if self._unchecked:
                drop_checks(self._session, self._words)
            self._session.execute("savepoint lockage_rows")
            try:
                if rows and self._unchecked:
                    empty_tables(self._session, self._words)
                if rows:
                    self.filled = fill_tables(self._session, self._samples, words=self._words, only=self._only)
            except psycopg.Error:
                # Without rows less is seen, but what is seen is true.
                self._session.execute("rollback to savepoint lockage_rows")
            if search_path is not None:
                self._session.execute("select pg_catalog.set_config('search_path', %s, true)", [search_path])
            self._session.execute("savepoint lockage_ground")
            yield
        finally:
            self._session.execute("rollback")
            self._session.execute("select pg_catalog.pg_advisory_unlock_all()")

    def _in_scene(
        self, role: str, rows: Rows, path: str, statements: Sequence[Prepared], way: Way
    ) -> Mapping[bytes, Failure | None]:
        self._set_scene(role, rows, path)
        return self._sent(statements, way)

    def _set_scene(self, role: str, rows: Rows, path: str) -> None:
        begun = [Run(text="rollback to savepoint lockage_ground")]
        if path:
            begun.append(Run(text="select pg_catalog.set_config('search_path', $1, true)", values=(path.encode(),)))
        self._good(begun)
        if rows.shown and (shown := show_all(self._session, self._words)) is not None:
            begun.append(Run(text=shown.decode()))
        tables = [*self._emptied(rows.emptied), *self._keeping(rows.bereaved)]
        emptied = [
            *begun,
            Run(text="set local session_replication_role = replica"),
            *(Run(text=f"delete from {table}") for table in tables),  # noqa: S608 - the statement's words, on a shadow
            Run(text="set local session_replication_role = origin"),
            Run(text="savepoint lockage_scene"),
        ]
        if not tables or words_of(" ".join(tables)) & self._reaching or not self._good(emptied):
            self._good([*begun, Run(text="savepoint lockage_scene")])
        refused = [Run(text="set local transaction_read_only = on")] if self._read_only else []
        last = [*refused, Run(text="savepoint lockage_statement")]
        if role:
            name = sql.Identifier(role).as_string(self._session)
            lowered = [Run(text=f"alter role {name} nosuperuser")] if role in self._plain_roles else []
            taken = [*lowered, Run(text=f"set local role {name}"), *last]
            if self._good(taken):
                return
        self._good([Run(text="rollback to savepoint lockage_scene"), *last])

    def _emptied(self, relation: str) -> list[str]:
        """What must be without rows for a relation to be: below a view the table, since not every row need be shown."""
        if not relation:
            return []
        below = self._session.execute(load_sql("select_table_below"), {"relation": relation}).fetchall()
        return [str(row[0]) for row in below] or [relation]

    def _keeping(self, table: str) -> list[str]:
        """Tables whose rows would keep that of a table from being deleted."""
        if not table:
            return []
        return [str(row[0]) for row in self._session.execute(load_sql("select_restricting_tables"), {"table": table})]

    def _good(self, commands: Sequence[Command]) -> bool:
        return all(answer.failure is None for answer in answers(self._session, [commands]))

    def _sent(self, statements: Sequence[Prepared], way: Way) -> dict[bytes, Failure | None]:
        back = Run(text="rollback to savepoint lockage_statement")
        # What is deferred to the commit, which never comes.
        ends: list[Command] = [Run(text="set constraints all immediate")] if way in {Way.KEPT, Way.ANEW} else []
        if way is Way.PARSED:
            ends.append(Describe(name=b""))
        sent = answers(self._session, ((back, *_before(each), self._command(each, way), *ends) for each in statements))
        found: dict[bytes, Failure | None] = {}
        for each, answer in zip(statements, sent, strict=False):
            found[each.name] = answer.failure
            if way is Way.PARSED:
                self.described[each.name] = answer.parameter_types
            if time.monotonic() > self._until:
                sent.close()
                break
        return found

    def _command(self, prepared: Prepared, way: Way) -> Command:
        if self._reaching and words_of(prepared.text) & self._reaching:
            return Prepare(name=b"", text=prepared.text, types=prepared.declared)
        values = tuple(self._samples.value(oid, other=prepared.other) for oid in prepared.types)
        if prepared.unkept:
            way = {Way.KEPT: Way.ANEW, Way.PLANNED: Way.PARSED}.get(way, way)
        match way:
            case Way.KEPT:
                return Execute(name=prepared.name, values=values)
            case Way.PARSED:
                return Prepare(name=b"", text=prepared.text, types=prepared.declared)
            case Way.ANEW:
                return Run(text=prepared.text, values=values, types=prepared.declared)
            case Way.PLANNED:
                given = ", ".join("NULL" if value is None else _literal(value) for value in values)
                return Run(text=f"explain execute {prepared.name.decode()}" + (f" ({given})" if given else ""))


def _before(prepared: Prepared) -> Iterator[Command]:
    """A view that is refreshed beside its readers must have been filled."""
    if found := _REFRESH.match(prepared.text):
        yield Run(text=found["command"] + prepared.text[found.end() :])


def _literal(value: bytes) -> str:
    text = value.decode().replace("\\", "\\\\").replace("'", "''")
    return f"E'{text}'"
