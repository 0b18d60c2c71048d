"""Servers for shadows: of the major that is asked for where its programs are on this machine, else of our own.

Not for what stands on them (``shadow_filling``). The surprising thing: programs that are found may still not start, for want of
``auto_explain`` and ``pg_stat_statements``, which some distributions package apart; then our own major takes their place.

Codes: LK690 no server programs of the major that was asked for · LK691 a major that no shadow can be of.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres import standins
from lockage.adapters.postgres.any_text import CLIENT_ENCODING
from lockage.adapters.postgres.binaries import Binaries, embedded_binaries, find_binaries
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.gates import MAX_GATES
from lockage.adapters.postgres.inner_statements import INNER_STATEMENTS_SETTINGS
from lockage.adapters.postgres.session import foreign_errors
from lockage.adapters.postgres.throwaway import throwaway
from lockage.errors import RefusedError, UsageError

OLDEST_MAJOR = 13
"""Oldest server that a shadow can be of. 12 lacks ``pg_current_xact_id_if_assigned``, by which a change is seen."""

_SETTINGS = {
    "autovacuum": "off",  # index builds and we ourselves keep the statistics as they were restored
    "max_prepared_transactions": str(MAX_GATES),
    "jit": "off",  # rows are only estimated: compiling for millions of them costs 0.1 s a statement, and saves nothing
    "log_min_messages": "fatal",  # plans and a script's own failures would fill the log
    "log_min_error_statement": "panic",
    **INNER_STATEMENTS_SETTINGS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How sessions of a shadow come in."""

    server: Server
    major: int
    database: str
    role: str

    @property
    def quiet(self) -> Mapping[str, str]:
        """Settings for sessions of our own, which a script's event triggers must not notice."""
        # Before 17 nothing switches event triggers off, but those that fire on the origin only are still for a replica.
        silent = {"event_triggers": "off"} if self.major >= 17 else {"session_replication_role": "replica"}
        return {**silent, "session_preload_libraries": ""}

    def session(self, what: str, *, role: str | None = None, **options: str) -> psycopg.Connection[TupleRow]:
        """Gives a session whose settings stand in its start-up packet, so that RESET ALL and DISCARD ALL leave them."""
        words = " ".join(f"-c {name}={value}" for name, value in options.items())
        url = self.server.url(self.database, user=role or self.role)
        with foreign_errors("opening a session of the shadow"):
            return psycopg.connect(
                url,
                autocommit=True,
                prepare_threshold=None,
                options=words,
                application_name=f"lockage/{what}",
                client_encoding=CLIENT_ENCODING,
            )

    def own_session(self) -> psycopg.Connection[TupleRow]:
        """Gives a session as the server's own superuser, unnoticed by event triggers."""
        return self.session("observe", role=self.server.superuser, **self.quiet)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowServer:
    """A running server with nothing on it."""

    server: Server
    major: int
    trouble: str | None  # why programs of the major that was asked for were found and not used


@contextmanager
def shadow_server(major: int | None, *, cache_dir: Path | None) -> Generator[ShadowServer]:
    """Gives a server of ``major`` where that can be started here, else (and for None) of our own major.

    Raises RefusedError: LK101 to LK109.
    """
    ours = embedded_binaries()
    wanted = None if major in (None, ours.major) else find_binaries(major)
    with ExitStack() as stack:
        trouble = None
        if wanted is not None:
            try:
                server = stack.enter_context(_started(wanted, cache_dir))
            except RefusedError as error:
                trouble = error.message
            else:
                yield ShadowServer(server=server, major=wanted.major, trouble=None)
                return
        server = stack.enter_context(_started(ours, cache_dir))
        yield ShadowServer(server=server, major=ours.major, trouble=trouble)


def require_major(major: int) -> None:
    """Returns where a shadow of that very major can be made on this machine.

    Raises UsageError (LK691) for a major that is too old or too new, RefusedError (LK690) where its programs are not here.
    """
    newest = embedded_binaries().major
    if not OLDEST_MAJOR <= major <= newest:
        raise UsageError(
            f"no shadow can be of PostgreSQL {major}: Lockage knows {OLDEST_MAJOR} to {newest}",
            code="LK691",
            hint=f"--server-major {newest}, or leave it out",
        )
    if find_binaries(major) is None:
        raise RefusedError(
            f"the server programs of PostgreSQL {major} are not on this machine",
            code="LK690",
            hint=f"install them (Debian, Ubuntu: postgresql-{major}; RHEL: postgresql{major}-server and"
            f" postgresql{major}-contrib; macOS: brew install postgresql@{major}), or leave --server-major out",
        )


@contextmanager
def _started(binaries: Binaries, cache_dir: Path | None) -> Generator[Server]:
    with throwaway(binaries=binaries, settings=_SETTINGS, cache_dir=cache_dir, alone=True) as server:
        if binaries.major >= standins.SINCE_MAJOR:
            standins.offer_extensions(server)
        yield server
