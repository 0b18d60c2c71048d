"""Shadows: throw-away PostgreSQL servers with production's schema, statistics and ledger, and none of its data.

Not for rehearsals, which need data. The surprising thing: a shadow's server is of our own major, not of production's; what that
may change is one of its assumptions. It listens on a Unix socket in a folder of its own and is gone, files and all, with its
context or with our process, SIGKILL included.

Codes: LK420 production's server is newer · LK421 a table is locked · LK422 a migration cannot be executed · LK423 nothing can
be read · LK424 ``pg_dump`` fails · LK425 ``psql`` fails · LK426 the shadow itself fails.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres import likeness, standins
from lockage.adapters.postgres.binaries import Binaries, embedded_binaries
from lockage.adapters.postgres.catalog import read_relations
from lockage.adapters.postgres.catalog_objects import read_catalog
from lockage.adapters.postgres.dump import RestoreError, dump_schema, locked, restore, way_for_programs
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.exchange import Outcome, exchange
from lockage.adapters.postgres.gates import MAX_GATES
from lockage.adapters.postgres.inner_statements import INNER_STATEMENTS_SETTINGS, inner_statements
from lockage.adapters.postgres.old_statements import KeptStatements
from lockage.adapters.postgres.original import Original, read_original, still_shut
from lockage.adapters.postgres.planner_facts import PlannerFacts
from lockage.adapters.postgres.plans import AUTO_EXPLAIN_SETTINGS
from lockage.adapters.postgres.session import connect, foreign_errors
from lockage.adapters.postgres.throwaway import throwaway
from lockage.adapters.postgres.traced import Tracing
from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Relation
from lockage.core.migration.statement import split_statements
from lockage.errors import RefusedError
from lockage.ports import OldStatements, Shadow, TracedSession
from lockage.settings import Watching

STATEMENT_LIMIT_S = 30.0
"""Longest run of one statement on a shadow. Without data nothing takes long; what does waits or loops."""

RUN_LIMIT_S = 120.0
"""Longest run of one earlier migration file."""

ERRORS_NAMED = 10
"""Statements of a dump that are named one by one; one missing type can take hundreds with it."""

_SETTINGS = {
    "autovacuum": "off",  # index builds and we ourselves keep the statistics as they were restored
    "max_prepared_transactions": str(MAX_GATES),
    "log_min_messages": "fatal",  # plans and a script's own failures would fill the log
    "log_min_error_statement": "panic",
    **INNER_STATEMENTS_SETTINGS,
}

_QUIET = {"event_triggers": "off", "session_preload_libraries": ""}
"""For sessions of our own on a shadow, which a script's event triggers must not notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Login:
    """How sessions of a shadow come in."""

    server: Server
    database: str
    role: str

    def session(self, what: str, *, role: str | None = None, **options: str) -> psycopg.Connection[TupleRow]:
        """Gives a session whose settings stand in its start-up packet, so that RESET ALL and DISCARD ALL leave them."""
        words = " ".join(f"-c {name}={value}" for name, value in options.items())
        url = self.server.url(self.database, user=role or self.role)
        with foreign_errors("opening a session of the shadow"):
            return psycopg.connect(
                url, autocommit=True, prepare_threshold=None, options=words, application_name=f"lockage/{what}"
            )

    def own_session(self) -> psycopg.Connection[TupleRow]:
        """Gives a session as the server's own superuser, unnoticed by event triggers."""
        return self.session("observe", role=self.server.superuser, **_QUIET)


