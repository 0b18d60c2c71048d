"""Throw-away servers: isolated, quick, and gone with their parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from lockage.adapters.postgres.account import server_account, short_folder
from lockage.adapters.postgres.binaries import Binaries, embedded_binaries, find_binaries
from lockage.adapters.postgres.throwaway import sweep, throwaway
from lockage.errors import RefusedError
from support.landlock import knows_landlock

pytestmark = pytest.mark.real

EITHER_SERVER = pytest.mark.parametrize(
    "binaries",
    [
        pytest.param(embedded_binaries(), id="ours"),
        pytest.param(
            find_binaries(15),
            id="of the machine",
            marks=pytest.mark.skipif(find_binaries(15) is None, reason="no server programs of PostgreSQL 15 on this machine"),
        ),
    ],
)

PARENT = """
import sys, time
from lockage.adapters.postgres.throwaway import throwaway
with throwaway() as server:
    print(server.pid, server.data_dir, flush=True)
    time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, f"not within {limit_s} s"
        time.sleep(0.02)


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def parent_of_a_server() -> Iterator[tuple[subprocess.Popen[str], psutil.Process, Path]]:
    """A process that has a throw-away server, that server, and its folder."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid, data_dir = parent.stdout.readline().split()
        try:
            yield parent, psutil.Process(int(pid)), Path(data_dir).parent
        finally:
            parent.kill()
            parent.wait()


def keeper_of(server: psutil.Process) -> psutil.Process:
    keeper = server.parent()
    assert keeper is not None
    assert "keep" in keeper.cmdline()
    return keeper


def test_a_database_url_leads_to_an_empty_database(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert row == (0,)


def test_nothing_remains_after_the_block() -> None:
    with throwaway() as server:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        process = psutil.Process(server.pid)
    assert not is_running(process)
    assert not server.data_dir.parent.exists()


def test_a_killed_parent_takes_its_server_and_folder_along() -> None:
    with parent_of_a_server() as (parent, server, folder):
        keeper = keeper_of(server)
        backends = server.children(recursive=True)
        assert backends
        parent.kill()
        wait_until(lambda: not any(is_running(process) for process in (server, keeper, *backends)))
        assert not folder.exists()


def test_a_parent_killed_during_a_long_statement_takes_its_server_along() -> None:
    with parent_of_a_server() as (parent, server, folder):
        with psycopg.connect(f"postgresql://postgres@/postgres?host={folder}/s", autocommit=True) as busy:
            sleeping = threading.Thread(target=fails_with_the_server, args=(busy,))
            sleeping.start()
            wait_until(lambda: busy.pgconn.transaction_status == TransactionStatus.ACTIVE)
            parent.kill()
            sleeping.join(20)
            assert not sleeping.is_alive()
        wait_until(lambda: not is_running(server) and not folder.exists())


def fails_with_the_server(session: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.OperationalError):
        session.execute("select pg_sleep(600)")


def test_ctrl_c_in_the_terminal_ends_calmly() -> None:
    with parent_of_a_server() as (parent, server, folder):
        os.killpg(parent.pid, signal.SIGINT)
        parent.wait()
        wait_until(lambda: not is_running(server))
        assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_keeper_takes_the_server_along_and_the_parent_cleans_up() -> None:
    with throwaway() as server:
        process = psutil.Process(server.pid)
        keeper_of(process).kill()
        wait_until(lambda: not is_running(process))
    assert not server.data_dir.parent.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_what_remains_when_parent_and_keeper_are_killed_is_swept_by_the_next() -> None:
    with parent_of_a_server() as (parent, server, folder):
        keeper = keeper_of(server)
        keeper.suspend()
        parent.kill()
        keeper.kill()
        wait_until(lambda: not is_running(server))
        assert folder.exists()
        with throwaway() as other:
            assert not folder.exists()
            sweep(folder.parent)
            assert other.data_dir.exists()


def test_the_server_of_an_ended_thread_lives_on() -> None:
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        server = pool.submit(stack.enter_context, throwaway()).result()
        pool.shutdown()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_several_servers_start_at_once_from_an_empty_cache() -> None:
    def start_and_ask(cache_dir: Path) -> tuple[int, object]:
        with throwaway(tcp=True, cache_dir=cache_dir) as server, psycopg.connect(server.url(tcp=True)) as connection:
            return server.port, connection.execute("select 1").fetchone()

    place = short_folder("lk-test-", None, server_account())
    place.chmod(0o755)
    try:
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(start_and_ask, [place / "cache"] * 3))
    finally:
        shutil.rmtree(place)
    assert len({port for port, _ in found}) == 3
    assert [row for _, row in found] == [(1,)] * 3


def test_templates_that_nobody_used_for_long_are_removed_with_the_next() -> None:
    place = short_folder("lk-test-", None, server_account())
    place.chmod(0o755)
    try:
        for name, age_days in (("17-old", 40), ("17-lately-used", 20)):
            (place / "templates" / name).mkdir(parents=True)
            os.utime(place / "templates" / name, (time.time() - age_days * 86400,) * 2)
        with throwaway(cache_dir=place):
            pass
        assert not (place / "templates" / "17-old").exists()
        assert (place / "templates" / "17-lately-used").exists()
        assert [path.is_dir() for path in (place / "templates").glob("18-*[!k]")] == [True]
    finally:
        shutil.rmtree(place)


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "templates").touch()
    with throwaway(cache_dir=tmp_path) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_the_socket_path_stays_short_under_a_long_root(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 20)
    root.mkdir()
    with throwaway(root=root) as server:
        assert len(str(server.socket_dir / ".s.PGSQL.5432")) < 100


def test_a_server_that_does_not_come_up_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught, throwaway(settings={"shared_buffers": "plenty"}):
        pass
    assert caught.value.code == "LK108"
    assert "shared_buffers" in str(caught.value.hint)
    folder = Path(caught.value.message.split(" in ")[1].split("/data")[0])
    assert not folder.exists()


def test_an_error_in_the_block_passes_and_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), throwaway() as server:
        _ = 1 / 0
    assert not server.data_dir.parent.exists()


@pytest.mark.skipif(not knows_landlock(), reason="this kernel has no Landlock: nothing keeps a server from starting programs")
@EITHER_SERVER
def test_a_server_that_is_alone_starts_no_program(binaries: Binaries, outside: Path) -> None:
    copy = f"copy (select 1) to program 'cat > \"{outside}\"'"
    with throwaway(binaries=binaries, alone=True) as server, psycopg.connect(server.url(), autocommit=True) as session:
        with pytest.raises(psycopg.Error, match="could not execute command"):
            session.execute(copy.encode())
        assert not outside.exists()
    with throwaway(binaries=binaries) as server, psycopg.connect(server.url(), autocommit=True) as session:
        session.execute(copy.encode())
    assert outside.exists()


@pytest.mark.skipif(not knows_landlock(), reason="this kernel has no Landlock: nothing keeps a server from writing files")
@EITHER_SERVER
@pytest.mark.parametrize(
    "export",
    ["copy (select 1) to '{}'", "do $$ declare o oid := lo_from_bytea(0, ''); begin perform lo_export(o, '{}'); end $$"],
)
def test_a_server_that_is_alone_writes_to_its_folder_only(binaries: Binaries, export: str, outside: Path) -> None:
    with throwaway(binaries=binaries, alone=True) as server, psycopg.connect(server.url(), autocommit=True) as session:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Permission denied"):
            session.execute(export.format(outside).encode())
        assert not outside.exists()
        session.execute(export.format(server.data_dir / "inside").encode())
        session.execute(
            "select count(*) from generate_series(1, 300000) i group by i order by 1 limit 1"
        )  # spills to its folder
    with throwaway(binaries=binaries) as server, psycopg.connect(server.url(), autocommit=True) as session:
        session.execute(export.format(outside).encode())
    assert outside.exists()


@pytest.mark.skipif(knows_landlock() < 4, reason="this kernel's Landlock forbids no calls by TCP")
@EITHER_SERVER
def test_a_server_that_is_alone_calls_no_other(binaries: Binaries) -> None:
    with (
        throwaway(tcp=True) as other,
        throwaway(binaries=binaries, alone=True) as server,
        psycopg.connect(server.url(), autocommit=True) as session,
    ):
        subscription = sql.SQL("create subscription s connection {} publication p with (create_slot = false)")
        call = subscription.format(sql.Literal(other.url(tcp=True)))
        with pytest.raises(psycopg.Error, match="Permission denied"):
            session.execute(call)


def test_a_server_without_tcp_has_no_tcp_url() -> None:
    with throwaway() as server, pytest.raises(ValueError, match="Unix socket only"):
        server.url(tcp=True)
