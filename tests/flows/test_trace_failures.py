"""What fails in an open transaction is taken back, settings too, and the script is traced to its end."""

from __future__ import annotations

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.trace import Trace
from lockage.core.migration.script import Migration
from lockage.flows.trace_script import trace_script

pytestmark = pytest.mark.real


def traced(*statements: str) -> Trace:
    text = "".join(f"{statement};\n" for statement in statements)
    migration = Migration(version=1, name="m", file="1_m.sql", text=text)
    with EmbeddedShadows().empty() as shadow:
        shadow.run("CREATE TABLE t (i int)")
        with shadow.session() as session:
            return trace_script(session, [migration], transaction="file", narrate=lambda _: None)


def test_a_setting_that_is_refused_ends_neither_the_transaction_nor_the_trace() -> None:
    trace = traced("BEGIN", "SET nosuch = 3", "ALTER TABLE t ADD COLUMN j int", "COMMIT")
    failures = [step.observation.failure and step.observation.failure.sqlstate for step in trace.statements]
    assert failures == [None, "42704", None, None]


def test_an_isolation_level_that_is_set_too_late_is_a_failure() -> None:
    late = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
    trace = traced("ALTER TABLE t ADD COLUMN j int", "BEGIN", late, "ALTER TABLE t ADD COLUMN k int", "COMMIT")
    failures = [step.observation.failure and step.observation.failure.sqlstate for step in trace.statements]
    assert failures == [None, None, "25001", None, None]


def test_settings_before_an_isolation_level_last_and_do_not_spoil_it() -> None:
    early = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
    trace = traced("BEGIN", "SET LOCAL lock_timeout = '2s'", early, "ALTER TABLE t ADD COLUMN j int", "COMMIT")
    assert [step.observation.failure for step in trace.statements] == [None] * 5
    assert trace.statements[3].observation.wait_limit_ms == 2000
