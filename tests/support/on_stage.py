"""The demonstration's stage for tests: put back in seconds, upgraded by the real command, and judged at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
import psycopg
from psycopg import sql

from lockage.adapters.local import deployment as local
from lockage.adapters.local.layout import Layout
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.local.store import read_holder
from lockage.adapters.postgres import embedded
from lockage.core.facts import ReplicaPhase, Workload
from lockage.demo.answers import Answer, read_answers
from lockage.demo.towpath.releases import migrations_dir
from lockage.flows.fence import FENCE_KEY
from lockage.flows.world import World
from lockage.interfaces.demo import stage
from lockage.interfaces.deployments import Wanted, find_deployment
from lockage.interfaces.folders import HOME_VARIABLE, Folders, find_folders
from lockage.interfaces.forecasting import look
from lockage.interfaces.wiring import open_world
from support.upgrade_driver import Order

ROWS = 10_000
"""API keys: a migration of theirs takes a quarter of a second, and the purge two batches."""

LEDGERS = {"2.26.0": 12, "2.26.6": 13, "2.27.8": 18, "2.27.9": 19}

COMMAND_LIMIT_S = 120.0
"""For one ``lockage`` command: a run with two hops takes 20 s on two cores that also run other tests."""

SWITCH = 613
"""Key of the advisory lock while which is held a whole file goes on working."""

WHOLE_FILE = """
import sys, psycopg
url, file, switch = sys.argv[1:]
works = f"while exists (select from pg_locks where locktype = 'advisory' and objid = {switch}) loop perform pg_sleep(0.1)"
with psycopg.connect(url, application_name="towpath/towpath-dead", autocommit=True) as connection:
    connection.execute(
        f"{open(file).read()}; do $$ begin {works}; end loop; end $$; update schema_migrations set version = 13"
    )
"""
"""A migrator of golang-migrate's kind, but for the time that it takes."""

DRIVER = Path(__file__).parent / "upgrade_driver.py"


