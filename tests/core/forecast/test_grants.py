"""What lets a role read what it may not read."""

from __future__ import annotations

from lockage.core.facts import Relation
from lockage.core.forecast.grants import grants_to_read


def relations(*names: str, kind: str = "r") -> tuple[Relation, ...]:
    return tuple(
        Relation(relation=name, kind=kind, rows=1.0, heap_bytes=1, index_bytes=0, toast_bytes=0, indexes=0) for name in names
    )


def test_a_schema_of_which_something_can_be_read_needs_no_usage() -> None:
    found = grants_to_read(
        [("public", "keys"), ("public", "Order Items")],
        relations=relations("public.keys", "public.Order Items", "public.users"),
        role="App",
    )
    assert [*found] == ['GRANT SELECT ON public.keys, public."Order Items" TO "App"']


def test_a_schema_of_which_nothing_can_be_read_needs_usage_whatever_views_it_has() -> None:
    known = (*relations("vault.a"), *relations("vault.glad", kind="m"))
    found = grants_to_read([("vault", "a")], relations=known, role="app")
    assert [*found] == ["GRANT USAGE ON SCHEMA vault TO app", "GRANT SELECT ON vault.a TO app"]


def test_of_many_tables_the_whole_schema_is_granted() -> None:
    many = [("public", f"t{number}") for number in range(9)]
    assert [*grants_to_read(many, relations=relations("public.users"), role="app")] == [
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO app"
    ]