class EmbeddedShadow:
    """One shadow, as the protocol ``Shadow`` asks for it."""

    def __init__(
        self,
        login: _Login,
        *,
        assumptions: tuple[str, ...],
        original: Original | None,
        statement_limit_s: float,
        major: int,
    ) -> None:
        self._login = login
        self._assumptions = assumptions
        self._sizes = {relation.relation: relation for relation in original.relations} if original else {}
        self._statement_limit_s = statement_limit_s
        self._major = major

    @property
    def major(self) -> int:
        """Major version of the shadow's server."""
        return self._major

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What differs from production, one sentence each; of extensions, those that are in use by now."""
        with self._login.own_session() as session, foreign_errors("reading the extensions of the shadow"):
            names = standins.standins_in_use(session)
        return self._assumptions + tuple(
            f"extension {name} is a stand-in on the shadow: its functions have the right signatures and invented results"
            for name in names
        )

    def relations(self) -> tuple[Relation, ...]:
        """Relations of the shadow as it is now; with production's sizes where production has one of that name."""
        with self._login.own_session() as session, foreign_errors("reading the relations of the shadow"):
            return tuple(self._sizes.get(found.relation, found) for found in read_relations(session))

    def catalog(self) -> tuple[CatalogObject, ...]:
        """Every object of the shadow's catalog that is no extension's."""
        with self._login.own_session() as session, foreign_errors("reading the catalog of the shadow"):
            return read_catalog(session)

    def run(self, sql: str) -> None:
        """Executes an earlier migration as a driver without arguments would: as one Query; by statements where it must be.

        Raises RefusedError (LK422) with the server's message.
        """
        with closing(self._login.session("run")) as session:
            outcome = exchange(session, sql, limit_s=RUN_LIMIT_S)
            if outcome.failure is not None and outcome.failure.sqlstate in _NEEDS_ITS_OWN:
                outcome = _one_by_one(session, sql, ended=outcome.tags)
        if outcome.failure is not None:
            raise RefusedError(
                f"an earlier migration cannot be executed on the shadow: {outcome.failure.message} "
                f"(SQLSTATE {outcome.failure.sqlstate})",
                code="LK422",
                hint="is it one for PostgreSQL, and are the migrations before it complete? Or give a database: --database URL",
            )

    @contextmanager
    def session(self) -> Generator[TracedSession]:
        """Gives a traced session that logs in as the migrating role."""
        with (
            # Not as contexts of their own, which would commit what the script left open.
            closing(self._login.session("trace", **AUTO_EXPLAIN_SETTINGS)) as traced,
            closing(self._login.own_session()) as observer,
            inner_statements(self._login.server.url("template1"), database=self._login.database) as inner,
        ):
            yield Tracing(
                traced,
                observer,
                new_observer=self._login.own_session,
                statement_limit_s=self._statement_limit_s,
                inner=inner,
                planner=PlannerFacts(traced, observer, data_dir=self._login.server.data_dir),
            )

    @contextmanager
    def statements(self) -> Generator[OldStatements]:
        """Gives a kept session for the old release's statements."""
        limits = {"statement_timeout": f"{self._statement_limit_s:g}s", "lock_timeout": "1s"}
        with closing(self._login.session("old-release", **limits)) as session:
            yield KeptStatements(session, statement_limit_s=self._statement_limit_s)