def eventually(condition: Callable[[], Any], what: str, *, limit_s: float = 30.0) -> Any:
    """What the condition gives as soon as it is true; fails when it is not within the limit."""
    until = time.monotonic() + limit_s
    while not (seen := condition()):
        assert time.monotonic() < until, f"within {limit_s:g} s it did not come true that {what}"
        time.sleep(0.05)
    return seen


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class Running:
    """A command that runs; what it says is read from files, so that it never waits for us."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path

    @property
    def err(self) -> str:
        return self.err_file.read_text(encoding="utf-8")

    def until_it_says(self, words: str, *, limit_s: float = 60.0) -> float:
        """When the words were there, on the monotonic clock."""
        eventually(lambda: words in self.err or self.process.poll() is not None, f"it says {words!r}", limit_s=limit_s)
        assert words in self.err, self.err
        return time.monotonic()

    def ended(self, *, limit_s: float = COMMAND_LIMIT_S) -> Done:
        code = self.process.wait(limit_s)
        return Done(code=code, out=self.out_file.read_text(encoding="utf-8"), err=self.err)


@dataclass(kw_only=True)
class OnStage:
    """One stage in a home of its own."""

    home: Path
    folders: Folders
    stage: stage.Stage
    commands: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])
    number: int = 0

    # --- putting it back ----------------------------------------------------------------------------------------------

    def put_back(self, release: str = "2.26.0") -> None:
        """Three ready replicas of the release, its schema, the seeded rows (from 2.26.6 on without expired keys), traffic."""
        self.end_commands()
        self.start_database()
        stage._stop_traffic(self.stage)
        local.destroy(self.deployment_folder, grace_s=0.5)
        template = self._template(release)
        with stage._superuser(self.stage) as connection:
            connection.execute("drop database if exists towpath with (force)")
            copy = sql.SQL("create database towpath owner towpath template {} strategy file_copy")
            connection.execute(copy.format(sql.Identifier(template)))
        spec = msgspec.structs.replace(stage._spec(self.stage), release=release)
        with local.create(self.deployment_folder, spec) as platform:
            stage._await_ready(platform)
        with _detaching():
            self.stage = stage._start_traffic(self.folders, self.stage, _silent)

    def _template(self, release: str) -> str:
        if release == "2.26.0":
            return "seeded"
        name = f"seeded {release}"
        with stage._superuser(self.stage) as connection:
            if connection.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None:
                return name
            connection.execute("drop database if exists towpath with (force)")
            connection.execute("create database towpath owner towpath template seeded strategy file_copy")
            with stage._superuser(self.stage, "towpath") as inside:
                inside.execute("delete from api_keys where expires_at < now() - interval '7 days'")
                inside.execute("vacuum analyze api_keys")
            command = [sys.executable, "-m", "lockage.demo.towpath", "--release", release, "migrate"]
            url = {"TOWPATH_PG_CONNECTION_URL": self.stage.application_url}
            subprocess.run(command, env=os.environ | url, check=True, capture_output=True, timeout=60)
            connection.execute(sql.SQL("alter database towpath rename to {}").format(sql.Identifier(name)))
        return name

    @property
    def deployment_folder(self) -> Path:
        return self.folders.demo / "deployment"

    # --- commands -----------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]
        return os.environ | {HOME_VARIABLE: str(self.home), "PYTHONPATH": os.pathsep.join(p for p in paths if p)}

    def begin(self, *command: str, environment: Mapping[str, str] | None = None) -> Running:
        """A command, begun in a session of its own with no terminal."""
        self.number += 1
        out, err = (self.home / f"{self.number}.{stream}" for stream in ("out", "err"))
        with out.open("wb") as out_to, err.open("wb") as err_to:
            process = subprocess.Popen(
                command,
                env=self.environment | dict(environment or {}),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out_to,
                stderr=err_to,
                start_new_session=True,
            )
        self.commands.append(process)
        return Running(process=process, out_file=out, err_file=err)

    def begin_lockage(self, *arguments: str) -> Running:
        """The real command."""
        return self.begin(str(Path(sys.executable).with_name("lockage")), *arguments)

    def lockage(self, *arguments: str) -> Done:
        return self.begin_lockage(*arguments).ended()

    def begin_driver(self, **order: Any) -> Running:
        return self.begin(sys.executable, str(DRIVER), msgspec.json.encode(Order(**order)).decode())

    def driver(self, **order: Any) -> Done:
        return self.begin_driver(**order).ended()

    def go_on(self, *extra: str) -> Done:
        """``lockage upgrade demo``: what a person types after a crash; with the release only where it asks for one."""
        done = self.lockage("upgrade", "demo", "--yes", *extra)
        if done.code == 3 and "LK315" in done.err:
            return self.lockage("upgrade", "demo", "--to", "2.27.8", "--no-restore-point", "--yes", *extra)
        return done

    def end_commands(self) -> None:
        for process in self.commands:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self.commands.clear()

    # --- the world ----------------------------------------------------------------------------------------------------

    @contextmanager
    def platform(self) -> Generator[LocalPlatform]:
        with LocalPlatform(self.deployment_folder) as platform:
            yield platform

    @contextmanager
    def world(self) -> Generator[World]:
        deployment = find_deployment(Wanted(name="demo"), folders=self.folders, here=self.home, environment={})
        with open_world(deployment, tell=lambda _: None) as world:
            yield world

    @contextmanager
    def session(self, application_name: str, *, autocommit: bool = False) -> Generator[psycopg.Connection[Any]]:
        """A session of somebody else's, as the application's role; ended at the end, however it fares."""
        connection = psycopg.connect(self.stage.application_url, application_name=application_name, autocommit=autocommit)
        try:
            yield connection
        finally:
            connection.close()

    def ask(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with stage._superuser(self.stage, "towpath") as connection:
            return list(connection.execute(query.encode(), values).fetchall())

    def start_database(self) -> None:
        stage._start_postgres(self.folders, self.stage)

    def restart_database(self, mode: str = "fast") -> None:
        embedded.stop(Path(self.stage.data_dir), mode=mode)  # type: ignore[arg-type]
        self.start_database()

    def kill_supervisor(self) -> None:
        holder = read_holder(Layout.of(self.deployment_folder).lock_file)
        assert holder is not None
        os.kill(holder, signal.SIGKILL)

    def answers_since(self, when_s: float) -> list[Answer]:
        return [a for a in read_answers(stage.traffic_file(self.folders)) if a.due_s >= when_s]

    @contextmanager
    def purge_held_up(self) -> Generator[psycopg.Connection[Any]]:
        """While it lasts, one expired key cannot be deleted, so that the hop to 2.26.6 cannot be left."""
        with self.session("somebody/else") as connection:
            oldest = "select from api_keys where id = (select id from api_keys order by expires_at limit 1) for update"
            connection.execute(oldest)
            yield connection

    @contextmanager
    def blocker_once(self, ripe: Callable[[Workload], bool]) -> Generator[Blocker]:
        """Somebody else who begins to hold ``api_keys`` as soon as ``ripe`` says so of the workload."""
        blocker = Blocker(on_stage=self, ripe=ripe)
        blocker.thread.start()
        try:
            yield blocker
        finally:
            blocker.let_go()

    @contextmanager
    def an_orphan(self) -> Generator[tuple[int, psycopg.Connection[Any]]]:
        """The backend of a migrator to 2.27.8 that was killed while it waited for ``api_keys``; and who holds that."""
        waits = "select pid from pg_stat_activity where application_name = 'towpath/towpath-dead' and wait_event_type = 'Lock'"
        with self.session("somebody/else") as holder:
            holder.execute("lock table api_keys in access share mode")
            own = {"TOWPATH_PG_CONNECTION_URL": self.stage.application_url, "TOWPATH_REPLICA": "towpath-dead"}
            command = (sys.executable, "-m", "lockage.demo.towpath", "--release", "2.27.8", "migrate")
            migrator = self.begin(*command, environment=own)
            pid = eventually(lambda: self.ask(waits), "the migrator waits for a lock")[0][0]
            migrator.process.kill()
            migrator.process.wait(10)
            yield pid, holder

    @contextmanager
    def a_working_orphan(self) -> Generator[tuple[int, Callable[[], None]]]:
        """The backend of a migrator that was killed while a whole file, one Query, works; and what lets that commit."""
        works = "select pid from pg_stat_activity where application_name = 'towpath/towpath-dead' and wait_event = 'PgSleep'"
        with self.session("somebody/else", autocommit=True) as switch:
            switch.execute("select pg_advisory_lock(%s)", (SWITCH,))
            file = next(migrations_dir().glob("*013*.up.sql"))
            client = self.begin(sys.executable, "-c", WHOLE_FILE, self.stage.application_url, str(file), str(SWITCH))
            pid = eventually(lambda: self.ask(works), "the whole file works")[0][0]
            client.process.kill()
            client.process.wait(10)
            yield pid, switch.close

    # --- the end ------------------------------------------------------------------------------------------------------

    def end(self) -> dict[str, object]:
        """Everything that two runs must agree on at their end."""
        with self.world() as world:
            workload = world.platform.workload()
            replicas = world.platform.replicas()
            ledger = world.database.ledger(world.profile)
            orphans = [o.session.application_name for o in look(world).sessions if o.orphan]
            lease = world.platform.lease()
        return {
            "release": workload.release,
            "replicas": [(r.release, r.ready, r.phase) for r in replicas],
            "liveness": workload.liveness,
            "annotations": {k: v for k, v in workload.annotations.items() if k.startswith("lockage.dev/")},
            "lease": lease,
            "ledger": (ledger.version, ledger.dirty),
            "orphans": orphans,
            "fence": self.ask("select pid from pg_locks where locktype = 'advisory' and %s in "
                              "((classid::bigint << 32) | objid::bigint)", (FENCE_KEY,)),
            "processes": self.left_over(),
        }  # fmt: skip

    def left_over(self) -> list[str]:
        """Command lines of processes that were begun in this home and are no part of the stage."""
        found: list[str] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(HOME_VARIABLE) != str(self.home) or process.pid == os.getpid():
                    continue
                line = " ".join(process.cmdline())
                # The shared server of other tests may have begun while this home was the current one.
                parts = ("lockage.adapters.local.", "lockage.demo.", self.stage.data_dir, f"launch.py keep {os.getpid()} ")
                above = [" ".join(parent.cmdline()) for parent in process.parents()]
                if process.status() != psutil.STATUS_ZOMBIE and not any(p in each for p in parts for each in (line, *above)):
                    found.append(line)
        return found

    def assert_served(self) -> None:
        """Traffic is answered now: the next twenty requests all succeed."""
        began = time.time()
        answered = eventually(lambda: (a := self.answers_since(began))[20:] and a[:20], "20 requests are answered")
        assert [a for a in answered if not a.succeeded] == []


@dataclass(kw_only=True)
class Blocker:
    """A session of somebody else's in a thread of its own."""

    on_stage: OnStage
    ripe: Callable[[Workload], bool]
    holds: threading.Event = field(default_factory=threading.Event)
    goes: threading.Event = field(default_factory=threading.Event)
    pid: int = 0
    began: float = 0.0  # on the monotonic clock

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._hold, daemon=True)

    def _hold(self) -> None:
        with self.on_stage.platform() as platform, self.on_stage.session("reports/nightly") as session:
            self.pid = session.info.backend_pid
            while not self.ripe(platform.workload()):
                if self.goes.wait(0.02):
                    return
            session.execute("lock table api_keys in access share mode")
            self.began = time.monotonic()
            self.holds.set()
            self.goes.wait()

    def until_it_holds(self) -> None:
        assert self.holds.wait(60.0), "the blocker got its lock"

    def let_go(self) -> None:
        """End its session."""
        self.goes.set()
        self.thread.join(10.0)


