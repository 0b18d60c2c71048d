"""Detached servers and data directories: what lives on, what is adopted, and a sentence for every way to fail."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import psutil
import psycopg
import pytest

from lockage.adapters.postgres.account import server_account, short_folder
from lockage.adapters.postgres.binaries import Binaries, binaries_in, embedded_binaries, find_binaries
from lockage.adapters.postgres.data_directory import initialise
from lockage.adapters.postgres.embedded import Server, running, start_detached, stop
from lockage.adapters.postgres.pid_file import read_pid_file
from lockage.adapters.postgres.throwaway import throwaway
from lockage.errors import RefusedError

pytestmark = pytest.mark.real

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

PASSWORD = "p@ss word/1"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the server's account reaches, which pytest's own is not for root."""
    folder = short_folder("lk-test-", None, server_account())
    try:
        yield folder
    finally:
        stop(folder / "data", mode="immediate")
        shutil.rmtree(folder)


@pytest.fixture
def data_dir(place: Path) -> Path:
    initialise(place / "data", binaries=embedded_binaries(), password=PASSWORD, settings={"work_mem": "3MB", "fsync": "off"})
    return place / "data"


def start(data_dir: Path, **more: object) -> Server:
    return start_detached(data_dir, log_file=data_dir.parent / "server.log", password=PASSWORD, **more)  # type: ignore[arg-type]


def refusal_of_start(data_dir: Path, **more: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        start(data_dir, **more)
    return caught.value


def test_a_detached_server_outlives_the_process_that_started_it(data_dir: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lockage.adapters.postgres.embedded import start_detached as s;"
        "print(s(Path(sys.argv[1]), log_file=Path(sys.argv[2])).pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, data_dir, data_dir.parent / "server.log"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    server = running(data_dir, password=PASSWORD)
    assert server is not None
    assert server.pid == int(done.stdout)
    with psycopg.connect(server.url(tcp=True)) as connection:
        assert connection.execute("show client_connection_check_interval").fetchone() == ("0",)


def test_a_detached_server_asks_for_the_password_over_tcp(data_dir: Path) -> None:
    server = start(data_dir)
    with psycopg.connect(server.url(tcp=True)) as connection:
        row = connection.execute("select current_setting('work_mem'), inet_server_addr()::text").fetchone()
    assert row == ("3MB", "127.0.0.1/32")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="wrong", tcp=True)).close()


def test_settings_of_a_start_win_over_the_file(data_dir: Path) -> None:
    with psycopg.connect(start(data_dir, settings={"work_mem": "5MB"}).url()) as connection:
        assert connection.execute("show work_mem").fetchone() == ("5MB",)


def test_a_second_start_adopts_the_server_that_runs(data_dir: Path) -> None:
    first = start(data_dir)
    assert start(data_dir) == first
    assert start(data_dir, port=first.port) == first


def test_a_stopped_server_comes_back_on_its_port_with_its_data(data_dir: Path) -> None:
    first = start(data_dir)
    with psycopg.connect(first.url(), autocommit=True) as connection:
        connection.execute("create table kept as select 7 as n")
    assert stop(data_dir)
    assert running(data_dir) is None
    assert not stop(data_dir)
    again = start(data_dir, port=first.port)
    assert (again.port, again.pid != first.pid) == (first.port, True)
    with psycopg.connect(again.url(tcp=True)) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_a_server_killed_with_sigkill_is_started_again(data_dir: Path) -> None:
    first = start(data_dir)
    process = psutil.Process(first.pid)
    process.kill()
    limit = time.monotonic() + 10
    while running(data_dir) is not None:
        assert time.monotonic() < limit
        time.sleep(0.01)
    assert start(data_dir).pid != first.pid


def test_a_data_directory_in_use_on_another_port_is_refused(data_dir: Path, free_port: int) -> None:
    server = start(data_dir)
    error = refusal_of_start(data_dir, port=free_port)
    assert error.code == "LK107"
    assert error.message == f"the data directory {data_dir} is in use by the PostgreSQL server with pid {server.pid}"


def test_a_port_that_is_taken_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refusal_of_start(data_dir, port=port)
    assert (error.code, error.exit_code) == ("LK104", 3)
    assert error.message == f"port {port} on 127.0.0.1 is taken by another process"
    assert f":{port}" in str(error.hint)
    assert read_pid_file(data_dir) is None


def test_a_data_directory_of_another_major_is_refused(data_dir: Path) -> None:
    (data_dir / "PG_VERSION").write_text("15\n")
    error = refusal_of_start(data_dir)
    assert error.code == "LK106"
    assert "is of PostgreSQL 15, and this server is of PostgreSQL 18" in error.message


def test_a_folder_that_is_no_data_directory_is_refused(place: Path) -> None:
    assert refusal_of_start(place / "data").code == "LK109"


