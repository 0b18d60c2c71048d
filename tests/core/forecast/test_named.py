"""What a parameter may name that is gone."""

from __future__ import annotations

import pytest

from lockage.core.forecast.named import lost_name
from lockage.core.forecast.strictness import Demanding, Strictness

REGCLASS, REGCONFIG, TEXT = 2205, 3734, 25
BEFORE = Strictness(
    tables={
        1: Demanding(name="public.t", kind="r", columns={}),
        2: Demanding(name="public.s", kind="S", columns={}),
    },
    names={REGCONFIG: frozenset({"public.english2"})},
)
WITHOUT_TABLE = Strictness(tables={2: BEFORE.tables[2]}, names=BEFORE.names)
WITHOUT_SEQUENCE = Strictness(tables={1: BEFORE.tables[1]}, names=BEFORE.names)


@pytest.mark.parametrize(
    ("text", "after", "lost"),
    [
        ("select nextval($1)", WITHOUT_SEQUENCE, True),
        ("select nextval($1)", WITHOUT_TABLE, False),
        ("select setval ( $1::regclass, 3)", WITHOUT_TABLE, False),
        ("select nextval($1), pg_relation_size($1)", WITHOUT_TABLE, True),
        ("select pg_relation_size($1)", WITHOUT_TABLE, True),
        ("select pg_relation_size($1)", BEFORE, False),
    ],
)
def test_a_parameter_of_nextval_names_a_sequence_and_others_any_relation(text: str, after: Strictness, lost: bool) -> None:
    assert (lost_name(text, [REGCLASS], BEFORE, after) is not None) is lost


def test_a_configuration_that_is_gone_may_be_named_and_a_text_names_nothing() -> None:
    gone = Strictness(tables=BEFORE.tables)
    found = lost_name("select to_tsvector($2, $1)", [TEXT, REGCONFIG], BEFORE, gone)
    assert found is not None
    assert found.sqlstate == "42704"
    assert "public.english2" in found.sentence
    assert lost_name("select $1", [TEXT], BEFORE, gone) is None
