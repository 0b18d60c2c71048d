"""What statements that nobody saw may do."""

from __future__ import annotations

import pytest

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.trace import CatalogRules
from lockage.core.forecast.worst_case import worst_case
from lockage.core.migration.statement import prepared_in, split_statements
from support.traces import BEFORE, KEYS, USERS


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


def test_a_prepared_statement_is_read_for_its_execute() -> None:
    (prepare,) = split_statements("PREPARE one (int) AS DELETE FROM keys WHERE id = $1", file="f")
    assert prepare.changes == ()
    inner = prepared_in(prepare)
    assert inner is not None
    assert (inner.node, prepare.handle) == ("delete_stmt", "one")
    assert [change.relation.name for change in inner.changes] == ["keys"]
    (execute,) = split_statements("EXECUTE one (5)", file="f")
    assert (execute.handle, prepared_in(execute)) == ("one", None)
