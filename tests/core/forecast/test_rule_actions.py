"""What rules put into users' statements."""

from __future__ import annotations

import pytest

from lockage.core.forecast.rule_actions import actions_of, added_by
from lockage.core.forecast.trace import Rewrite

ADDED = "UPDATE counted SET n = counted.n\n  WHERE (counted.id = 1)"


def rule(rest: str, *, table: str = "public.t") -> Rewrite:
    definition = f"CREATE RULE r AS\n    ON DELETE TO {table}{rest}"
    return Rewrite(name="r", table_oid=1, event="DELETE", definition=definition)


@pytest.mark.parametrize(
    ("made", "read", "added"),
    [
        (rule(f" DO  {ADDED};"), 1, 1),
        (rule(f" DO  ( {ADDED};\n {ADDED};\n)", table='"a ""WHERE"" b".t'), 2, 2),
        (rule(f"\n   WHERE (old.id > 1) DO  {ADDED};"), 1, 0),
        (rule(f" DO INSTEAD  {ADDED};"), 1, 0),
        (rule(" DO INSTEAD NOTHING;"), 0, 0),
        (rule(" DO  NOTIFY gone;"), 1, 1),
    ],
)
def test_what_a_rule_adds_is_read_and_whether_it_does_so_in_any_case(made: Rewrite, read: int, added: int) -> None:
    assert len(actions_of(made)) == read
    assert len(added_by(made)) == added


def test_the_rows_of_an_action_keep_the_values_that_its_condition_writes_out() -> None:
    (action,) = added_by(rule(f" DO  {ADDED};"))
    assert [change.constants for change in action.changes] == [(("id", 1),)]
