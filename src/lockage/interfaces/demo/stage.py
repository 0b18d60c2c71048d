"""The stage of the demonstration: PostgreSQL, towpath with three replicas, and traffic; detached, until it is taken down.

Not for upgrading anything. The surprising thing: the seeded database is kept as a template, so that both ways to upgrade begin
from the very same rows, and the second begins a second after the first has ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import psycopg

from lockage.adapters.local import deployment as local
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.local.records import DeploymentSpec, UpdateStrategy
from lockage.adapters.postgres import embedded
from lockage.adapters.postgres.account import data_root, require_reach, server_account
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.data_directory import initialise
from lockage.core.facts import Probe
from lockage.demo import traffic
from lockage.demo.towpath.releases import releases
from lockage.errors import HaltedError, LockageError, RefusedError
from lockage.interfaces.demo.children import signals_held_back
from lockage.interfaces.demo.seeding import (
    FIRST_RELEASE,
    SERVER_SETTINGS,
    Login,
    copy_database,
    count_statements,
    drop_database,
    make_database,
    make_logins,
    run_towpath,
)
from lockage.interfaces.deployments import FILE, Described, LocalPlace, describe
from lockage.interfaces.folders import Folders

DEFAULT_ROWS = 600_000
"""Rows of ``api_keys``: the direct jump then takes longer than the liveness probe allows, and seeding stays under 20 s."""

REPLICAS = 3

LIVENESS = Probe(path="/healthz", period_s=2.0, timeout_s=1.0, failure_threshold=3)
"""A fifth of Kubernetes' default (10 s, three times), so that a demonstration need not last an hour."""

READINESS = Probe(path="/healthz", period_s=1.0, timeout_s=1.0, failure_threshold=1)

GRACE_S = 5.0
"""A twelfth of Coder's 60 s, for the same reason."""

BACK_OFF_SCALE = 0.1
"""1 s, 2 s, 4 s instead of Kubernetes' 10, 20, 40, for the same reason."""

RATE_PER_S = 30.0
"""Requests a second: enough that a gap of a second is no accident, little enough for two cores that also migrate."""

TRAFFIC_LIMIT_S = 4 * 3600.0
"""A generator that was forgotten ends by itself."""

READY_LIMIT_S = 90.0


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What ``demo up`` started, as written beside its data."""

    rows: int
    data_dir: str
    postgres_port: int
    front_port: int = 0  # chosen by the platform when the curtain first rises, and kept
    superuser_password: str
    application_password: str
    lockage_password: str
    traffic_pid: int = 0
    traffic_began_at: float = 0.0  # as the kernel says: a pid alone may have been given to another

    @property
    def application_url(self) -> str:
        """What towpath connects with."""
        return f"postgresql://towpath:{self.application_password}@127.0.0.1:{self.postgres_port}/towpath"

    @property
    def lockage_url(self) -> str:
        """What Lockage connects with: a role of its own, which may look and signal."""
        return f"postgresql://lockage:{self.lockage_password}@127.0.0.1:{self.postgres_port}/towpath"

    @property
    def service_url(self) -> str:
        """Where users reach towpath."""
        return f"http://127.0.0.1:{self.front_port}"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the demo is up, and where its parts are."""

    up: bool
    service_url: str | None = None
    data_dir: str | None = None
    rows: int = 0
    traffic: bool = False


Say = Callable[[str], None]


def stage_file(folders: Folders) -> Path:
    """Where the stage describes itself."""
    return folders.demo / "stage.json"


def current(folders: Folders) -> Stage | None:
    """What is up; None when nothing is."""
    file = stage_file(folders)
    return msgspec.json.decode(file.read_bytes(), type=Stage) if file.is_file() else None


def seen(folders: Folders) -> Seen:
    """A look at the stage that starts nothing."""
    stage = current(folders)
    if stage is None:
        return Seen(up=False)
    flows = _traffic(stage) is not None
    return Seen(up=True, service_url=stage.service_url, data_dir=stage.data_dir, rows=stage.rows, traffic=flows)


def traffic_file(folders: Folders) -> Path:
    """Where the traffic generator writes its answers."""
    return folders.demo / "traffic.csv"