class EmbeddedShadows:
    """Makes shadows of the embedded PostgreSQL, as the protocol ``Shadows`` asks for it.

    ``ledger`` is the table whose rows a shadow gets, ``schema.name``; None looks for the names of common migrators.
    ``password`` is asked for each connection with a live database, and wins over its URL's.
    """

    def __init__(
        self,
        *,
        ledger: str | None = None,
        watching: Watching | None = None,
        statement_limit_s: float = STATEMENT_LIMIT_S,
        cache_dir: Path | None = None,
        password: Callable[[], str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._password = password
        self._watching = watching or Watching()
        self._statement_limit_s = statement_limit_s
        self._cache_dir = cache_dir

    @contextmanager
    def of_database(self, url: str) -> Generator[Shadow]:
        """Gives a shadow of the live database at ``url``; takes no lock there that could hurt, and waits for none.

        Raises RefusedError (LK420 to LK425) and what a failed login raises.
        """
        binaries = embedded_binaries()
        original, dump = self._take(url, binaries)
        with self._server(binaries) as server:
            filled = _fill(server, original, dump, binaries=binaries)
            missing = [self._ledger] if self._ledger is not None and not original.ledgers else []
            yield EmbeddedShadow(
                filled.login,
                assumptions=tuple(_assumptions(original, filled, missing, major=binaries.major)),
                original=original,
                statement_limit_s=self._statement_limit_s,
                major=binaries.major,
            )

    @contextmanager
    def empty(self, *, major: int | None = None) -> Generator[Shadow]:
        """Gives a shadow with nothing in it; ``major`` is the one asked for, and another one is an assumption."""
        binaries = embedded_binaries()
        assumptions = [] if major in (None, binaries.major) else [_other_major(major, binaries.major)]
        with self._server(binaries) as server:
            yield EmbeddedShadow(
                _Login(server=server, database="postgres", role=server.superuser),
                assumptions=tuple(assumptions),
                original=None,
                statement_limit_s=self._statement_limit_s,
                major=binaries.major,
            )

    @contextmanager
    def _server(self, binaries: Binaries) -> Generator[Server]:
        with throwaway(binaries=binaries, settings=_SETTINGS, cache_dir=self._cache_dir) as server:
            standins.offer_extensions(server)
            yield server

    def _take(self, url: str, binaries: Binaries) -> tuple[Original, bytes]:
        watching = self._watching
        with connect(
            url,
            what="shadow",
            lock_timeout_s=watching.lock_timeout_s,
            statement_timeout_s=watching.statement_timeout_s,
            connect_timeout_s=watching.connect_timeout_s,
            read_only=True,
            password=self._password,
        ) as connection:
            _require_not_newer(connection.info.server_version // 10_000, binaries.major)
            with foreign_errors("reading what a shadow needs"):
                try:
                    original = read_original(connection, ledger=self._ledger)
                except psycopg.errors.LockNotAvailable as error:
                    raise locked("the database cannot be read", lock_timeout_s=watching.lock_timeout_s) from error
                # pg_dump would wait for a locked view without a limit, and hold everything else meanwhile.
                if names := still_shut(connection, limit_s=watching.lock_timeout_s):
                    raise locked("the schema cannot be read", lock_timeout_s=watching.lock_timeout_s, names=names)
            _require_something(original)
            with way_for_programs(connection) as way:
                dump = dump_schema(way, binaries=binaries, lock_timeout_s=watching.lock_timeout_s, without=original.unreadable)
        return original, dump


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    """A server with everything put on it, and what was not."""

    login: _Login
    errors: tuple[RestoreError, ...]
    left_out: tuple[str, ...]  # settings
    collations: tuple[str, ...]  # of ICU
    present: frozenset[str]  # relations


def _fill(server: Server, original: Original, dump: bytes, *, binaries: Binaries) -> _Filled:
    login = _Login(server=server, database=original.database, role=original.migrating_role)
    with foreign_errors("preparing the shadow"):
        _name_database(server, original)
        with login.session("fill", role=server.superuser, **_QUIET) as session:
            likeness.create_roles(session, original)
            dump, collations = standins.without_icu(dump)
            standins.create_collations(session, collations)
            errors = restore(server.url(original.database), dump, binaries=binaries)
            left_out = likeness.apply_settings(session, original)
            for ledger in original.ledgers:
                likeness.put_ledger(session, ledger)
            likeness.retouch_catalog(session, original)
            likeness.lengthen_files(session, original, data_dir=server.data_dir)
            present = frozenset(relation.relation for relation in read_relations(session))
    return _Filled(login=login, errors=errors, left_out=left_out, collations=collations, present=present)


def _name_database(server: Server, original: Original) -> None:
    # Scripts say ALTER DATABASE with the name that production's has. Renaming is a hundred times faster than making one.
    name = sql.Identifier(original.database)
    with psycopg.connect(server.url("template1"), autocommit=True) as session:
        if original.encoding != "UTF8":
            session.execute(
                sql.SQL("create database {} template template0 encoding {} locale_provider libc locale 'C'").format(
                    name, sql.Literal(original.encoding)
                )
            )
        elif original.database != "postgres":
            session.execute(sql.SQL("alter database postgres rename to {}").format(name))


_NEEDS_ITS_OWN = {"25001", "55P04"}
"""What a statement says that cannot be in a transaction, and one that uses an enum's value before it is committed.

Source: PostgreSQL 18 manual, Appendix A: active_sql_transaction, unsafe_new_enum_value_usage."""


def _one_by_one(session: psycopg.Connection[TupleRow], text: str, *, ended: tuple[str, ...]) -> Outcome:
    # What came before the last COMMIT of the text's own has happened; the rest was rolled back with the whole Query.
    done = len(ended) - ended[::-1].index("COMMIT") if "COMMIT" in ended else 0
    outcome = Outcome()
    for statement in split_statements(text, file="an earlier migration")[done:]:
        outcome = exchange(session, statement.text, limit_s=RUN_LIMIT_S)
        if outcome.failure is not None:
            return outcome
    return outcome


def _require_not_newer(major: int, ours: int) -> None:
    if major > ours:
        raise RefusedError(
            f"production runs PostgreSQL {major}, and the newest shadow that can be made is of PostgreSQL {ours}",
            code="LK420",
            hint="upgrade Lockage, whose embedded PostgreSQL must not be older than production's",
        )


def _require_something(original: Original) -> None:
    tables = [relation for relation in original.relations if relation.kind in ("r", "p")]
    if tables and len(original.unreadable) >= len(tables):
        raise RefusedError(
            f"the role may read none of the {len(tables)} tables of database {original.database}",
            code="LK423",
            hint="lockage rbac --database prints the smallest role that suffices",
        )


def _assumptions(original: Original, filled: _Filled, missing_ledgers: Sequence[str], *, major: int) -> Iterator[str]:
    if original.major != major:
        yield _other_major(original.major, major)
    yield from _missing(original, filled)
    if filled.collations:
        yield f"collations of ICU ({', '.join(filled.collations)}) sort as C on the shadow"
    if original.migrating_role not in original.superusers:
        yield f"role {original.migrating_role} is a superuser on the shadow: what it lacks the privilege for does not show"
    for setting in filled.left_out:
        yield f"the script's role has {setting} in production, which does not hold on the shadow"
    for ledger in missing_ledgers:
        yield f"production has no readable table {ledger}, so the shadow's ledger is empty"


def _missing(original: Original, filled: _Filled) -> Iterator[str]:
    unreadable = {f"{schema}.{name}" for schema, name in original.unreadable}
    for name in sorted(unreadable):
        yield f"{name} could not be read, and is missing on the shadow: what touches it is unknown"
    for relation in original.relations:
        if relation.relation not in unreadable | filled.present:
            yield f"{relation.relation} could not be restored, and is missing on the shadow: what touches it is unknown"
    messages = list(dict.fromkeys(error.message for error in filled.errors))
    for message in messages[:ERRORS_NAMED]:
        yield f"the shadow did not take something of production's schema: {message}"
    if len(messages) > ERRORS_NAMED:
        yield f"the shadow did not take {len(messages) - ERRORS_NAMED} more things of production's schema"


def _other_major(wanted: int | None, major: int) -> str:
    return f"production runs PostgreSQL {wanted}, the shadow {major}: a few locks and failures differ between majors"
