"""What is typed next runs as it stands, also of an application that nobody has described."""

from __future__ import annotations

import shlex

import pytest

from lockage.core.diagnosis.typed import identifier, lockage, psql
from support.cases import case


def test_a_command_names_the_deployment_with_its_namespace() -> None:
    assert lockage(case(), "recover", "--plan-only") == "lockage recover app -n prod --plan-only"


def test_of_a_stranger_a_profile_is_written_first_where_the_command_needs_one() -> None:
    stranger = case(known=False)
    written = "lockage profile init app -n prod -o app.toml && "
    assert lockage(stranger, "recover", "--plan-only") == f"{written}lockage recover app -n prod --profile app.toml --plan-only"
    assert lockage(stranger, "bundle") == "lockage bundle app -n prod"
    assert lockage(stranger, "watch") == "lockage diagnose app -n prod"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("app", "app"),
        ("public.orders_vat", "public.orders_vat"),
        ("my-app", '"my-app"'),
        ("public.Orders", 'public."Orders"'),
        ("user", '"user"'),
        ('a"b', '"a""b"'),
        ("a$b", '"a$b"'),
    ],
)
def test_a_name_reaches_the_server_as_it_is(name: str, shown: str) -> None:
    typed = psql(case(), f"ALTER ROLE {identifier(name)} RESET ALL")
    assert shlex.split(typed)[-1].replace("\\$", "$") == f"ALTER ROLE {shown} RESET ALL"
