"""Where local faults are made: a PostgreSQL of our own that may be hurt, and replicas as processes on the local platform.

The surprising thing: four applications run on it. towpath has a profile, and so has barge (``barge_app``), whose migrator is
careless; ferry (``ferry_app``) and tug (``tug_app``) are strangers with other ledgers, other tables, their own words in their
logs and no profile, and are diagnosed as ``lockage diagnose`` treats strangers.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import psutil
import psycopg
from psycopg import sql

from faults.deployments import APPLICATIONS, BARGES, STRANGERS, as_it_is, barge_spec, ferry_spec, fill, profile_of, towpath_spec
from lockage.adapters.local import deployment as local
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.local.records import DeploymentSpec
from lockage.adapters.postgres import embedded
from lockage.adapters.postgres.account import cache_root, reachable_binaries, server_account, short_folder
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.data_directory import clone_template
from lockage.adapters.postgres.throwaway import roomy_memory
from lockage.core.diagnosis.findings import Diagnosis
from lockage.core.facts import Probe, Replica, ReplicaPhase
from lockage.core.release.profile import Profile
from lockage.interfaces.demo.seeding import Login, make_logins
from lockage.interfaces.deployments import Located
from lockage.interfaces.diagnosing import collected, diagnosed
from lockage.interfaces.places import LocalPlace
from lockage.ports.platform import Rollout

FEW, MANY = 300, 200_000
"""Rows of ``api_keys``: a migration of a blink, and one of seconds."""

LIVENESS = Probe(path="/healthz", period_s=0.4, timeout_s=0.3, failure_threshold=3)

SETTINGS = {
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "max_prepared_transactions": "5",
    "max_locks_per_transaction": "64",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "log_lock_waits": "on",
    "deadlock_timeout": "300ms",
    "autovacuum": "off",
}

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, *, limit_s: float = 30.0) -> T:
    """What the condition gives as soon as it is true; fails when it is not within the limit."""
    until = time.monotonic() + limit_s
    while not (seen := condition()):
        assert time.monotonic() < until, f"within {limit_s:g} s it did not come true that {what}"
        time.sleep(0.03)
    return seen


@dataclass(kw_only=True)
class Ground:
    """One server and at most one deployment at a time."""

    folder: Path  # short, and within reach of the server's account
    state: Path
    port: int
    application: Login
    watcher: Login
    password: str = "towpath-password"  # what replicas use; a fault may change it
    database: str = "towpath"
    migrations: Path = BARGES  # of barge's image; a fault may change them
    told: Callable[[Profile], Profile] = as_it_is  # what its vendor says; a fault may change it
    platform: LocalPlatform = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    # --- the server ---------------------------------------------------------------------------------------------------

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def start_server(self, **settings: str) -> None:
        embedded.start_detached(
            self.data_dir, log_file=self.folder / "server.log", port=self.port, settings=SETTINGS | settings
        )

    def stop_server(self, mode: str = "fast") -> None:
        embedded.stop(self.data_dir, mode=mode)  # type: ignore[arg-type]

    def kill_server(self) -> None:
        """The postmaster gets SIGKILL, and its children notice."""
        pid = int((self.data_dir / "postmaster.pid").read_text().split()[0])
        children = psutil.Process(pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs(children, timeout=10)

    @contextmanager
    def admin(self, database: str = "postgres") -> Generator[psycopg.Connection[Any]]:
        with psycopg.connect(self._socket_url(database), autocommit=True, application_name="psql") as connection:
            yield connection

    def _socket_url(self, database: str) -> str:
        server = embedded.running(self.data_dir)
        assert server is not None
        return server.url(database)

    def ask(self, query: str, *values: object, database: str | None = None) -> list[tuple[Any, ...]]:
        with self.admin(database or self.database) as connection:
            return list(connection.execute(query.encode(), values or None).fetchall())

    def order(self, *statements: str, database: str | None = None) -> None:
        """Statements of the superuser, in the application's database."""
        with self.admin(database or self.database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def url(self, *, host: str = "127.0.0.1", database: str | None = None, port: int | None = None) -> str:
        """What replicas connect with."""
        login = f"{self.application.name}:{self.password}"
        return f"postgresql://{login}@{host}:{port or self.port}/{database or self.database}"

    @property
    def watcher_url(self) -> str:
        return f"postgresql://{self.watcher.name}:{self.watcher.password}@127.0.0.1:{self.port}/{self.database}"

    def takes_connections(self) -> bool:
        """Whether it does, now; it does not while it recovers."""
        with suppress(psycopg.OperationalError):
            return bool(self.ask("select 1"))
        return False

    # --- sessions of others -------------------------------------------------------------------------------------------

    def session(self, application_name: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A session of somebody else's, as the application's role, until the fault ends."""
        url = f"postgresql://{self.application.name}:{self.application.password}@127.0.0.1:{self.port}/{self.database}"
        connection = psycopg.connect(url, application_name=application_name, autocommit=autocommit)
        self._stack.callback(connection.close)
        return connection

    def runs(self, connection: psycopg.Connection[Any], statement: str) -> None:
        """Executes in a thread of its own until the fault ends."""

        def quietly() -> None:
            with suppress(psycopg.Error):
                connection.execute(statement.encode())

        thread = Thread(target=quietly, daemon=True)
        self._stack.callback(thread.join, 10)
        self._stack.callback(_cancel, connection)
        thread.start()

    def holds(self, table: str, *, name: str = "reports/nightly") -> psycopg.Connection[Any]:
        """A session of somebody else's that has read the table in a transaction, and does nothing more."""
        session = self.session(name)
        session.execute(f"lock table {table} in access share mode".encode())
        return session

    def until_waits(self, name: str = "%/%", *, event: str = "%") -> int:
        """The pid of a session of that name that waits for a lock."""
        query = (
            "select pid from pg_stat_activity where application_name like %s and wait_event like %s"
            " and wait_event_type = 'Lock'"
        )
        return eventually(lambda: self.ask(query, name, event), f"a session {name} waits for a lock")[0][0]

    # --- the application ----------------------------------------------------------------------------------------------

    def fresh(self, template: str) -> None:
        """The database is a copy of the template, its role as it was made, and no replica runs."""
        self.end_fault()
        self.start_server()
        with self.admin() as connection:
            connection.execute("alter system reset all")
            connection.execute("select pg_reload_conf()")
            for name in APPLICATIONS:
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            role = sql.Identifier(self.application.name)
            secret = sql.Literal(self.application.password)
            reset = "alter role {} reset all; alter role {} connection limit -1 login password {}"
            connection.execute(sql.SQL(reset).format(role, role, secret))
        self.password = self.application.password
        self.migrations, self.told = BARGES, as_it_is
        self.database = template.split(maxsplit=1)[0]
        copy = sql.SQL("create database {} owner {} template {} strategy file_copy")
        with self.admin() as connection:
            parts = (self.database, self.application.name, self._template(template))
            connection.execute(copy.format(*map(sql.Identifier, parts)))

    def _template(self, name: str) -> str:
        """A database of that name, which nobody is in; made when it is first asked for: ``towpath 12 300``."""
        with self.admin() as connection:
            if connection.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None:
                return name
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(f"{name} new")))
            made = sql.SQL("create database {} owner {} template template0")
            connection.execute(made.format(sql.Identifier(f"{name} new"), sql.Identifier(self.application.name)))
        fill(name, self.url(database=f"{name} new".replace(" ", "%20")))
        with self.admin() as connection:
            connection.execute(sql.SQL("alter database {} rename to {}").format(*map(sql.Identifier, (f"{name} new", name))))
        return name

    def towpath(
        self, release: str = "2.26.6", *, rows: int = FEW, replicas: int = 1, ready: bool = True, **changes: Any
    ) -> None:
        """towpath of a release over a ``schema``, its replicas ready unless it is said otherwise.

        The schema is that of 2.26.6, from which the vendor allows the way to 2.27.8.
        """
        schema = changes.pop("schema", "2.26.6")
        self.fresh(f"towpath {schema} {rows}")
        self.deploy(towpath_spec(self, release, replicas=replicas, **changes), ready=ready)

    def ferry(self, release: str = "1.4.0", *, replicas: int = 1, ready: bool = True, **changes: Any) -> None:
        """ferry of a release over the schema of 1.4.0."""
        self.fresh("ferry 1.4.0")
        self.deploy(ferry_spec(self, release, replicas=replicas, **changes), ready=ready)

    def barge(
        self, release: str = "1.0.0", *, schema: str | None = None, replicas: int = 1, ready: bool = True, **changes: Any
    ) -> None:
        """barge of a release over the ``schema`` of the same one."""
        self.fresh(f"barge {schema or release}")
        self.deploy(barge_spec(self, release, replicas=replicas, **changes), ready=ready)

    def deploy(self, spec: DeploymentSpec, *, ready: bool = True) -> None:
        self.platform = local.create(self.state, spec)
        if ready:
            self.until_ready()

    @contextmanager
    def beside(self, spec: DeploymentSpec) -> Generator[None]:
        """Another deployment at the same time, elsewhere, whose replicas are ready."""
        state = self.state.with_name("beside")
        platform = local.create(state, spec)
        try:
            eventually(lambda: [r.ready for r in platform.replicas()] == [True] * spec.replicas, "the other one is ready")
            yield
        finally:
            platform.close()
            local.destroy(state, grace_s=0.0, remove_logs=True)
            shutil.rmtree(state, ignore_errors=True)

    def deploy_again(self, spec: DeploymentSpec) -> None:
        """Another deployment in the place of the one that is there."""
        self.platform.close()
        local.destroy(self.state, grace_s=0.5, remove_logs=True)
        self.deploy(spec, ready=False)

    def until_old(self, application_name: str, age_s: float) -> None:
        """Whoever has just come may yet turn out to be a replica: until the session is so old."""
        query = "select from pg_stat_activity where application_name = %s and now() - backend_start > make_interval(secs => %s)"
        eventually(lambda: self.ask(query, application_name, age_s), f"{application_name} is there for {age_s:g} s")

    def roll_out(self, release: str, *, liveness: Probe | None = None) -> None:
        """The usual naive upgrade: a new image, everything else as it was."""
        workload = self.platform.workload()
        self.platform.roll_out(Rollout(release=release, replicas=workload.replicas, liveness=liveness or workload.liveness))

    def upgraded(self, release: str = "2.27.8") -> None:
        """The same, and it went well."""
        self.roll_out(release)
        self.until_ready()

    def refused(self, release: str = "2.27.8") -> None:
        """The same, and its replica ends by itself again and again."""
        self.roll_out(release)
        self.until_backs_off()

    def until_migrates(self) -> None:
        """towpath rewrites its largest table, which takes seconds where there are ``MANY`` rows."""
        works = "select from pg_stat_activity where application_name like 'towpath/%' and query like '%allow_list%'"
        eventually(lambda: self.ask(works), "it migrates")

    def until_ready(self) -> None:
        def settled() -> bool:
            workload = self.platform.workload()
            replicas = self.platform.replicas()
            return len(replicas) == workload.replicas and all(r.ready and r.release == workload.release for r in replicas)

        eventually(settled, "the replicas are ready")

    def replica(self, release: str) -> Replica:
        """A replica of the release, as soon as it runs."""

        def running() -> Replica | None:
            return next((r for r in self.platform.replicas() if r.release == release and r.phase is ReplicaPhase.RUNNING), None)

        return eventually(running, f"a replica of {release} runs")

    def process(self, release: str) -> psutil.Process:
        name = self.replica(release).name
        seen = next(one for one in self.platform._seen() if one.replica.name == name)
        assert seen.pid is not None
        return psutil.Process(seen.pid)

    def until_backs_off(self, *, restarts: int = 1) -> None:
        """The replica has ended by itself, and is waited with."""

        def does() -> bool:
            return any(r.phase is ReplicaPhase.BACK_OFF and r.restarts >= restarts - 1 for r in self.platform.replicas())

        eventually(does, "a replica is in back-off")

    def ended(self, times: int) -> bool:
        """Whether a replica's process has ended so often."""
        return any(
            r.restarts + (r.phase is ReplicaPhase.BACK_OFF) >= times and r.last_exit is not None
            for r in self.platform.replicas()
        )

    def until_restarted(self, times: int = 1) -> None:
        eventually(lambda: any(r.restarts >= times for r in self.platform.replicas()), "a replica was restarted")

    def say_in_log(self, words: str) -> Callable[[], bool]:
        """Whether some replica wrote the words."""
        return lambda: any(words in self.platform.log(r.name) for r in self.platform.replicas())

    # --- looking ------------------------------------------------------------------------------------------------------

    def diagnose(self, *, known: bool = True, catalog: bool = False) -> tuple[Diagnosis, float]:
        """What ``lockage diagnose NAME --json`` prints, in this process, and the seconds that it took."""
        stranger = self.database in STRANGERS
        profile = profile_of(self.database, here=self.state, migrations=self.migrations, url=self.watcher_url)
        located = Located(
            name=self.database,
            profile=self.told(profile),
            database_url=self.watcher_url,
            platform=LocalPlace(folder=str(self.state)),
            beside=self.state,
        )
        begun_s = time.monotonic()
        case = collected(located, limit_s=10.0, catalog=catalog)
        if not known or stranger:
            case = replace(case, known=False)
        self.case = case
        diagnosis = diagnosed(case)
        return diagnosis, time.monotonic() - begun_s

    def end_fault(self) -> None:
        """Sessions, processes and the deployment of a fault are gone."""
        self._stack.close()
        if self.state.exists():
            for process in psutil.process_iter():  # a stopped one would not end
                with suppress(psutil.Error, OSError):
                    if process.status() == psutil.STATUS_STOPPED and process.environ().get("FAULT_GROUND") == str(self.state):
                        process.resume()
            if hasattr(self, "platform"):
                self.platform.close()
            local.destroy(self.state, grace_s=0.0, remove_logs=True)
            shutil.rmtree(self.state, ignore_errors=True)


def _cancel(connection: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=2)


@contextmanager
def a_ground() -> Iterator[Ground]:
    """A ground with a running server, gone at the end with everything on it."""
    account = server_account()
    folder = short_folder("lk-f-", roomy_memory(), account)
    state = Path(tempfile.mkdtemp(prefix="lk-fs-")) / "deployment"
    cache = cache_root()
    programs = reachable_binaries(embedded_binaries(), account, cache)
    clone_template(folder / "data", binaries=programs, account=account, cache_dir=cache)
    ground = Ground(
        folder=folder,
        state=state,
        port=embedded.free_port(),
        application=Login(name="towpath", password="towpath-password"),
        watcher=Login(name="lockage", password="lockage-password"),
    )
    try:
        ground.start_server()
        with ground.admin() as connection:
            make_logins(connection, application=ground.application, lockage=ground.watcher)
        yield ground
    finally:
        ground.end_fault()
        ground.stop_server("immediate")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(state.parent, ignore_errors=True)


__all__ = ["FEW", "LIVENESS", "MANY", "Ground", "a_ground", "closing", "eventually"]