def up(folders: Folders, *, rows: int = DEFAULT_ROWS, say: Say) -> Stage:
    """The stage, running: started where it was not, adopted where it was.

    Raises what PostgreSQL, the local platform and towpath raise; ``down`` cleans up after any of them.
    """
    stage = current(folders) or _new_stage(folders, rows=rows, say=say)
    _start_postgres(folders, stage)
    if not _is_seeded(stage):
        _seed(stage, say)
    return _raise_curtain(folders, stage, say)


def reset(folders: Folders, *, say: Say) -> Stage:
    """The stage as it was when it was first up: the same rows, release 2.26.0, new traffic."""
    stage = current(folders)
    if stage is None:
        raise RefusedError("the demo is not up", code="LK009", hint="lockage demo up")
    say("putting the stage back to 2.26.0")
    _stop_traffic(stage)
    local.destroy(folders.demo / "deployment")
    with _superuser(stage) as connection:
        drop_database(connection, "towpath")
    return _raise_curtain(folders, stage, say)


def down(folders: Folders) -> bool:
    """Whether there was a stage; afterwards there is none: no process, no data, no description of it."""
    stage = current(folders)
    if stage is not None:
        _stop_traffic(stage)
    local.destroy(folders.demo / "deployment", grace_s=1.0, remove_logs=True)
    data_dir = Path(stage.data_dir) if stage else _data_dir(folders)
    existed = stage is not None or data_dir.exists()
    if data_dir.exists():
        embedded.stop(data_dir, mode="immediate")
        shutil.rmtree(data_dir, ignore_errors=True)
    shutil.rmtree(folders.demo, ignore_errors=True)
    return existed


def _new_stage(folders: Folders, *, rows: int, say: Say) -> Stage:
    say("making a PostgreSQL for the demonstration")
    stage = Stage(
        rows=rows,
        data_dir=str(_data_dir(folders)),
        postgres_port=embedded.free_port(),
        superuser_password=secrets.token_hex(12),
        application_password=secrets.token_hex(12),
        lockage_password=secrets.token_hex(12),
    )
    initialise(Path(stage.data_dir), binaries=embedded_binaries(), password=stage.superuser_password, settings=SERVER_SETTINGS)
    _write(folders, stage)
    return stage


def _write(folders: Folders, stage: Stage) -> None:
    file = stage_file(folders)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_bytes(msgspec.json.encode(stage))
    beside.replace(file)
    place = LocalPlace(folder="deployment")
    demo = Described(profile="towpath", platform=place, database=stage.lockage_url)
    describe(folders.demo / FILE, {"demo": demo})


def _data_dir(folders: Folders) -> Path:
    """Beside the demo's other files, or where the account that PostgreSQL runs as can reach it when we are root."""
    wanted = folders.demo / "postgres"
    account = server_account()
    if account is None:
        return wanted
    standing = next(p for p in wanted.parents if p.exists())
    try:
        require_reach(standing, account)
    except RefusedError:
        return data_root() / f"demo-{hashlib.sha256(os.fsencode(folders.demo)).hexdigest()[:12]}"
    return wanted


def _start_postgres(folders: Folders, stage: Stage) -> None:
    embedded.start_detached(
        Path(stage.data_dir),
        log_file=Path(stage.data_dir) / "server.log",
        port=stage.postgres_port,
        password=stage.superuser_password,
    )
    folders.demo.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _superuser(stage: Stage, database: str = "postgres") -> Generator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(
        host="127.0.0.1",
        port=stage.postgres_port,
        user="postgres",
        password=stage.superuser_password,
        dbname=database,
        autocommit=True,
        application_name="lockage/demo",
    ) as connection:
        yield connection


def _is_seeded(stage: Stage) -> bool:
    with _superuser(stage) as connection:
        return connection.execute("select from pg_database where datname = 'seeded'").fetchone() is not None


