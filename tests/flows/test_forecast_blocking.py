"""A sample of the blocking corpus: the forecast against real sessions that do or do not wait (``make bench`` takes all)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockage.adapters.postgres.binaries import find_binaries
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.assess import Blocks
from lockage.interfaces.wording.forecast import reasons, waits_of
from lockage.ports import Shadows
from support.blocking_corpus import cases, forecast_of, foretold
from support.blocking_truth import Truth, compared
from support.undone import UndoneShadows
from support.waiting_sessions import FROM_WORST

pytestmark = [pytest.mark.real, pytest.mark.slow]

CASES = {case.id: case for case in cases()}

SAMPLE = (
    "alter_table_columns: drop a column that a foreign key needs",
    "alter_table_columns: type of a referred key",
    "alter_table_constraints: add a foreign key from a partitioned table, checked",
    "alter_table_constraints: add a check without heirs",
    "alter_table_rest: several subcommands of different strength",
    "code: block over the catalog",
    "code: function that renames",
    "indexes: reindex an index",
    "objects: change a type that a column has",
    "objects: drop a table that is referred to",
    "objects: drop a schema",
    "partitions: detach a partition beside a default one",
    "rows: delete with cascades over two steps",
    "rows: delete with a rule",
    "rows: delete with a statement trigger",
    "rows: select for no key update",
    "rows: update no row",
    "strangers: change a table that a check reads through a function",
    "strangers: lock a parent of what a trigger fills through a function",
    "strangers: rows of a table that a default writes through a function",
    "strangers: seed with parents",
    "strangers: update that moves a row over two levels",
    "rows: update through a view of a view",
    "transactions: opposite orders",
    "transactions: rolled back to a savepoint",
)

COMPANY = {case.id: case for case in cases("company")}

SAMPLE_OF_COMPANY = (
    "blocks: block that tries to make a constraint that is there",
    "blocks: call a procedure that calls",
    "blocks: function that finds its column there",
    "blocks: insert in another schema of the path",
    "blocks: lock what a trigger of a trigger writes",
    "blocks: prepared statements by name",
    "features: lock for share through a view",
    "features: merge that does nothing",
    "features: new partition of a partitioned table",
    "features: update of heirs by the parent",
    "more: block that counts in a variable and skips",
    "more: function with a body of the standard",
    "unseen: delete all rows of a partition that is referred to",
    "unseen: update a key through a view that calls it otherwise",
)
FORGE = {case.id: case for case in cases("forge")}

SAMPLE_OF_FORGE = (
    "releases: delete with a trigger whose dynamic SQL is written out",
    "releases: lock an heir of a table that others refer to",
    "releases: lock what a trigger writes by dynamic SQL that is written out",
    "releases: parent locked, and a view of its children without the key",
    "releases: rule under a condition",
    "releases: statement of a body of the standard that adds a child",
)

AIRPORT = {case.id: case for case in cases("airport")}

SAMPLE_OF_AIRPORT = (
    "rows: all in a loop over numbers",
    "rows: nothing by two constants",
    "rows: nothing in a block",
    "rows: row inserted and changed in a block",
    "rows: row inserted, its key moved, referred to",
    "rows: undone by an exception",
    "rows: update that moves between partitions",
    "rows: upsert of a column with a trigger",
    "rows: upsert of a column without a trigger",
)

EACH_OF_COMPANY = ("blocks: call a procedure that commits",)

OUTSIDE = ("indexes: create an index concurrently", "indexes: reindex a schema", "maintenance: vacuum full of a referred table")

OF_ITS_OWN_MAJOR = (
    "alter_table_constraints: add a check without heirs",
    "alter_table_constraints: add a primary key to a partitioned table",
    "alter_table_constraints: add a unique constraint to a partitioned table",
)
"""Scripts whose locks differ between 15 and 18."""


@pytest.fixture(scope="module")
def truth(postgres_server: Server) -> Iterator[Truth]:
    """A database with the corpus' schema and data."""
    found = Truth(postgres_server)
    yield found
    found.close()


@pytest.fixture(scope="module")
def company(postgres_server: Server) -> Iterator[Truth]:
    """The same of the corpus' other world."""
    found = Truth(postgres_server, database="blocking_company", world="company")
    yield found
    found.close()


@pytest.fixture(scope="module")
def company_shadows(company: Truth) -> Iterator[Shadows]:
    """One shadow of that."""
    with EmbeddedShadows().of_database(company.url) as shadow:
        yield UndoneShadows(shadow)


@pytest.fixture(scope="module")
def forge(postgres_server: Server) -> Iterator[Truth]:
    """The same of the world with partitions."""
    found = Truth(postgres_server, database="blocking_forge", world="forge")
    yield found
    found.close()