def ended_well(release: str = "2.27.8") -> dict[str, object]:
    """What ``OnStage.end`` gives after a calm run."""
    return {
        "release": release,
        "replicas": [(release, True, ReplicaPhase.RUNNING)] * stage.REPLICAS,
        "liveness": stage.LIVENESS,
        "annotations": {},
        "lease": None,
        "ledger": (LEDGERS[release], False),
        "orphans": [],
        "fence": [],
        "processes": [],
    }


def what_is_asked_for(on_stage: OnStage) -> tuple[object, ...]:
    """Release, replicas, revision and annotations of the object: what an upgrade would change."""
    with on_stage.platform() as platform:
        workload = platform.workload()
    return workload.release, workload.replicas, workload.revision, dict(workload.annotations)


def _silent(_: str) -> None:
    """What the stage says is of no interest here."""


@contextmanager
def _detaching() -> Generator[None]:
    """The traffic generator is meant to outlive who started it, of which Python warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@contextmanager
def at_home(home: Path) -> Generator[None]:
    """What begins meanwhile carries the home: so leftovers of a test are told from what others have begun."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before


@contextmanager
def a_stage() -> Iterator[OnStage]:
    """A seeded stage, taken down at the end whatever happens."""
    home = Path(tempfile.mkdtemp(prefix="lk-stage-"))
    folders = find_folders({HOME_VARIABLE: str(home)})
    put: OnStage | None = None
    try:
        with _detaching(), at_home(home):
            put = OnStage(home=home, folders=folders, stage=stage.up(folders, rows=ROWS, say=_silent))
        yield put
    finally:
        if put is not None:
            put.end_commands()
        stage.down(folders)
        shutil.rmtree(home, ignore_errors=True)
