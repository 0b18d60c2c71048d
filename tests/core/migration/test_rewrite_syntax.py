"""What an ALTER TABLE computes for each row is read by the parser."""

from __future__ import annotations

import pytest

from lockage.core.migration.rewrite_syntax import RewriteSyntax, rewrite_in


@pytest.mark.parametrize(
    ("text", "computed"),
    [
        ("ALTER TABLE t ALTER a TYPE bigint", 0),
        ("ALTER TABLE t ALTER a TYPE jsonb USING a::jsonb", 1),
        ("ALTER TABLE t ADD a bigserial, ADD b integer GENERATED ALWAYS AS (c * 2) STORED, ADD d integer", 2),
        ("ALTER TABLE t ADD a bigint GENERATED ALWAYS AS IDENTITY", 1),
        ("SELECT 'ALTER TABLE t ADD a bigserial'", 0),
        ("no sql", 0),
    ],
)
def test_casts_generated_values_and_numbers_of_a_sequence_are_computed(text: str, computed: int) -> None:
    assert rewrite_in(text).computed == computed


def test_a_table_that_goes_to_another_tablespace_is_only_moved() -> None:
    assert rewrite_in("ALTER TABLE t SET TABLESPACE fast").only_moves
    assert not rewrite_in("ALTER TABLE t SET TABLESPACE fast, ALTER a TYPE bigint").only_moves


def test_only_the_command_makes_a_table_unlogged() -> None:
    assert rewrite_in("ALTER TABLE t SET UNLOGGED").becomes_unlogged
    assert rewrite_in("ALTER TABLE t ALTER a SET DEFAULT 'set unlogged'") == RewriteSyntax()