def _seed(stage: Stage, say: Say) -> None:
    hint = "lockage demo down; then: lockage demo up"
    application = Login(name="towpath", password=stage.application_password)
    with _superuser(stage) as connection:
        drop_database(connection, "towpath")
        make_logins(connection, application=application, lockage=Login(name="lockage", password=stage.lockage_password))
        make_database(connection, "towpath", owner="towpath")
    say(f"migrating towpath to {FIRST_RELEASE}")
    run_towpath(stage.application_url, "migrate", hint=hint)
    say(f"seeding {stage.rows:,} API keys")
    run_towpath(stage.application_url, "seed", "--rows", str(stage.rows), hint=hint)
    with _superuser(stage, "towpath") as connection:
        count_statements(connection)
    with _superuser(stage) as connection:
        connection.execute("alter database towpath rename to seeded")


def _raise_curtain(folders: Folders, stage: Stage, say: Say) -> Stage:
    """Database from the template, replicas ready, traffic flowing."""
    with _superuser(stage) as connection:
        if connection.execute("select from pg_database where datname = 'towpath'").fetchone() is None:
            copy_database(connection, "towpath", owner="towpath", template="seeded")
    try:
        platform = LocalPlatform(folders.demo / "deployment")
    except LockageError:
        say(f"starting {REPLICAS} replicas of towpath {FIRST_RELEASE}")
        platform = local.create(folders.demo / "deployment", _spec(stage))
    with platform:
        stage = msgspec.structs.replace(stage, front_port=urlsplit(platform.service_url()).port or 0)
        _await_ready(platform)
    return _start_traffic(folders, stage, say)


def _spec(stage: Stage) -> DeploymentSpec:
    command = (sys.executable, "-m", "lockage.demo.towpath", "--release", "{release}")
    return DeploymentSpec(
        name="towpath",
        image="towpath",
        release=FIRST_RELEASE,
        releases=tuple(r.version for r in releases()),
        replicas=REPLICAS,
        command=(*command, "server"),
        version_command=(*command, "version"),
        environment={
            "TOWPATH_PG_CONNECTION_URL": stage.application_url,
            "TOWPATH_HTTP_ADDRESS": "{address}",
            "TOWPATH_REPLICA": "{replica}",
        },
        liveness=LIVENESS,
        readiness=READINESS,
        grace_s=GRACE_S,
        update=UpdateStrategy(max_surge=1, max_unavailable=0),
        front_port=stage.front_port,
        database_port=stage.postgres_port,
        back_off_scale=BACK_OFF_SCALE,
    )


def _await_ready(platform: LocalPlatform) -> None:
    until = time.monotonic() + READY_LIMIT_S
    while True:
        workload = platform.workload()
        ready = sum(1 for r in platform.replicas() if r.ready)
        if ready >= workload.replicas:
            return
        if time.monotonic() > until:
            raise HaltedError(
                f"{ready} of {workload.replicas} replicas of towpath are ready after {READY_LIMIT_S:.0f} s",
                code="LK351",
                hint="lockage survey demo",
            )
        time.sleep(0.1)


def _start_traffic(folders: Folders, stage: Stage, say: Say) -> Stage:
    if _traffic(stage) is not None:
        return stage
    say(f"sending {RATE_PER_S:.0f} requests a second to {stage.service_url}")
    file = traffic_file(folders)
    file.unlink(missing_ok=True)
    plan = traffic.Plan(url=stage.service_url, out=file, rate_per_s=RATE_PER_S, duration_s=TRAFFIC_LIMIT_S)
    with signals_held_back():  # until it is written down, nobody could stop it
        with (folders.demo / "traffic.log").open("ab") as log:
            process = subprocess.Popen(
                traffic.command_line(plan), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        began_at = psutil.Process(process.pid).create_time()
        stage = msgspec.structs.replace(stage, traffic_pid=process.pid, traffic_began_at=began_at)
        _write(folders, stage)
    return stage


def _traffic(stage: Stage) -> psutil.Process | None:
    try:
        process = psutil.Process(stage.traffic_pid) if stage.traffic_pid else None
        same = process is not None and process.create_time() == stage.traffic_began_at
        return process if same and process and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _stop_traffic(stage: Stage) -> None:
    process = _traffic(stage)
    if process is not None:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)
