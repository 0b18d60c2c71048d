"""What statements that nobody saw may do."""

from __future__ import annotations

import pytest

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.trace import CatalogRules
from lockage.core.forecast.worst_case import worst_case
from lockage.core.migration.dynamic_sql import template
from lockage.core.migration.statement import prepared_in, split_statements
from support.traces import BEFORE, EVENTS, EVENTS_1, KEYS, USER_VIEW, USERS

TABLES = (USERS, KEYS, USER_VIEW, EVENTS, EVENTS_1)


def blocked(sql: str) -> dict[int, Blocks]:
    (statement,) = split_statements(sql, file="f")
    return dict(worst_case(statement, mark=BEFORE, rules=CatalogRules()).blocks)


@pytest.mark.parametrize(
    ("sql", "blocks"),
    [
        ("ALTER TABLE keys ADD a int", {KEYS: Blocks.READS}),
        ("ALTER TABLE keys ADD FOREIGN KEY (user_id) REFERENCES users", {KEYS: Blocks.WRITES, USERS: Blocks.WRITES}),
        ("ALTER TABLE keys ADD a int REFERENCES users", {KEYS: Blocks.READS, USERS: Blocks.WRITES}),
        ("ALTER TABLE keys ADD FOREIGN KEY (a) REFERENCES users, ADD b int", {KEYS: Blocks.READS, USERS: Blocks.WRITES}),
        ("ALTER TABLE users ADD FOREIGN KEY (boss) REFERENCES users", {USERS: Blocks.WRITES}),
        ("ALTER TABLE keys VALIDATE CONSTRAINT c, ALTER a SET STATISTICS 5", {}),
        ("ALTER TABLE keys DISABLE TRIGGER USER", {KEYS: Blocks.WRITES}),
        ("LOCK TABLE keys IN SHARE MODE", {KEYS: Blocks.WRITES}),
        ("DROP TABLE keys", {KEYS: Blocks.READS}),
    ],
)
def test_the_gentler_forms_of_alter_table_are_known(sql: str, blocks: dict[int, Blocks]) -> None:
    assert blocked(sql) == blocks


@pytest.mark.parametrize(
    ("expression", "blocks"),
    [
        ("format('ALTER TABLE %I ADD a int', t)", dict.fromkeys(TABLES, Blocks.READS)),
        ("format('LOCK TABLE public.%I IN SHARE MODE', t)", dict.fromkeys(TABLES, Blocks.WRITES)),
        ("format('ALTER TABLE archive.%I ADD a int', t)", {}),
        ("format('DROP TABLE %I.keys', s)", {KEYS: Blocks.READS}),
        ("format('DROP INDEX %I', i)", dict.fromkeys(TABLES, Blocks.READS)),
        ("format('DELETE FROM %I', t)", dict.fromkeys(TABLES, Blocks.ROWS)),
        ("format('INSERT INTO %I VALUES (1)', t)", {}),
        ("format('ALTER TABLE keys ADD FOREIGN KEY (a) REFERENCES %I', t)", dict.fromkeys(TABLES, Blocks.WRITES)),
        ("format('CREATE TABLE %I (a int)', t)", {}),
        ("format('ALTER TABLE %I ADD a int', 'keys')", {KEYS: Blocks.READS}),
    ],
)
def test_a_name_that_only_the_run_knows_may_be_any_tables(expression: str, blocks: dict[int, Blocks]) -> None:
    sql = template(expression)
    assert sql is not None
    assert blocked(sql) == blocks


def test_a_prepared_statement_is_read_for_its_execute() -> None:
    (prepare,) = split_statements("PREPARE one (int) AS DELETE FROM keys WHERE id = $1", file="f")
    assert prepare.changes == ()
    inner = prepared_in(prepare)
    assert inner is not None
    assert (inner.node, prepare.handle) == ("delete_stmt", "one")
    assert [change.relation.name for change in inner.changes] == ["keys"]
    (execute,) = split_statements("EXECUTE one (5)", file="f")
    assert (execute.handle, prepared_in(execute)) == ("one", None)
