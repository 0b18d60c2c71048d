"""Invalid indexes on a shadow: there, invalid, and in nobody's way."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows

pytestmark = pytest.mark.real


def test_an_invalid_index_is_on_the_shadow_beside_rows_that_are_alike(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute('create schema "S"; create table "S"."T" (i int); insert into "S"."T" values (1), (1)')
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute('create unique index concurrently "T i" on "S"."T" (i)')
    with EmbeddedShadows().of_database(database_url) as shadow, shadow.session() as traced:
        assert not [sentence for sentence in shadow.assumptions if "did not take" in sentence]
        assert any(relation.relation == "S.T i" for relation in traced.mark().relations.values())
        assert traced.execute('create index if not exists "T i" on "S"."T" (i)').failure is None
        assert traced.execute('drop index concurrently "S"."T i"').failure is None
        assert traced.execute('create index concurrently "T i" on "S"."T" (i)').failure is None
