"""What is ready to be used elsewhere: the GitHub Action and the pre-commit hook."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockage.interfaces.cli.main import run

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "contrib" / "github-action"
SCRIPT = ACTION / "forecast.sh"
README = (ROOT / "contrib" / "README.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)]


def action() -> Any:
    return yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))


def hooks() -> Any:
    return yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def options_of_forecast(capsys: pytest.CaptureFixture[str]) -> set[str]:
    assert run(("forecast", "--help"), environment={}) == 0
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", capsys.readouterr().out))


def test_every_option_in_them_is_one_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", SCRIPT.read_text(encoding="utf-8")))
    (hook,) = hooks()
    used |= {word for word in [*hook["entry"].split(), *BLOCKS[1]["repos"][0]["hooks"][0]["args"]] if word.startswith("--")}
    assert len(used) >= 9
    assert used <= options_of_forecast(capsys)


def test_the_action_hands_on_every_input_as_data_and_never_as_text_of_a_script() -> None:
    steps = action()["runs"]["steps"]
    (forecast,) = (step for step in steps if step.get("id") == "forecast")
    given = " ".join(forecast["env"].values())
    script = SCRIPT.read_text(encoding="utf-8")
    for name in action()["inputs"]:
        if name not in {"upload-sarif", "python-version"}:
            assert f"inputs.{name} " in given
    for variable in set(forecast["env"]) - {"LOCKAGE"}:
        assert f"${{{variable}:-}}" in script or f'"${variable}"' in script
    assert not [step["name"] for step in steps if "${{" in step.get("run", "")]


def test_every_output_of_the_action_is_one_that_the_script_names() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    for name, output in action()["outputs"].items():
        assert output["value"] == f"${{{{ steps.forecast.outputs.{name} }}}}"
        assert f'echo "{name}=' in script


def test_the_readme_shows_inputs_outputs_and_a_hook_that_exist() -> None:
    workflow, configuration = BLOCKS
    steps = workflow["jobs"]["forecast"]["steps"]
    (ours,) = (step for step in steps if "lockage/contrib" in step.get("uses", ""))
    assert set(ours["with"]) <= set(action()["inputs"])
    assert (ROOT / ours["uses"].partition("@")[0].removeprefix("OWNER/lockage/") / "action.yml").is_file()
    named = re.findall(r"steps\.lockage\.outputs\.([a-z-]+)", README)
    assert named
    assert set(named) <= set(action()["outputs"])
    assert configuration["repos"][0]["hooks"][0]["id"] in {hook["id"] for hook in hooks()}


def test_the_hook_runs_once_and_only_for_sql() -> None:
    (hook,) = hooks()
    assert hook["pass_filenames"] is False
    assert re.search(hook["files"], "db/1_a.sql")
    assert not re.search(hook["files"], "README.md")


def forecast_in(folder: Path, sql: str, **inputs: str) -> tuple[int, dict[str, str], str, str]:
    """Exit code, outputs, summary and what the script printed, for a folder of one migration behind a first one."""
    migrations = folder / "db" / "my migrations"
    migrations.mkdir(parents=True)
    (migrations / "1_first.sql").write_text("CREATE TABLE users (id int);")
    (migrations / "2_second.sql").write_text(sql)
    environment = {
        **os.environ,
        "LOCKAGE": str(Path(sys.executable).with_name("lockage")),
        "LOCKAGE_HOME": str(folder / "home"),
        "RUNNER_TEMP": str(folder),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "MIGRATIONS": "db/my migrations",
        **inputs,
    }
    done = subprocess.run(
        ["bash", str(SCRIPT)], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    read = {name: (folder / name).read_text() if (folder / name).exists() else "" for name in ("summary", "output")}
    outputs = dict(line.split("=", 1) for line in read["output"].splitlines())
    return done.returncode, outputs, read["summary"], done.stdout + done.stderr


@pytest.mark.real
def test_one_forecast_fills_the_log_the_summary_and_every_file(tmp_path: Path) -> None:
    code, outputs, summary, printed = forecast_in(tmp_path, "ALTER TABLE users ADD COLUMN ${c} int;", VALUES="c=name\nd=x")
    assert code == 0, printed
    assert "1 migration: 2_second.sql" in printed
    assert summary.startswith("<!-- lockage forecast -->")
    assert outputs["exit-code"] == "0"
    assert json.loads(Path(outputs["json"]).read_text())["schema"] == "lockage.forecast/1"
    assert json.loads(Path(outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert Path(outputs["html"]).read_text().startswith("<!doctype html>")
    assert Path(outputs["markdown"]).read_text() == summary


@pytest.mark.real
def test_a_hazard_fails_the_job_only_behind_what_shows_it(tmp_path: Path) -> None:
    code, outputs, summary, printed = forecast_in(tmp_path, "ALTER TABLE users DROP COLUMN id;", FAIL_ON="note")
    assert (code, outputs["exit-code"]) == (0, "5"), printed
    assert "### Hazards" in summary
    steps = action()["runs"]["steps"]
    last = steps[-1]
    assert last["if"] == "steps.forecast.outputs.exit-code != '0'"
    ended = subprocess.run(
        ["bash", "-c", last["run"]], env={**os.environ, "CODE": outputs["exit-code"], "FAIL_ON": "note"}, check=False
    )
    assert ended.returncode == 5


@pytest.mark.real
def test_a_failure_of_the_forecast_is_one_of_the_step(tmp_path: Path) -> None:
    code, outputs, summary, printed = forecast_in(tmp_path, "ALTER TABLE")
    assert (code, outputs, summary) == (2, {}, "")
    assert "error LK401" in printed
