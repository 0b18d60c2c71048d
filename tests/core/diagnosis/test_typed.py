"""What is typed next runs as it stands, also of an application that nobody has described."""

from __future__ import annotations

from lockage.core.diagnosis.typed import lockage
from support.cases import case


def test_a_command_names_the_deployment_with_its_namespace() -> None:
    assert lockage(case(), "recover", "--plan-only") == "lockage recover app -n prod --plan-only"


def test_of_a_stranger_a_profile_is_written_first_where_the_command_needs_one() -> None:
    stranger = case(known=False)
    written = "lockage profile init app -n prod -o app.toml && "
    assert lockage(stranger, "recover", "--plan-only") == f"{written}lockage recover app -n prod --profile app.toml --plan-only"
    assert lockage(stranger, "bundle") == "lockage bundle app -n prod"
    assert lockage(stranger, "watch") == "lockage diagnose app -n prod"
