"""Long runs of alike statements on a shadow: few round trips, and the same answer as one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Blocks, Forecast
from lockage.core.forecast.beliefs import TableBelief
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Observation
from lockage.core.migration.formats import plain
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.script import Migration
from lockage.flows.forecast import forecast_folder
from lockage.flows.trace_script import trace_script
from lockage.ports import TracedSession

pytestmark = pytest.mark.real

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, name text);
CREATE TABLE u (id int PRIMARY KEY, t_id int REFERENCES t, code int UNIQUE);
CREATE TABLE log (id serial PRIMARY KEY, what text);
CREATE TABLE part (id int, day int, name text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3);
CREATE TABLE noisy (id int PRIMARY KEY, name text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM log WHERE what = new.name; RETURN new; END $$;
CREATE TABLE late (id int PRIMARY KEY);
CREATE FUNCTION note_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF new.id = 150 THEN DELETE FROM log WHERE id = 7; END IF; RETURN new; END $$;
CREATE TRIGGER noted AFTER INSERT ON late FOR EACH ROW EXECUTE FUNCTION note_late();
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON noisy FOR EACH ROW EXECUTE FUNCTION note();
"""

SCRIPTS = {
    "updates": "UPDATE t SET name = 'v{n}' WHERE id = {n};\n",
    "deletes": "DELETE FROM t WHERE id = {n};\n",
    "keys": "UPDATE u SET code = {n} WHERE id = {n};\n",
    "references": "UPDATE u SET t_id = {n} WHERE id = {n};\n",
    "turns": "UPDATE t SET name = 'v{n}' WHERE id = {n};\nDELETE FROM u WHERE id = {n};\n",
    "parents": "INSERT INTO u (id, t_id) VALUES ({n}, {n});\nINSERT INTO log (what) VALUES ('{n}');\n",
    "own parents": "INSERT INTO t VALUES ({n}, 'a');\nINSERT INTO u (id, t_id) VALUES ({n}, {n});\n",
    "partitions": "UPDATE part SET name = 'v{n}' WHERE id = {n} AND day = 2;\n",
    "triggers": "INSERT INTO noisy VALUES ({n}, 'a');\nINSERT INTO log (what) VALUES ('{n}');\n",
}
"""Lines of each run, for every n; what they do hangs on keys, foreign keys, partitions or triggers."""


def migrations(*texts: str) -> list[Migration]:
    return [Migration(version=n, name="m", file=f"{n}_m.sql", text=text) for n, text in enumerate((SCHEMA, *texts), start=1)]


def foretold(*texts: str, transaction: Transaction = "whole") -> Forecast:
    return forecast_folder(
        migrations(*texts),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=1,
        transaction=transaction,
    )


def answers(made: Forecast) -> dict[str, tuple[Blocks, Blocks, set[str]]]:
    """Of each relation how it blocks, how it surely does, and with which locks."""
    return {r.relation: (r.blocks, r.surely, {lock.mode for lock in r.locks}) for r in made.relations}


@pytest.mark.parametrize("lines", SCRIPTS.values(), ids=list(SCRIPTS))
def test_a_run_blocks_whom_its_statements_block_one_by_one(lines: str) -> None:
    # In files of ninety they are no run.
    parts = ["".join(lines.format(n=n) for n in range(begin, begin + 45)) for begin in range(0, 180, 45)]
    run, apart = foretold("".join(parts)), foretold(*parts)
    assert answers(run) == answers(apart)
    assert run.total_s.likely == pytest.approx(apart.total_s.likely, rel=0.03)
    rows = [Counter[tuple[str, str]](), Counter[tuple[str, str]]()]
    for made, counted in zip((run, apart), rows, strict=True):
        for operation in made.operations:
            counted[operation.kind, operation.relation] += round(operation.rows)
    if "noisy" not in lines:  # of a table that the run itself fills a trigger finds no rows yet
        assert rows[0] == rows[1]
    assert len(run.operations) < 10
    assert bool(run.unknown) == bool(apart.unknown)


