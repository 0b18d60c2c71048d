"""The compatibility corpus: changes of ``tests/corpus/compatibility``, each with queries of an old release that break or hold.

There are two grounds, a shop and the accounts of a service, each with schema, rows and changes. A case begins with
``--! name``, behind which may stand ``[role]``; then comes the change, then queries, each behind ``--? breaks`` or
``--? holds``. That is no expectation but a claim: the truth is measured on kept sessions of a database with data (``Truth``).
``by value`` says that nobody can tell who does not know the query's values, as ``pg_stat_statements`` does not; ``direct``
that it cannot be prepared (``COPY``, ``CALL``). Behind ``--~`` stands the same as others write it.
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
from lockage.adapters.postgres.shadow import EmbeddedShadow
from lockage.core.forecast.compatibility import Sure
from lockage.core.release.statements import OldStatement
from lockage.ports import Shadow

FOLDER = Path(__file__).parents[1] / "corpus" / "compatibility"
GROUNDS = ("", "accounts")

_EMPTY = """
    drop schema if exists archive, attic, tenant_a cascade;
    drop extension if exists citext, pg_trgm, btree_gist, btree_gin cascade;
    drop publication if exists changes, feed;
    drop schema public cascade;
    create schema public;
    grant usage on schema public to public;
    grant temporary on database postgres to public;
"""

_HEAD = re.compile(r"^--! (?P<name>[^\[\n]+?)(?: \[(?P<role>\w+)\])?$", re.MULTILINE)
_QUERY = re.compile(r"^--\? (?P<verdict>breaks|holds)(?P<by_value> by value)?(?P<direct> direct)?$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """One query of the old release, with its values."""

    text: str
    breaks: bool
    by_value: bool
    direct: bool = False
    others: tuple[str, ...] = ()  # the same as libraries write it


@dataclass(frozen=True)
class Case:
    """One change with its queries."""

    name: str
    change: str
    queries: tuple[Query, ...]
    role: str | None = None
    ground: str = ""


def read(ground: str, name: str) -> str:
    """One file of a ground."""
    return (FOLDER / ground / f"{name}.sql").read_text()


def cases() -> tuple[Case, ...]:
    """All cases, those that break something first."""
    return tuple(
        case for ground in GROUNDS for name in ("breaks", "holds") for case in _cases_of(read(ground, name), ground=ground)
    )


def _cases_of(text: str, *, ground: str) -> Iterator[Case]:
    heads = list(_HEAD.finditer(text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : following.start() if following else len(text)]
        marks = list(_QUERY.finditer(body))
        queries = tuple(
            _query(mark, body[mark.end() : after.start() if after else len(body)])
            for mark, after in zip(marks, [*marks[1:], None], strict=True)
        )
        change = body[: marks[0].start()].strip()
        yield Case(name=head["name"], role=head["role"], change=change, queries=queries, ground=ground)


def _query(mark: re.Match[str], text: str) -> Query:
    own, *others = (part.strip() for part in text.split("--~ "))
    return Query(
        text=own,
        breaks=mark["verdict"] == "breaks",
        by_value=bool(mark["by_value"]),
        direct=bool(mark["direct"]),
        others=tuple(others),
    )


class Truth:
    """A server with ``pg_stat_statements`` and the corpus' data, on which changes are really made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._admin = psycopg.connect(server.url(), autocommit=True)
        for ground in GROUNDS:
            self._admin.execute(f"create database stock_{ground}".encode())
            with psycopg.connect(server.url(f"stock_{ground}"), autocommit=True) as session:
                session.execute("create extension pg_stat_statements")
                session.execute(read(ground, "schema").encode())
                session.execute(read(ground, "data").encode())

    def close(self) -> None:
        self._admin.close()

    @contextmanager
    def _copy(self, ground: str) -> Iterator[str]:
        self._admin.execute(f"create database tried template stock_{ground}".encode())
        try:
            yield self._server.url("tried")
        finally:
            self._admin.execute("drop database tried with (force)")

    def of(self, case: Case) -> tuple[dict[str, str | None], dict[str, str]]:
        """Each query's SQLSTATE behind the change (None: it still works), and its text as pg_stat_statements prints it."""
        with self._copy(case.ground) as url, closing(psycopg.connect(url, autocommit=True)) as kept:
            kept.execute("set plan_cache_mode = auto")
            printed: dict[str, str] = {}
            rows = {query.text: _row_for(kept, query.text) for query in case.queries}
            for number, query in enumerate(case.queries):
                text = query.text
                if not query.direct:
                    text = f"execute kept_{number}"
                    kept.execute(f"prepare kept_{number} as {query.text}".encode())
                assert _failure(kept, text, case.role, rows[query.text]) is None, f"{case.name}: {query.text}"
                printed[query.text] = self._printed(kept, query.text, rows[query.text])
            with closing(psycopg.connect(url, autocommit=True)) as migrator:
                migrator.execute(case.change.encode())
            with closing(psycopg.connect(url, autocommit=True)) as new:
                found = {
                    query.text: (None if query.direct else _failure(kept, f"execute kept_{number}", case.role))
                    or _failure(kept, query.text, case.role, rows[query.text])
                    or _failure(new, query.text, case.role, rows[query.text])
                    for number, query in enumerate(case.queries)
                }
        return found, printed

    def _printed(self, session: psycopg.Connection[tuple[object, ...]], text: str, row: bytes | None) -> str:
        session.execute("select pg_stat_statements_reset()")
        _failure(session, text, None, row)
        rows = session.execute(
            "select query from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())"
            " and toplevel and query !~* '^(begin|rollback|savepoint|release|set constraints|select pg_stat)'"
        ).fetchall()
        if row is not None and not rows:
            return text  # a COPY whose row is there already is not counted
        assert len(rows) == 1, rows
        return str(rows[0][0])


