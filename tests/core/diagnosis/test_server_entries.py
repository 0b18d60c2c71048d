"""PostgreSQL's own log in its three shapes, entry by entry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.diagnosis.server_entries import server_entries

TEXT = """2026-11-22 02:59:30.123 UTC [4711] LOG:  process 4711 still waiting for AccessExclusiveLock
2026-11-22 02:59:31.500 UTC [4711] app@app ERROR:  canceling statement due to statement timeout
2026-11-22 02:59:31.500 UTC [4711] app@app STATEMENT:  ALTER TABLE t
\t  ADD COLUMN c int
2026-11-22 02:59:40 CET [9] FATAL:  the database system is starting up"""
CSV = (
    '2026-11-22 02:59:31.500 UTC,"app","app",4711,"10.0.0.1:5000",x.1,2,"ALTER",2026-11-22 02:59:00 UTC,3/1,0,ERROR,57014,'
    '"canceling statement due to statement timeout",,,,,,"ALTER TABLE t\n  ADD COLUMN c int",,,"app/x","client backend",,0'
)
JSON = (
    '{"timestamp":"2026-11-22 02:59:31.500 UTC","user":"app","dbname":"app","pid":4711,"error_severity":"ERROR",'
    '"state_code":"57014","message":"canceling statement due to statement timeout",'
    '"statement":"ALTER TABLE t\\n  ADD COLUMN c int","application_name":"app/x"}'
)


@pytest.mark.parametrize("text", [TEXT, CSV, JSON], ids=["stderr", "csvlog", "jsonlog"])
def test_an_error_has_its_time_backend_sqlstate_and_statement(text: str) -> None:
    (entry,) = [e for e in server_entries(text.split("\n")) if e.severity == "ERROR"]
    assert entry.at == datetime(2026, 11, 22, 2, 59, 31, 500_000, tzinfo=UTC)
    assert (entry.pid, entry.sqlstate, entry.failed) == (4711, "57014", True)
    assert entry.message == "canceling statement due to statement timeout"
    assert entry.statement.split() == ["ALTER", "TABLE", "t", "ADD", "COLUMN", "c", "int"]


def test_a_zone_that_nobody_can_place_is_no_time() -> None:
    last = server_entries(TEXT.split("\n"))[-1]
    assert (last.at, last.sqlstate, last.severity) == (None, "57P03", "FATAL")


def test_database_and_application_are_told_where_the_log_has_them() -> None:
    for text in (CSV, JSON):
        (entry,) = server_entries(text.split("\n"))
        assert (entry.database, entry.application_name) == ("app", "app/x")


@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_lines_are_read_without_an_error(lines: list[str]) -> None:
    server_entries(lines)
