"""What the real command refuses before anything is touched: a sentence, a hint and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.on_stage import Done, OnStage, what_is_asked_for

pytestmark = [pytest.mark.real, pytest.mark.slow]

AND_YES = ("--no-restore-point", "--yes")

CASES = [
    pytest.param(("--to", "2.27.8", "--no-restore-point"), 3, "LK004", id="no terminal to ask on"),
    pytest.param(("--yes",), 3, "LK315", id="nothing to go on with"),
    pytest.param(("--to", "2.27.8", "--yes"), 3, "LK328", id="no restore point"),
    pytest.param(("--to", "2.27.7", *AND_YES), 3, "LK211", id="an unknown release"),
    pytest.param(("--to", "newest", *AND_YES), 2, "LK202", id="no release at all"),
    pytest.param(("--to", "2.26.0", *AND_YES), 3, "LK210", id="below the running release"),
    pytest.param(("--to", "2.27.9", "--plan", "p.yaml", *AND_YES), 2, "LK003", id="a target and a plan"),
    pytest.param(("--plan", "missing.yaml", *AND_YES), 2, "LK012", id="a plan that is not there"),
]


@pytest.fixture
def untouched(on_stage: OnStage) -> OnStage:
    """The stage at 2.26.6; put back only when another test has left something else there."""
    if what_is_asked_for(on_stage)[:2] != ("2.26.6", 3) or on_stage.end()["annotations"]:
        on_stage.put_back("2.26.6")
    return on_stage


def refused(on_stage: OnStage, *arguments: str) -> Done:
    """The command's end, by which nothing was changed, and which says what to do next."""
    before = what_is_asked_for(on_stage)
    done = on_stage.lockage("upgrade", "demo", *arguments)
    assert what_is_asked_for(on_stage) == before
    assert done.out == ""
    assert "hint: " in done.err
    return done


@pytest.mark.parametrize(("arguments", "code", "named"), CASES)
def test_what_cannot_be_meant_is_refused_before_anything_is_touched(
    untouched: OnStage, arguments: tuple[str, ...], code: int, named: str
) -> None:
    done = refused(untouched, *arguments)
    assert (done.code, f"error {named}: " in done.err) == (code, True), done.err


def test_a_plan_file_is_refused_once_edited_and_once_its_facts_have_changed(untouched: OnStage) -> None:
    file, edited = (untouched.home / name for name in ("plan.yaml", "edited.yaml"))
    made = untouched.lockage("plan", "demo", "--to", "2.27.8", "-o", str(file))
    assert made.code == 0, made.err
    text = Path(file).read_text(encoding="utf-8")
    edited.write_text(text.replace("strategy: scale-to-zero", "strategy: rolling"), encoding="utf-8")
    done = refused(untouched, "--plan", str(edited), *AND_YES)
    assert (done.code, "edited after Lockage wrote it" in done.err) == (3, True), done.err
    with untouched.platform() as platform:
        platform.scale(2)
    try:
        done = refused(untouched, "--plan", str(file), *AND_YES)
        assert (done.code, "LK325" in done.err, "replicas was 3, and is 2" in done.err) == (3, True, True), done.err
    finally:
        with untouched.platform() as platform:
            platform.scale(3)
