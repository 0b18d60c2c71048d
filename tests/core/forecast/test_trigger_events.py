"""Which triggers a change of rows fires."""

from __future__ import annotations

import pytest

from lockage.core.forecast.trace import Trigger
from lockage.core.forecast.trigger_events import fired_by
from lockage.core.migration.statement import split_statements


def fires(sql: str, *events: str, of: tuple[str, ...] = ()) -> bool:
    ((change,),) = (statement.changes for statement in split_statements(sql, file="1_a.sql"))
    return fired_by(Trigger(name="t", table_oid=1, routine="public.f", row_level=True, events=events, columns=of), change)


@pytest.mark.parametrize(
    ("sql", "events"),
    [
        ("INSERT INTO a VALUES (1)", {"INSERT"}),
        ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", {"INSERT"}),
        ("INSERT INTO a VALUES (1) ON CONFLICT (b) DO UPDATE SET b = 2", {"INSERT", "UPDATE"}),
        ("UPDATE a SET b = 1", {"UPDATE"}),
        ("DELETE FROM a", {"DELETE"}),
        ("MERGE INTO a USING c ON a.b = c.b WHEN MATCHED THEN DELETE", {"INSERT", "UPDATE", "DELETE"}),
        ("SELECT * FROM a FOR UPDATE", set[str]()),
    ],
)
def test_each_kind_of_change_fires_the_triggers_of_its_events(sql: str, events: set[str]) -> None:
    every = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
    assert {event for event in every if fires(sql, event)} == events


def test_a_trigger_of_columns_is_fired_by_an_update_that_may_assign_one_of_them() -> None:
    assert fires("UPDATE a SET b = 1", "UPDATE", of=("b", "c"))
    assert not fires("UPDATE a SET b = 1", "UPDATE", of=("c",))
    assert fires("INSERT INTO a VALUES (1) ON CONFLICT (b) DO UPDATE SET b = 2", "UPDATE", of=("b",))
    assert not fires("INSERT INTO a VALUES (1) ON CONFLICT (b) DO UPDATE SET b = 2", "UPDATE", of=("c",))
