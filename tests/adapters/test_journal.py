"""A journal keeps what was written, for one writer at a time, whatever happens to that one."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from lockage.adapters.journal import SqliteJournals
from lockage.errors import RefusedError, UsageError
from lockage.ports import JournalEntry, Journals
from ports.journals_suite import AT, JournalsSuite, entry

WRITER = """
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from lockage.adapters.journal import SqliteJournals
from lockage.ports import JournalEntry

with SqliteJournals(Path(sys.argv[1])).create("demo", run_id="run-1") as journal:
    for number in range(3):
        journal.append(JournalEntry(at=datetime.now(UTC), kind="saw", hop=0, step="", text=f"number {number}"))
    print("written", flush=True)
    sys.stdin.read()
"""


class TestSqliteJournals(JournalsSuite):
    @pytest.fixture
    def journals(self, tmp_path: Path) -> Journals:
        return SqliteJournals(tmp_path / "runs")


def test_an_entry_is_synced_to_the_disk_when_append_returns(tmp_path: Path) -> None:
    with SqliteJournals(tmp_path).create("demo", run_id="run-1") as journal:
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: a sync at every commit"
        assert not journal._connection.in_transaction
        journal.append(entry("text"))
        assert not journal._connection.in_transaction


def test_a_slow_reader_does_not_hold_up_the_writer(tmp_path: Path) -> None:
    with SqliteJournals(tmp_path).create("demo", run_id="run-1") as journal:
        journal.append(entry("first"))
        with closing(sqlite3.connect(tmp_path / "demo" / "run-1.journal", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM entry").fetchone() == (1,)
            begun = time.monotonic()
            journal.append(entry("second"))
            assert time.monotonic() - begun < 2.0
            assert reader.execute("SELECT count(*) FROM entry").fetchone() == (1,), "it reads what was when it began"


def test_times_are_given_back_in_utc(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    there = AT.astimezone(timezone(timedelta(hours=5)))
    with journals.create("demo", run_id="run-1") as journal:
        journal.append(JournalEntry(at=there, kind="saw", hop=0, step="", text=""))
    (read,) = journals.read("run-1")
    assert read.at == AT
    assert read.at.tzinfo is UTC


def test_a_second_writer_of_the_same_deployment_is_refused_by_pid(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    with journals.create("other", run_id="run-0"):
        pass
    with journals.create("demo", run_id="run-1"):
        for again in (journals.create("demo", run_id="run-2"), journals.open("run-1")):
            with pytest.raises(RefusedError) as caught, again:
                pass
            assert caught.value.code == "LK312"
            assert caught.value.message == f"a run of demo is being written by process {os.getpid()}"
        with journals.open("run-0"), journals.create("third", run_id="run-3"):
            pass
    with journals.open("run-1"):
        pass


@pytest.mark.real
def test_a_killed_writer_leaves_a_readable_journal_and_frees_the_lock(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        with pytest.raises(RefusedError) as caught, journals.open("run-1"):
            pass
        assert f"process {writer.pid}" in caught.value.message
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert [e.text for e in journals.read("run-1")] == ["number 0", "number 1", "number 2"]
    with journals.open("run-1") as journal:
        journal.append(entry("number 3"))
    assert len(journals.read("run-1")) == 4


@pytest.mark.real
def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    with journals.create("demo", run_id="run-1"):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with journals.open("run-1"):
            pass
    finally:
        child.communicate()


def test_runs_are_listed_oldest_first_and_by_deployment(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    assert journals.runs() == ()
    for deployment, run_id in (("demo", "20260105-2"), ("ns/app [1]", "20260105-1"), ("demo", "20260104-9")):
        with journals.create(deployment, run_id=run_id):
            pass
    assert journals.runs() == ("20260104-9", "20260105-1", "20260105-2")
    assert journals.runs("demo") == ("20260104-9", "20260105-2")
    assert journals.runs("ns/app [1]") == ("20260105-1",)
    assert journals.runs("nobody") == ()


@pytest.mark.parametrize("deployment", ["..", ".", ".hidden", "a/b", "../../etc"])
def test_no_name_of_a_deployment_leads_out_of_the_folder(tmp_path: Path, deployment: str) -> None:
    journals = SqliteJournals(tmp_path / "runs")
    with journals.create(deployment, run_id="run-1"):
        pass
    assert [file.parent.parent for file in tmp_path.rglob("*.journal")] == [tmp_path / "runs"]
    assert journals.runs(deployment) == ("run-1",)
    with pytest.raises(RefusedError) as caught, journals.open("run-1"), journals.open("run-1"):
        pass
    assert f"a run of {deployment} is" in caught.value.message


def test_a_run_that_exists_is_not_begun_again(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    with journals.create("demo", run_id="run-1"):
        pass
    with pytest.raises(RefusedError) as caught, journals.create("demo", run_id="run-1"):
        pass
    assert caught.value.code == "LK314"


@pytest.mark.parametrize("run_id", ["run-9", "../run-1", "*"])
def test_an_unknown_run_is_said_to_be_unknown(tmp_path: Path, run_id: str) -> None:
    journals = SqliteJournals(tmp_path)
    with journals.create("demo", run_id="run-1"):
        pass
    with pytest.raises(UsageError) as caught:
        journals.read(run_id)
    assert caught.value.code == "LK319"


def test_a_damaged_file_is_named_and_the_others_are_still_listed(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    with journals.create("demo", run_id="run-1") as journal:
        journal.append(entry("text"))
    (tmp_path / "demo" / "run-2.journal").write_bytes(b"no database at all" * 100)
    for look in (lambda: journals.read("run-2"), lambda: journals.open("run-2").__enter__()):
        with pytest.raises(RefusedError) as caught:
            look()
        assert caught.value.code == "LK317"
        assert str(tmp_path / "demo" / "run-2.journal") in caught.value.message
    assert journals.runs("demo") == ("run-1", "run-2")
    assert len(journals.read("run-1")) == 1


def test_a_database_of_another_program_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    other = sqlite3.connect(tmp_path / "demo" / "run-1.journal")
    other.execute("create table entry (x)")
    other.commit()
    other.close()
    with pytest.raises(RefusedError) as caught:
        SqliteJournals(tmp_path).read("run-1")
    assert caught.value.code == "LK317"
    assert "not a journal" in caught.value.message


def test_a_journal_of_a_newer_format_is_not_touched(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    with journals.create("demo", run_id="run-1"):
        pass
    newer = sqlite3.connect(tmp_path / "demo" / "run-1.journal")
    newer.execute("pragma user_version = 2")
    newer.close()
    with pytest.raises(RefusedError) as caught, journals.open("run-1"):
        pass
    assert "its format is 2, newer than 1" in caught.value.message


def test_a_writer_killed_while_it_made_the_file_leaves_an_empty_run(tmp_path: Path) -> None:
    journals = SqliteJournals(tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "run-1.journal").touch()
    assert journals.read("run-1") == ()
    with journals.open("run-1") as journal:
        journal.append(entry("text"))
    assert len(journals.read("run-1")) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RefusedError) as caught, SqliteJournals(tmp_path / "runs").create("demo", run_id="run-1"):
        pass
    assert caught.value.code == "LK316"
