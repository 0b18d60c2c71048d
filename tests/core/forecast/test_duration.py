"""Rough seconds from sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.facts import Relation
from lockage.core.forecast.duration.estimate import Estimate, estimates
from lockage.core.forecast.trace import CatalogRelation, CatalogRules
from support.traces import BEFORE, KEYS, USERS, Script, mark, relation


def size(name: str, rows: float, *, indexes: int = 1, heap_bytes: int | None = None) -> Relation:
    return Relation(
        relation=f"public.{name}",
        kind="r",
        rows=rows,
        heap_bytes=int(rows * 100) if heap_bytes is None else heap_bytes,
        index_bytes=0,
        toast_bytes=0,
        indexes=indexes,
    )


def last(script: Script, *sizes: Relation, sizes_known: bool = True) -> Estimate:
    return estimates(script.trace(), [()] * len(script.steps), sizes, sizes_known=sizes_known)[-1]


MILLION = size("users", 1_000_000, indexes=3)


@pytest.mark.parametrize(
    ("sql", "measured_s"),
    [
        ("UPDATE users SET a = 1", 8.25),  # laboratory, 3: one million rows under three indexes
        ("SELECT count(*) FROM users", 0.05),
        ("ALTER TABLE users ALTER a SET NOT NULL", 0.07),
    ],
)
def test_what_was_measured_lies_in_the_range(sql: str, measured_s: float) -> None:
    seconds = last(Script().did(sql), MILLION).seconds
    assert seconds.high is not None
    assert seconds.low <= measured_s <= seconds.high


def test_a_rewrite_is_seen_by_its_new_file() -> None:
    new_file = CatalogRelation(oid=USERS, relation="public.users", kind="r", relfilenode=77, table_oid=USERS)
    after = mark(*[new_file if r.oid == USERS else r for r in BEFORE.relations.values()])
    estimate = last(Script().did("ALTER TABLE users ALTER a TYPE bigint", after=after), MILLION)
    assert [(o.kind, o.relation, o.rows) for o in estimate.operations] == [("rewrite", "public.users", 1_000_000)]
    assert estimate.seconds.low <= 4.45 <= (estimate.seconds.high or 0)  # laboratory, 3


def test_the_spare_room_of_a_file_is_read_and_not_written_anew() -> None:
    new_file = CatalogRelation(oid=USERS, relation="public.users", kind="r", relfilenode=77, table_oid=USERS)
    after = mark(*[new_file if r.oid == USERS else r for r in BEFORE.relations.values()])
    rewrite = Script().did("ALTER TABLE users ALTER a TYPE bigint", after=after)
    tight = replace(size("users", 100_000, heap_bytes=20_000_000), row_bytes=200.0)
    spare = replace(tight, heap_bytes=200_000_000)
    full = replace(spare, row_bytes=2000.0)
    operations = [last(rewrite, size).operations[0] for size in (tight, spare, full)]
    assert operations[1].wal_bytes == pytest.approx(operations[0].wal_bytes)
    assert operations[1].seconds.likely < 2 * operations[0].seconds.likely
    assert operations[2].seconds.likely > 3 * operations[1].seconds.likely


def test_a_truncate_has_a_new_file_too_and_is_no_rewrite() -> None:
    new_file = CatalogRelation(oid=USERS, relation="public.users", kind="r", relfilenode=77, table_oid=USERS)
    after = mark(*[new_file if r.oid == USERS else r for r in BEFORE.relations.values()])
    script = Script().did("TRUNCATE users", after=after).did("UPDATE users SET a = 1")
    first, second = estimates(script.trace(), [(), ()], [MILLION], sizes_known=True)
    assert [o.kind for o in first.operations] == ["truncate"]
    assert [o.rows for o in second.operations] == [0]


def test_an_index_build_names_the_table() -> None:
    after = mark(*BEFORE.relations.values(), relation(99, "fresh", "i", table=KEYS))
    estimate = last(Script().did("CREATE INDEX fresh ON keys (a)", after=after), size("keys", 1000))
    assert [(o.kind, o.relation) for o in estimate.operations] == [("index-build", "public.keys")]


def test_a_condition_on_a_unique_key_touches_one_row_and_another_condition_perhaps_none_perhaps_all() -> None:
    rules = CatalogRules(unique_keys={USERS: (("id",),)})
    one = last(Script(rules=rules).did("UPDATE users SET a = 1 WHERE id = 7"), MILLION).seconds
    some = last(Script(rules=rules).did("UPDATE users SET a = 1 WHERE b > 7"), MILLION).seconds
    every = last(Script(rules=rules).did("UPDATE users SET a = 1"), MILLION).seconds
    assert one.likely < some.likely < every.likely
    assert some.low < every.low
    assert some.high == pytest.approx(every.high, rel=0.01)


def test_a_condition_on_a_column_that_the_script_has_added_meets_every_row() -> None:
    script = Script().did("ALTER TABLE users ADD c int").did("UPDATE users SET c = 1 WHERE c IS NULL")
    assert [o.rows for o in last(script, MILLION).operations] == [1_000_000]


def test_rows_that_were_deleted_are_not_updated() -> None:
    script = Script().did("DELETE FROM users").did("UPDATE users SET a = 1")
    assert [o.rows for o in last(script, MILLION).operations] == [0]


def test_without_sizes_the_high_end_of_work_is_unknown_and_of_the_rest_is_not() -> None:
    assert last(Script().did("UPDATE users SET a = 1"), MILLION, sizes_known=False).seconds.high is None
    assert last(Script().did("COMMENT ON TABLE users IS 'x'"), sizes_known=False).seconds.high is not None


def test_a_table_that_was_never_analyzed_counts_by_the_length_of_its_file() -> None:
    estimate = last(Script().did("UPDATE users SET a = 1"), size("users", -1, heap_bytes=10_000_000))
    assert estimate.operations[0].rows == pytest.approx(100_000)
    assert estimate.seconds.high is not None
