"""What replicas complain of, in the wording of many clients and loggers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.diagnosis.evidence import LogText
from lockage.core.diagnosis.last_words import last_words
from lockage.core.diagnosis.log_lines import complaints, read_line
from lockage.core.diagnosis.server_messages import Fault

SAID = [
    # lib/pq and golang-migrate
    ('2026-11-22 10:00:00.123 [erro]  connect to postgres failed  error="migrate up: pq: permission denied for table api_keys"',
     "42501", "permission denied for table api_keys"),
    ('error: migration failed: column "x" does not exist in line 0: ALTER TABLE (details: pq: column "x" does not exist)',
     "42703", 'column "x" does not exist'),
    ("panic: pq: deadlock detected", "40P01", "deadlock detected"),
    ("pq: canceling statement due to lock timeout (55P03)", "55P03", "canceling statement due to lock timeout (55P03)"),
    # pgx
    ('{"level":"error","ts":1795348800.5,"msg":"migrate","error":"ERROR: must be owner of table users (SQLSTATE 42501)"}',
     "42501", "must be owner of table users"),
    ('failed to connect to `user=app database=app`: 10.0.0.1:5432 (db): server error: FATAL: password authentication failed '
     'for user "app" (SQLSTATE 28P01)', "28P01", 'password authentication failed for user "app"'),
    # psycopg, SQLAlchemy, asyncpg, Django
    ("psycopg.errors.InsufficientPrivilege: permission denied for schema public", "42501",
     "psycopg.errors.InsufficientPrivilege: permission denied for schema public"),
    ("sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation \"flow\" does not exist", "42P01", None),
    ("asyncpg.exceptions.DeadlockDetectedError: Verklemmung entdeckt", "40P01", None),
    ("django.db.utils.OperationalError: connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  sorry, too many "
     "clients already", "53300", "sorry, too many clients already"),
    # JDBC
    ("Caused by: org.postgresql.util.PSQLException: ERROR: extension \"pg_trgm\" is not available", "0A000",
     'extension "pg_trgm" is not available'),
    ("org.postgresql.util.PSQLException: FATAL: database \"app\" does not exist", "3D000", 'database "app" does not exist'),
    # Ruby, PHP, .NET, Elixir, Rust, Prisma
    ("ActiveRecord::StatementInvalid: PG::InsufficientPrivilege: ERROR:  permission denied for relation users", "42501",
     "permission denied for relation users"),
    ("PDOException: SQLSTATE[42501]: Insufficient privilege: 7 ERROR:  droit refus", "42501", "droit refus"),
    ("Npgsql.PostgresException (0x80004005): 40P01: Verklemmung entdeckt", "40P01", None),
    ("** (Postgrex.Error) ERROR 42P07 (duplicate_table) relation \"users\" already exists", "42P07", None),
    ("error returned from database: could not extend file \"base/5/16384\": No space left on device", "53100", None),
    ("Database error code: 42P07", None, None),  # a code without a message: it belongs to the line before
    # the server's own log
    ("2026-11-22 10:00:00.123 UTC [4711] app@app ERROR:  canceling statement due to statement timeout", "57014",
     "canceling statement due to statement timeout"),
    ("2026-11-22 10:00:00.123 CET [4711] FATAL:  remaining connection slots are reserved for roles with the "
     "SUPERUSER attribute", "53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
    ('{"timestamp":"2026-11-22 10:00:00.123 UTC","pid":4711,"error_severity":"ERROR","state_code":"25006","message":"cannot '
     'execute CREATE TABLE in a read-only transaction"}', "25006", "cannot execute CREATE TABLE in a read-only transaction"),
    ("ERROR:  out of shared memory", "53200", "out of shared memory"),
    # another language, with a printed code; said in English, as the rules read it
    ("ERROR: keine Berechtigung für Tabelle t (SQLSTATE 42501)", "42501", "permission denied for table t"),
    ("FEHLER: Tabelle t ist zu alt (SQLSTATE P0001)", "P0001", "Tabelle t ist zu alt"),
]  # fmt: skip


def log(*lines: str, previous: bool = False) -> LogText:
    return LogText(replica="app-5d9-abcde", container="app", lines=lines, previous=previous)


@pytest.mark.parametrize(("line", "sqlstate", "message"), SAID)
def test_an_error_of_the_server_is_recognised_in_every_clients_wording(
    line: str, sqlstate: str | None, message: str | None
) -> None:
    found = complaints((log(line),))
    assert [c.sqlstate for c in found] == ([sqlstate] if sqlstate else [])
    if message is not None:
        assert found[0].message == message
    assert not found or found[0].fault is None


FAULTS = [
    ("dial tcp: lookup db.example on 10.96.0.10:53: no such host: connect to postgres", Fault.NO_HOST),
    ('psycopg.OperationalError: could not translate host name "db" to address: Name or service not known', Fault.NO_HOST),
    ('connection to server at "10.0.0.1", port 5432 failed: Connection refused', Fault.REFUSED),
    ("Error: connect ECONNREFUSED 10.0.0.1:5432", Fault.REFUSED),
    ("ping postgres: dial tcp 10.0.0.1:5432: i/o timeout", Fault.SILENT),
    ("PrismaClientInitializationError: P1001: Can't reach database server at `db:5432`", Fault.SILENT),
    ("pq: SSL is not enabled on the server", Fault.NO_TLS),
    (
        "connect to postgres: tls: failed to verify certificate: x509: certificate signed by unknown authority",
        Fault.CERTIFICATE,
    ),
    ("psycopg.OperationalError: server closed the connection unexpectedly", Fault.LOST),
    ("sqlalchemy.exc.ArgumentError: Could not parse SQLAlchemy URL from given URL string", Fault.BAD_URL),
    ("cannot parse `postgres:xxxx`: failed to parse as URL", None),
]


@pytest.mark.parametrize(("line", "fault"), FAULTS)
def test_what_goes_wrong_below_sql_is_recognised(line: str, fault: Fault | None) -> None:
    found = complaints((log(line),))
    assert [c.fault for c in found] == [fault or Fault.BAD_URL]
    assert found[0].sqlstate is None


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22T10:00:00Z INFO listening on :8080",
        'GET /api/v2/users 200 {"code":"HELLO"}',
        "open /etc/app/config.yaml: permission denied",
        "redis: dial tcp 10.0.0.9:6379: connection refused",
        "oidc: context deadline exceeded while fetching https://login.example/.well-known",
        "user does not exist",
        "ERROR: template not found",
        "SQLSTATE codes are documented in appendix A",
    ],
)
def test_what_is_not_the_databases_is_no_complaint(line: str) -> None:
    assert complaints((log(line),)) == ()


def test_a_code_on_a_line_of_its_own_belongs_to_the_message_above() -> None:
    lines = (
        "error: Berechtigung verweigert: permission denied for table users",
        "    at Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:285:98)",
        "  length: 95,",
        "  severity: 'ERROR',",
        "  code: '42501',",
    )
    (found,) = complaints((log(*lines),))
    assert (found.sqlstate, found.stated) == ("42501", True)


def test_flyways_code_stands_above_its_message() -> None:
    lines = ("SQL State  : 42P07", "Error Code : 0", 'Message    : ERROR: relation "users" already exists')
    (found,) = complaints((log(*lines),))
    assert (found.sqlstate, found.stated, found.message) == ("42P07", True, 'relation "users" already exists')


def test_detail_and_hint_belong_to_the_complaint() -> None:
    lines = ("2026-11-22 10:00:00 UTC [7] ERROR:  out of shared memory",
             "2026-11-22 10:00:00 UTC [7] HINT:  You might need to increase \"max_locks_per_transaction\".")  # fmt: skip
    (found,) = complaints((log(*lines),))
    assert found.detail == 'You might need to increase "max_locks_per_transaction".'


@pytest.mark.parametrize(
    ("raw", "level", "text"),
    [
        (
            "2026-11-22T10:00:00.5Z 2026-11-22 11:00:00.500 +01:00 [warn]  ping postgres: retrying",
            "warn",
            "ping postgres: retrying",
        ),
        ("2026/11/22 10:00:00 error: boom", "error", "error: boom"),
        ('time="2026-11-22T10:00:00Z" level=error msg="cannot \\"start\\"" err=EOF', "error", 'cannot "start": EOF'),
        ('{"level":50,"time":1795341600000,"msg":"boom"}', "error", "boom"),
        ('{"severity":"ERROR","message":"boom","timestamp":"2026-11-22T10:00:00Z"}', "error", "boom"),
        ("E1122 10:00:00.500000       1 main.go:12] boom", "error", "boom"),
        ("the information desk is open", "", "the information desk is open"),
        ("{broken json", "", "{broken json"),
    ],
)
def test_time_and_level_are_taken_off(raw: str, level: str, text: str) -> None:
    line = read_line(raw)
    assert (line.level, line.text) == (level, text)
    if raw.startswith(("2026", '{"s')):
        assert line.at is not None
        assert line.at.replace(microsecond=0) == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("starting", "panic: no licence", "", "goroutine 1 [running]:", "main.main()", "\t/src/main.go:7 +0x1d"),
         "panic: no licence"),
        (("Traceback (most recent call last):", '  File "/app/x.py", line 3, in <module>', "ValueError: bad port"),
         "ValueError: bad port"),
        (("2026-11-22 10:00:00 [info]  up", "2026-11-22 10:00:01 [erro]  licence expired", "bye"), "licence expired"),
        (("up", "going", "down", ""), "down"),
        (("rails aborted!", "ActiveRecord::ConcurrentMigrationError: Cannot run migrations", "Tasks: TOP => db:migrate"),
         "ActiveRecord::ConcurrentMigrationError: Cannot run migrations"),
    ],
)  # fmt: skip
def test_last_words_are_the_line_that_tells_why(lines: tuple[str, ...], told: str) -> None:
    line = last_words(log(*lines, previous=True))
    assert line is not None
    assert line.text == told


def test_a_silent_process_has_no_last_words() -> None:
    assert last_words(log("", "   ")) is None


@given(st.lists(st.text() | st.from_regex(r"\{.*\}|20\d\d-\d\d-\d\d \d\d:\d\d:\d\d.*|.*code: '[0-9A-Z]{5}'.*"), max_size=8))
def test_no_line_is_too_strange(lines: list[str]) -> None:
    strange = log(*lines)
    complaints((strange,))
    last_words(strange)


@pytest.mark.parametrize(
    "line",
    [
        'OSError: could not write to cache file "/tmp/x": No space left on device',
        "Error: could not connect to the Redis database at 127.0.0.1:6379: Connection refused",
        "oidc: database of keys: dial tcp 10.0.0.9:443: connect: connection refused",
        "   at Npgsql.Internal.NpgsqlConnector.ReadMessageLong(Boolean async)",
        "\tgithub.com/jackc/pgx/v5/pgconn.(*PgConn).Exec(0xc000)",
    ],
)
def test_the_trouble_of_other_servers_and_lines_of_a_stack_are_no_complaint(line: str) -> None:
    assert complaints((log(line),)) == ()


@pytest.mark.parametrize(
    ("line", "sqlstate"),
    [
        ('ERROR:  could not extend file "base/16384/16402": No space left on device', "53100"),
        ('PANIC:  could not write to file "pg_wal/xlogtemp.31": No space left on device', "53100"),
        ("ERROR: could not write to temporary file: No space left on device", "53100"),
    ],
)
def test_the_servers_own_full_disk_is_known_by_its_own_files(line: str, sqlstate: str) -> None:
    (found,) = complaints((log(line),))
    assert found.sqlstate == sqlstate


def test_the_frames_below_an_error_do_not_hide_it() -> None:
    lines = (
        "Npgsql.PostgresException (0x80004005): 57014: canceling statement due to statement timeout",
        "   at Npgsql.Internal.NpgsqlConnector.ReadMessageLong(Boolean async)",
    )
    (found,) = complaints((log(*lines),))
    assert (found.sqlstate, found.stated) == ("57014", True)
