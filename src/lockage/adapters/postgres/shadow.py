"""Shadows: throw-away PostgreSQL servers with production's schema, statistics and ledger, and next to none of its data.

Not for rehearsals, which need data. The surprising thing: a shadow's server is of production's own major where that is
installed on this machine, and otherwise of ours; what that may change is one of its assumptions. It listens on a Unix socket in
a folder of its own and is gone, files and all, with its context or with our process, SIGKILL included.

Codes: LK420 production's server is newer · LK421 a table is locked · LK422 a migration cannot be executed · LK423 nothing can
be read · LK424 ``pg_dump`` fails · LK425 ``psql`` fails · LK426 the shadow itself fails.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres import standins
from lockage.adapters.postgres.any_text import NO_ENCODING, dump_in_utf8
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.catalog import read_relations
from lockage.adapters.postgres.catalog_objects import read_catalog
from lockage.adapters.postgres.dump import dump_schema, locked, way_for_programs
from lockage.adapters.postgres.exchange import Outcome, exchange
from lockage.adapters.postgres.inner_statements import inner_statements
from lockage.adapters.postgres.old_role import old_role_of
from lockage.adapters.postgres.old_statements import KeptStatements
from lockage.adapters.postgres.original import Original, read_original, still_shut
from lockage.adapters.postgres.planner_facts import PlannerFacts
from lockage.adapters.postgres.plans import auto_explain_settings
from lockage.adapters.postgres.saved import dump_of, original_of
from lockage.adapters.postgres.session import foreign_errors, reading_session
from lockage.adapters.postgres.shadow_filling import assumptions_of, fill, other_major
from lockage.adapters.postgres.shadow_server import Login, shadow_server
from lockage.adapters.postgres.traced import Tracing
from lockage.adapters.postgres.wait_limits import BEGINS_WITH
from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Relation
from lockage.core.forecast.saved_survey import SavedSurvey, in_words
from lockage.core.migration.statement import split_statements
from lockage.core.sqlstate import ACTIVE_SQL_TRANSACTION, UNSAFE_NEW_ENUM_VALUE_USAGE
from lockage.core.wording import counted
from lockage.errors import RefusedError
from lockage.ports import OldStatements, Shadow, TracedSession
from lockage.settings import Watching

STATEMENT_LIMIT_S = 30.0
"""Longest run of one statement on a shadow. Without data nothing takes long; what does waits or loops."""

RUN_LIMIT_S = 120.0
"""Longest run of one earlier migration file."""


class EmbeddedShadow:
    """One shadow, as the protocol ``Shadow`` asks for it."""

    def __init__(
        self,
        login: Login,
        *,
        assumptions: tuple[str, ...],
        original: Original | None,
        statement_limit_s: float,
        twin: Callable[[], AbstractContextManager[Shadow]],
    ) -> None:
        self._login = login
        self._twin = twin
        self._old_role = old_role_of(original)
        self._assumptions = assumptions
        self._sizes = {relation.relation: relation for relation in original.relations} if original else {}
        self._statement_limit_s = statement_limit_s
        self._wait_limits = original.wait_limits if original else None
        self._discreet = bool(original and original.small_tables)

    @property
    def url(self) -> str:
        """Of the shadow's database, for whoever wants to ask it as one asks production; it has no password."""
        return self._login.server.url(self._login.database, user=self._login.server.superuser)

    @property
    def major(self) -> int:
        """Major version of the shadow's server."""
        return self._login.major

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
            outcome = exchange(session, sql, limit_s=RUN_LIMIT_S, discreet=self._discreet)
            if outcome.failure is not None and outcome.failure.sqlstate in _NEEDS_ITS_OWN:
                outcome = _one_by_one(session, sql, ended=outcome.tags, discreet=self._discreet)
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
            closing(self._login.session("trace", **auto_explain_settings(self.major), **BEGINS_WITH)) as traced,
            closing(self._login.own_session()) as observer,
            inner_statements(self._login.server.url("template1"), database=self._login.database) as inner,
        ):
            yield Tracing(
                traced,
                observer,
                new_observer=self._login.own_session,
                statement_limit_s=self._statement_limit_s,
                inner=inner,
                discreet=self._discreet,
                planner=PlannerFacts(traced, observer, data_dir=self._login.server.data_dir),
                wait_limits=self._wait_limits,
            )

    @contextmanager
    def statements(self) -> Generator[OldStatements]:
        """Gives a kept session for the old release's statements."""
        limits = {"statement_timeout": f"{self._statement_limit_s:g}s", "lock_timeout": "1s"}
        with closing(self._login.session("old-release", **limits)) as session:
            yield KeptStatements(
                session,
                new_session=lambda: self._login.session("old-release"),
                role=self._old_role,
                discreet=self._discreet,
            )

    def twin(self) -> AbstractContextManager[Shadow]:
        """Gives a second shadow as this one was at its beginning."""
        return self._twin()


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
        original, dump = self.take(url, rows=True)
        with self._of(original, dump) as shadow:
            yield shadow

    @contextmanager
    def of_survey(self, survey: SavedSurvey) -> Generator[EmbeddedShadow]:
        """Gives a shadow of the database that a file's survey was taken of.

        Raises RefusedError (LK420, LK423, LK425).
        """
        original = original_of(survey, ledger=self._ledger)
        _require_not_newer(original.major, embedded_binaries().major)
        _require_something(original)
        with self._of(original, dump_of(survey), asleep=True, remarks=in_words(survey)) as shadow:
            yield shadow

    @contextmanager
    def _of(
        self, original: Original, dump: bytes, *, asleep: bool = False, remarks: Sequence[str] = ()
    ) -> Generator[EmbeddedShadow]:
        with shadow_server(original.major, cache_dir=self._cache_dir) as server:
            filled = fill(server, original, dump, programs=embedded_binaries(), asleep=asleep)
            yield EmbeddedShadow(
                filled.login,
                assumptions=(*remarks, *assumptions_of(original, filled, server=server, ledger=self._ledger)),
                original=original,
                statement_limit_s=self._statement_limit_s,
                twin=lambda: self._of(original, dump, asleep=asleep, remarks=remarks),
            )

    @contextmanager
    def empty(self, *, major: int | None = None) -> Generator[Shadow]:
        """Gives a shadow with nothing in it, of ``major`` where that is installed; another one is an assumption."""
        with shadow_server(major, cache_dir=self._cache_dir) as server:
            yield EmbeddedShadow(
                Login(server=server.server, major=server.major, database="postgres", role=server.server.superuser),
                assumptions=() if major in (None, server.major) else (other_major(major, server),),
                original=None,
                statement_limit_s=self._statement_limit_s,
                twin=lambda: self.empty(major=major),
            )

    def take(self, url: str, *, encoding: str | None = None, rows: bool = False) -> tuple[Original, bytes]:
        """What a shadow of the live database at ``url`` is made of, its dump among it; takes no lock that could hurt.

        ``encoding`` is the dump's, None: the database's; ``rows``: those of small tables come along. Raises as ``of_database``.
        """
        watching, binaries = self._watching, embedded_binaries()
        with reading_session(url, what="shadow", watching=watching, password=self._password) as connection:
            _require_not_newer(connection.info.server_version // 10_000, binaries.major)
            with foreign_errors("reading what a shadow needs"):
                try:
                    original = read_original(connection, ledger=self._ledger, rows=rows)
                except psycopg.errors.LockNotAvailable as error:
                    raise locked("the database cannot be read", lock_timeout_s=watching.lock_timeout_s) from error
                # pg_dump would wait for a locked view without a limit, and hold everything else meanwhile.
                if names := still_shut(connection, limit_s=watching.lock_timeout_s):
                    raise locked("the schema cannot be read", lock_timeout_s=watching.lock_timeout_s, names=names)
            _require_something(original)
            with way_for_programs(connection) as way:
                dump = dump_schema(
                    way,
                    binaries=binaries,
                    lock_timeout_s=watching.lock_timeout_s,
                    without=original.unreadable,
                    encoding=original.encoding if encoding is None or original.encoding == NO_ENCODING else encoding,
                )
        return original, dump_in_utf8(dump) if original.encoding == NO_ENCODING else dump


_NEEDS_ITS_OWN = {ACTIVE_SQL_TRANSACTION, UNSAFE_NEW_ENUM_VALUE_USAGE}
"""What a statement says that cannot be in a transaction, and one that uses an enum's value before it is committed."""


def _one_by_one(session: psycopg.Connection[TupleRow], text: str, *, ended: tuple[str, ...], discreet: bool) -> Outcome:
    # What came before the last COMMIT of the text's own has happened; the rest was rolled back with the whole Query.
    done = len(ended) - ended[::-1].index("COMMIT") if "COMMIT" in ended else 0
    outcome = Outcome()
    for statement in split_statements(text, file="an earlier migration")[done:]:
        outcome = exchange(session, statement.text, limit_s=RUN_LIMIT_S, discreet=discreet)
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
            f"the role may read no table of database {original.database}, which has {counted(len(tables), 'table')}",
            code="LK423",
            hint="lockage rbac --database prints the smallest role that suffices",
        )
