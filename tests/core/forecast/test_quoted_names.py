"""Relations whose names need quotes, for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks, Hazard, Severity
from lockage.core.forecast.quoted_names import quoted_relation, with_quoted_names
from support.page_forecasts import relation, stretch, usual


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("public.orders", "public.orders"),
        ("public._orders_2$", "public._orders_2$"),
        ("public.Order Items", 'public."Order Items"'),
        ("public.Orders", 'public."Orders"'),
        ("public.a.b", 'public."a.b"'),
        ("public.user", 'public."user"'),
        ('Sales.say "x"', '"Sales"."say ""x"""'),
        ("public.2nd", 'public."2nd"'),
    ],
)
def test_a_name_is_quoted_as_postgresql_does_it(name: str, shown: str) -> None:
    assert quoted_relation(name) == shown


def test_ordinary_names_change_nothing() -> None:
    forecast = usual()
    assert with_quoted_names(forecast) is forecast


def test_names_in_sentences_are_quoted_and_what_is_written_in_sql_stays() -> None:
    odd = relation("public.Orders", stretch(Blocks.READS, 0.0, 1.0))
    odder = relation("public.Orders 2", stretch(Blocks.READS, 0.0, 1.0))
    lock = replace(odd.locks[0], via="TOAST of public.Orders", statement="ALTER TABLE public.Orders ADD COLUMN n int")
    told = Hazard(
        code="H001",
        severity=Severity.ERROR,
        relation="public.Orders",
        file="1.sql",
        line=1,
        sentence='public.Orders 2, public.Orders: not other.public.Orders, public.OrdersX, public."Orders"',
        remedy="r",
    )
    forecast = replace(usual(), relations=(replace(odd, locks=(lock,)), odder), hazards=(told,))
    shown = with_quoted_names(forecast)
    assert [one.relation for one in shown.relations] == ['public."Orders"', 'public."Orders 2"']
    assert shown.relations[0].locks[0].statement == lock.statement
    assert shown.relations[0].locks[0].via == 'TOAST of public."Orders"'
    assert shown.hazards[0].relation == 'public."Orders"'
    assert shown.hazards[0].sentence == (
        'public."Orders 2", public."Orders": not other.public.Orders, public.OrdersX, public."Orders"'
    )
    assert shown.hazards[0].severity is Severity.ERROR
    assert forecast.relations[0].relation == "public.Orders"
