"""The compatibility corpus: changes of ``tests/corpus/compatibility``, each with queries of an old release that break or hold.

A case begins with ``--! name``, behind which may stand ``[role]``; then comes the change, then queries, each behind
``--? breaks`` or ``--? holds``. That is no expectation but a claim: the truth is measured on kept sessions of a database with
data (``Truth``). ``by value`` says that nobody can tell who does not know the query's values, as ``pg_stat_statements`` does
not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from lockage.core.forecast.compatibility import Sure
from lockage.core.release.statements import OldStatement
from lockage.ports import Shadow

FOLDER = Path(__file__).parents[1] / "corpus" / "compatibility"
SCHEMA = (FOLDER / "schema.sql").read_text()
DATA = (FOLDER / "data.sql").read_text()

_EMPTY = """
    drop schema if exists archive, attic cascade;
    drop schema public cascade;
    create schema public;
    grant usage on schema public to public;
"""

_HEAD = re.compile(r"^--! (?P<name>[^\[\n]+?)(?: \[(?P<role>\w+)\])?$", re.MULTILINE)
_QUERY = re.compile(r"^--\? (?P<verdict>breaks|holds)(?P<by_value> by value)?$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """One query of the old release, with its values."""

    text: str
    breaks: bool
    by_value: bool


@dataclass(frozen=True)
class Case:
    """One change with its queries."""

    name: str
    change: str
    queries: tuple[Query, ...]
    role: str | None = None


def cases() -> tuple[Case, ...]:
    """All cases, those that break something first."""
    return tuple(case for name in ("breaks", "holds") for case in _cases_of((FOLDER / f"{name}.sql").read_text()))


def _cases_of(text: str) -> Iterator[Case]:
    heads = list(_HEAD.finditer(text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : following.start() if following else len(text)]
        marks = list(_QUERY.finditer(body))
        queries = tuple(
            Query(
                text=body[mark.end() : after.start() if after else len(body)].strip(),
                breaks=mark["verdict"] == "breaks",
                by_value=bool(mark["by_value"]),
            )
            for mark, after in zip(marks, [*marks[1:], None], strict=True)
        )
        yield Case(name=head["name"], role=head["role"], change=body[: marks[0].start()].strip(), queries=queries)


class Truth:
    """A server with ``pg_stat_statements`` and the corpus' data, on which changes are really made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._admin = psycopg.connect(server.url(), autocommit=True)
        self._admin.execute("create database stock")
        with psycopg.connect(server.url("stock"), autocommit=True) as session:
            session.execute("create extension pg_stat_statements")
            session.execute(SCHEMA)
            session.execute(DATA)

    def close(self) -> None:
        self._admin.close()

    @contextmanager
    def _copy(self) -> Iterator[str]:
        self._admin.execute("create database tried template stock")
        try:
            yield self._server.url("tried")
        finally:
            self._admin.execute("drop database tried with (force)")

    def of(self, case: Case) -> tuple[dict[str, str | None], dict[str, str]]:
        """Each query's SQLSTATE behind the change (None: it still works), and its text as pg_stat_statements prints it."""
        with self._copy() as url, closing(psycopg.connect(url, autocommit=True)) as kept:
            kept.execute("set plan_cache_mode = auto")
            printed: dict[str, str] = {}
            for number, query in enumerate(case.queries):
                kept.execute(f"prepare kept_{number} as {query.text}".encode())
                assert _failure(kept, f"execute kept_{number}", case.role) is None, f"{case.name}: {query.text}"
                printed[query.text] = self._printed(kept, query.text)
            with closing(psycopg.connect(url, autocommit=True)) as migrator:
                migrator.execute(case.change.encode())
            found = {
                query.text: _failure(kept, f"execute kept_{number}", case.role) or _failure(kept, query.text, case.role)
                for number, query in enumerate(case.queries)
            }
        return found, printed

    def _printed(self, session: psycopg.Connection[tuple[object, ...]], text: str) -> str:
        session.execute("select pg_stat_statements_reset()")
        session.execute("begin")
        session.execute(text.encode())
        session.execute("rollback")
        rows = session.execute(
            "select query from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())"
            " and toplevel and query !~* '^(begin|rollback|set|select pg_stat)'"
        ).fetchall()
        assert len(rows) == 1, rows
        return str(rows[0][0])


def _failure(session: psycopg.Connection[tuple[object, ...]], text: str, role: str | None) -> str | None:
    try:
        with session.transaction(force_rollback=True):
            if role is not None:
                session.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            session.execute(text.encode())
    except psycopg.Error as error:
        return error.sqlstate or "unknown"
    return None


def said(shadow: Shadow, case: Case, texts: list[str]) -> dict[str, Sure]:
    """What breaks, or may, and how surely."""
    shadow.run(_EMPTY)
    shadow.run(SCHEMA)
    with shadow.statements() as old:
        assert old.prepare([OldStatement(text=text, role=case.role) for text in texts]) == ()
        shadow.run(case.change)
        return {each.statement.text: each.sure for each in old.broken().breaks}