_COPIED_FROM = re.compile(r"copy\s+(?P<table>[^\s(]+)\s*(?:\((?P<columns>.*?)\))?\s*from\s+stdin", re.IGNORECASE)


def _row_for(session: psycopg.Connection[tuple[object, ...]], text: str) -> bytes | None:
    """What an old release sends for a COPY FROM: a row of the table as it was."""
    found = _COPIED_FROM.match(text)
    if found is None:
        return None
    copy = f"copy (select {found['columns'] or '*'} from {found['table']} limit 1) to stdout"
    form = " with (format csv)" if "csv" in text else ""
    with session.cursor() as cursor, cursor.copy((copy + form).encode()) as rows:
        return b"".join(bytes(row) for row in rows)


def _failure(
    session: psycopg.Connection[tuple[object, ...]], text: str, role: str | None, row: bytes | None = None
) -> str | None:
    try:
        with session.transaction(force_rollback=True):
            if role is not None:
                session.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            if row is not None or re.match(r"copy\b.*\bto\s+stdout", text, re.IGNORECASE):
                with session.cursor() as cursor, cursor.copy(text.encode()) as copy:
                    if row is not None:
                        copy.write(row)
                    else:
                        list(copy)
            else:
                session.execute(text.encode())
            session.execute("set constraints all immediate")
    except psycopg.Error as error:
        # The row that is sent again is there already; what counts is whether it is taken that far.
        return None if row is not None and error.sqlstate == "23505" else error.sqlstate or "unknown"
    return None


def said(shadow: Shadow, case: Case, texts: list[str]) -> dict[str, Sure]:
    """What breaks, or may, and how surely."""
    assert isinstance(shadow, EmbeddedShadow)
    with closing(psycopg.connect(shadow.url, autocommit=True, options="-c default_transaction_read_only=off")) as session:
        session.execute("alter database postgres reset all")
    shadow.run(_EMPTY)
    shadow.run(read(case.ground, "schema"))
    with shadow.statements() as old:
        assert old.prepare([OldStatement(text=text, role=case.role) for text in texts]) == ()
        shadow.run(case.change)
        return {each.statement.text: each.sure for each in old.broken().breaks}
