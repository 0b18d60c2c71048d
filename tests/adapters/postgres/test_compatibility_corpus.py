"""The compatibility corpus: what is said of old queries, against the same queries on kept sessions of a database with data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.compatibility import Sure
from lockage.ports import Shadow
from support.compatibility_corpus import Truth, cases, said

pytestmark = [pytest.mark.real, pytest.mark.slow]

CASES = {case.name: case for case in cases()}


@pytest.fixture(scope="module")
def truth() -> Iterator[Truth]:
    with throwaway(settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        found = Truth(server)
        yield found
        found.close()


@pytest.fixture(scope="module")
def shadow() -> Iterator[Shadow]:
    with EmbeddedShadows(statement_limit_s=5).empty() as made:
        yield made


def test_the_corpus_is_large_and_names_no_case_twice() -> None:
    assert len(CASES) == len(cases())
    assert sum(any(query.breaks for query in case.queries) for case in cases()) >= 25
    assert sum(not any(query.breaks for query in case.queries) for case in cases()) >= 25


@pytest.mark.parametrize("name", CASES)
def test_old_queries_break_as_they_do_on_a_kept_session(name: str, truth: Truth, shadow: Shadow) -> None:
    case = CASES[name]
    true, printed = truth.of(case)
    assert {text: state is not None for text, state in true.items()} == {q.text: q.breaks for q in case.queries}, true
    forms = {query.text: dict.fromkeys((query.text, printed[query.text], *query.others)) for query in case.queries}
    found = said(shadow, case, list(dict.fromkeys(text for texts in forms.values() for text in texts)))
    for query in case.queries:
        for text in forms[query.text]:
            answer = found.get(text)
            if query.by_value:
                assert answer is not None or not query.breaks, f"missed: {text}"
                assert answer in {None, Sure.POSSIBLE} or query.breaks, f"invented: {text}"
            elif query.breaks:
                assert answer in {Sure.CERTAIN, Sure.VALUES}, f"missed: {text}"
            else:
                assert answer is None, f"invented: {text}"