def test_a_folder_with_something_in_it_is_never_initialised(data_dir: Path) -> None:
    with pytest.raises(RefusedError, match="is not empty") as caught:
        initialise(data_dir, binaries=embedded_binaries())
    assert caught.value.code == "LK109"


def test_a_server_that_does_not_come_up_shows_its_last_words(data_dir: Path) -> None:
    (data_dir.parent / "server.log").write_text("old words\n")
    error = refusal_of_start(data_dir, settings={"shared_buffers": "plenty"})
    assert error.code == "LK108"
    assert 'invalid value for parameter "shared_buffers": "plenty"' in str(error.hint)
    assert "old words" not in str(error.hint)


def test_a_server_that_is_not_ready_in_time_is_stopped_again(data_dir: Path) -> None:
    error = refusal_of_start(data_dir, limit_s=0.0)
    assert error.code == "LK108"
    assert "not ready within 0 s" in error.message


def test_a_pid_file_whose_number_another_process_has_now_is_no_server(data_dir: Path) -> None:
    (data_dir / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir}\n1\n5432\n/tmp\n127.0.0.1\n1 2\nready   \n")
    assert running(data_dir) is None
    assert not stop(data_dir)


def test_a_file_size_limit_counts_as_a_full_disk(place: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    program = (
        "import sys; from pathlib import Path; from lockage.errors import LockageError\n"
        "from lockage.adapters.postgres.throwaway import throwaway\n"
        "try:\n"
        "    with throwaway(cache_dir=Path(sys.argv[1])): pass\n"
        "except LockageError as error: print(error.code, error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, place / "cache"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=limit,
    )
    assert done.stdout.startswith("LK105 no room left on the disk")


def fill(ballast: FileIO) -> None:
    with contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    disk.chmod(0o755)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@needs_root
@pytest.mark.root
def test_a_full_disk_is_named_when_a_data_directory_is_made_and_when_it_is_started(small_disk: Path) -> None:
    data_dir = small_disk / "data"
    with (small_disk / "ballast").open("wb") as ballast:
        ballast.write(bytes(40_000_000))
    with pytest.raises(RefusedError) as caught:
        initialise(data_dir, binaries=embedded_binaries())
    assert caught.value.code == "LK105"
    shutil.rmtree(data_dir)
    (small_disk / "ballast").unlink()

    initialise(data_dir, binaries=embedded_binaries())
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        fill(ballast)
    assert refusal_of_start(data_dir).code == "LK105"


@needs_root
@pytest.mark.root
def test_root_without_an_unprivileged_account_is_told_to_make_one() -> None:
    with pytest.raises(RefusedError) as caught:
        server_account(names=("no-such-account", "root"))
    assert caught.value.code == "LK102"
    assert "no-such-account: does not exist; root: is root" in caught.value.message


@needs_root
@pytest.mark.root
def test_a_folder_that_the_account_cannot_reach_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(RefusedError) as caught:
        initialise(tmp_path / "data", binaries=embedded_binaries())
    assert caught.value.code == "LK103"
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@needs_root
@pytest.mark.root
def test_programs_that_the_account_cannot_reach_are_copied_once(tmp_path: Path, place: Path) -> None:
    tmp_path.chmod(0o700)
    package = embedded_binaries().bin_dir.parent.parent
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    hidden = binaries_in(tmp_path / package.name / "pginstall" / "bin")
    place.chmod(0o755)
    for _ in range(2):
        with throwaway(binaries=hidden, cache_dir=place / "cache") as server, psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
            assert str(place) in psutil.Process(server.pid).exe()
    assert len(list((place / "cache" / "binaries").iterdir())) == 1
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_without_server_programs_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="postgres is missing") as caught:
        binaries_in(tmp_path)
    assert caught.value.code == "LK101"


def test_server_programs_that_do_not_run_here_are_named(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/nowhere/ld-musl-x86_64.so.1\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(RefusedError, match="does not run on this machine") as caught:
        binaries_in(tmp_path)
    assert caught.value.code == "LK101"
    assert "musl" in str(caught.value.hint)


def test_the_wheels_own_major_is_found_and_an_ancient_one_is_not() -> None:
    assert find_binaries(18) == embedded_binaries()
    assert find_binaries(7) is None


@pytest.fixture
def other_major() -> Binaries:
    for major in (17, 16, 15, 14, 13):
        if found := find_binaries(major):
            return found
    pytest.skip("no server programs of another major on this machine")


def test_a_server_of_another_major_runs_beside_ours(other_major: Binaries, postgres_server: Server) -> None:
    with throwaway(binaries=other_major) as server, psycopg.connect(server.url()) as connection:
        assert connection.info.server_version // 10000 == other_major.major
    with psycopg.connect(postgres_server.url()) as connection:
        assert connection.info.server_version // 10000 == 18
