"""The demonstration's application by a profile that does not know its migrations: upgraded for real, on its ledger alone."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from lockage.demo.towpath.releases import migrations_dir
from support.on_stage import OnStage, ended_well

pytestmark = [pytest.mark.real, pytest.mark.slow]


def silent_profile(folder: Path) -> str:
    """towpath's profile without what it says of migrations and advisories; the path of its file."""
    text = files("lockage.profiles").joinpath("towpath.toml").read_text(encoding="utf-8")
    text = re.sub(r"\[migrations\.releases\]\n(?:\".*\n)+", "", text)
    text = re.sub(r"\[statements\]\n(?:\w.*\n)+", "", text)
    text = re.sub(r"source = \"package:.*/migrations\"\n", "complete = false\n", text)
    text = text[: text.index("[[advisories]]")]
    file = folder / "silent.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_an_upgrade_whose_migrations_nobody_knows_ends_healthy_where_the_ledger_ended(
    on_stage: OnStage, tmp_path: Path
) -> None:
    on_stage.put_back("2.27.8")
    done = on_stage.lockage(
        "upgrade", "demo", "--to", "2.27.9", "--profile", silent_profile(tmp_path), "--no-restore-point", "--yes", "--json"
    )
    assert done.code == 0, done.err
    assert "nobody here knows which migrations 2.27.9 brings" in done.err
    (hop,) = json.loads(done.out)["hops"]
    assert (hop["strategy"], hop["ledger"], hop["forecast_s"]["high"]) == ("scale-to-zero", 19, None)
    assert on_stage.end() == ended_well("2.27.9")
    verified = on_stage.lockage("verify", "demo", "--profile", silent_profile(tmp_path))
    assert verified.code == 0, verified.out
    assert "public.schema_migrations says 19; where this release ends is not known" in verified.out


def test_a_folder_of_the_target_makes_the_same_plan_a_real_one(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back("2.27.8")
    profile = silent_profile(tmp_path)
    command = ("demo", "--to", "2.27.9", "--profile", profile, "--migrations", str(migrations_dir()))
    done = on_stage.lockage("plan", *command, "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert plan["migrations"] == 1
    guard = next(step for step in plan["hops"][0]["steps"] if step["action"] == "guard-migration")
    assert (guard["ledger_before"], guard["ledger"]) == (18, 19)
    forecast = on_stage.lockage("forecast", *command)
    assert forecast.code == 0, forecast.err
    assert "1 migration: 000019" in forecast.out