class Counted:
    """A session that counts what it is asked for."""

    def __init__(self, session: TracedSession) -> None:
        self._session = session
        self.asked = Counter[str]()

    def mark(self) -> CatalogMark:
        return self._session.mark()

    def rules(self) -> CatalogRules:
        self.asked["rules"] += 1
        return self._session.rules()

    def tell(self, beliefs: Sequence[TableBelief]) -> bool:
        return self._session.tell(beliefs)

    def execute(self, sql: str, *, inner: bool = False, analyzes: Sequence[int] | None = None) -> Observation:
        self.asked["execute"] += 1
        return self._session.execute(sql, inner=inner, analyzes=analyzes)

    def execute_all(self, texts: Sequence[str], *, planned: Collection[int]) -> tuple[Observation, int]:
        self.asked["execute_all"] += 1
        self.asked["statements"] += len(texts)
        self.asked["planned"] += len(planned)
        return self._session.execute_all(texts, planned=planned)

    def command(self, sql: str) -> None:
        self.asked["command"] += 1
        self._session.command(sql)


def traced(text: str, transaction: Transaction) -> Counter[str]:
    with EmbeddedShadows().empty() as shadow:
        shadow.run(SCHEMA)
        with shadow.session() as session:
            counted = Counted(session)
            trace_script(counted, migrations(text)[1:], transaction=transaction, narrate=lambda _: None)
            return counted.asked


def test_a_run_in_a_transaction_is_read_once() -> None:
    asked = traced("".join(SCRIPTS["updates"].format(n=n) for n in range(1_000)), "file")
    assert asked["statements"] == 1_000
    assert asked["planned"] == 20
    assert asked["execute"] + asked["execute_all"] + asked["command"] + asked["rules"] < 10


def test_what_one_row_of_a_run_sets_off_is_seen() -> None:
    lines = "INSERT INTO late VALUES ({n});\nINSERT INTO log (what) VALUES ('{n}');\n"
    for count, surely in ((100, Blocks.NONE), (200, Blocks.ROWS)):
        made = foretold("".join(lines.format(n=n) for n in range(count)))
        assert answers(made)["public.log"][:2] == (Blocks.ROWS, surely)
        assert bool(made.unknown) == (count == 100)


def test_statements_that_each_commit_by_themselves_stay_so() -> None:
    text = "".join(SCRIPTS["updates"].format(n=n) for n in range(300))
    assert traced(text, "statement")["execute_all"] == 2
    made = foretold(text, transaction="statement")
    assert (made.transactions, len(made.operations)) == (300, 300)
    assert [place.line for place in made.places] == list(range(1, 301))
    (relation,) = [r for r in made.relations if r.relation == "public.t"]
    assert len(relation.stretches) == 300


@pytest.mark.parametrize("transaction", ["whole", "statement"])
def test_a_statement_that_fails_in_a_run_is_named_with_its_line(transaction: Transaction) -> None:
    lines = [f"UPDATE t SET name = 'v' WHERE id = {n};" for n in range(250)]
    lines[70] = "UPDATE t SET id = 'x' WHERE id = 70;"
    lines[170] = "UPDATE t SET id = 'y' WHERE id = 170;"
    made = foretold("\n".join(lines), transaction=transaction)
    assert [(unknown.line, "22P02" in unknown.reason) for unknown in made.unknown] == [(71, True), (171, True)]
    assert answers(made)["public.t"][0] is Blocks.ROWS


def test_a_run_in_which_everything_fails_is_said_to_fail_and_ends() -> None:
    made = foretold("\n".join(f"UPDATE nowhere SET a = 1 WHERE id = {n};" for n in range(3_000)))
    assert 20 <= len(made.unknown) <= 25
    assert made.unknown[-1].reason.startswith('fails on the shadow: relation "nowhere" does not exist')