@pytest.fixture(scope="module")
def airport(postgres_server: Server) -> Iterator[Truth]:
    """The same of an airport."""
    found = Truth(postgres_server, database="blocking_airport", world="airport")
    yield found
    found.close()


@pytest.fixture(scope="module")
def airport_shadows(airport: Truth) -> Iterator[Shadows]:
    """One shadow of that."""
    with EmbeddedShadows().of_database(airport.url) as shadow:
        yield UndoneShadows(shadow)


@pytest.fixture(scope="module")
def shadows(truth: Truth) -> Iterator[Shadows]:
    """One shadow of it, on which nothing stays."""
    with EmbeddedShadows().of_database(truth.url) as shadow:
        yield UndoneShadows(shadow)


def test_the_corpus_is_large_and_names_no_case_twice() -> None:
    assert len(CASES) == len(cases()) >= 150
    assert len(COMPANY) == len(cases("company")) >= 150
    assert len(AIRPORT) == len(cases("airport"))
    assert len(FORGE) == len(cases("forge"))


@pytest.mark.parametrize("name", SAMPLE)
def test_who_waits_for_a_script_of_the_corpus_is_foretold(name: str, truth: Truth, shadows: Shadows) -> None:
    assert foretold(CASES[name], truth.url, shadows)[0] == truth.of(CASES[name])


@pytest.mark.parametrize("name", SAMPLE_OF_COMPANY)
def test_who_waits_for_a_script_of_other_migrators_is_foretold(name: str, company: Truth, company_shadows: Shadows) -> None:
    said, _, surely = foretold(COMPANY[name], company.url, company_shadows)
    compare = compared(company.of(COMPANY[name]), said, order=FROM_WORST, surely=surely)
    assert (compare["missed"], compare["invented"]) == ([], [])


def test_who_waits_for_what_only_rules_bodies_and_dynamic_sql_say_is_foretold(forge: Truth) -> None:
    with EmbeddedShadows().of_database(forge.url) as shadow:
        for name in SAMPLE_OF_FORGE:
            said, _, surely = foretold(FORGE[name], forge.url, UndoneShadows(shadow))
            compare = compared(forge.of(FORGE[name]), said, order=FROM_WORST, surely=surely)
            assert (name, compare["missed"], compare["invented"]) == (name, [], [])


@pytest.mark.parametrize("name", SAMPLE_OF_AIRPORT)
def test_no_wait_for_a_row_is_invented(name: str, airport: Truth, airport_shadows: Shadows) -> None:
    said, _, surely = foretold(AIRPORT[name], airport.url, airport_shadows)
    compare = compared(airport.of(AIRPORT[name]), said, order=FROM_WORST, surely=surely)
    assert (compare["missed"], compare["invented"]) == ([], [])


def test_why_a_wait_is_only_possible_is_said(company: Truth, company_shadows: Shadows) -> None:
    forecast = forecast_of(COMPANY["more: delete with using"], company.url, company_shadows)
    (kv,) = (relation for relation in forecast.relations if relation.relation == "public.kv")
    assert (kv.blocks, kv.surely) == (Blocks.ROWS, Blocks.NONE)
    assert kv.doubts == ("which rows are meant hangs on rows of other tables, and there may be none",)
    assert ("and that is only possible: " + kv.doubts[0], "", "") in reasons(kv, waits_of(kv)[0], most=3)
    (certain,) = forecast_of(COMPANY["more: lock without waiting"], company.url, company_shadows).relations[:1]
    assert (certain.surely, certain.doubts) == (certain.blocks, ())


@pytest.mark.parametrize("name", EACH_OF_COMPANY)
def test_who_waits_for_a_script_of_several_transactions_is_foretold(name: str, company: Truth) -> None:
    assert foretold(COMPANY[name], company.url, EmbeddedShadows())[0] == company.of(COMPANY[name])


@pytest.mark.parametrize("name", OUTSIDE)
def test_who_waits_for_what_refuses_a_transaction_is_foretold(name: str, truth: Truth) -> None:
    assert foretold(CASES[name], truth.url, EmbeddedShadows())[0] == truth.of(CASES[name])


def test_locks_are_those_of_productions_own_major() -> None:
    binaries = find_binaries(15)
    if binaries is None:
        pytest.skip("no server programs of PostgreSQL 15 on this machine")
    with throwaway(binaries=binaries, tcp=True) as server:
        truth = Truth(server)
        with EmbeddedShadows().of_database(truth.url) as shadow:
            shadows = UndoneShadows(shadow)
            assert [foretold(CASES[name], truth.url, shadows)[0] for name in OF_ITS_OWN_MAJOR] == [
                truth.of(CASES[name]) for name in OF_ITS_OWN_MAJOR
            ]
