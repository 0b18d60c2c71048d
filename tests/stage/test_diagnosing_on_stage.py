"""``lockage diagnose demo`` on the real stage: well, waiting for somebody, and left behind by a dead client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.on_stage import OnStage

pytestmark = [pytest.mark.real, pytest.mark.slow]


def diagnosed(on_stage: OnStage, *more: str) -> tuple[int, dict[str, Any]]:
    done = on_stage.lockage("diagnose", "demo", "--json", *more)
    assert done.out, done.err
    return done.code, json.loads(done.out)


def test_a_healthy_deployment_is_healthy(on_stage: OnStage) -> None:
    on_stage.put_back()
    code, diagnosis = diagnosed(on_stage)
    assert (code, diagnosis["healthy"], diagnosis["call_vendor"]) == (0, True, False), diagnosis
    assert not [finding for finding in diagnosis["findings"] if not finding["harmless"]]
    assert diagnosis["migrating"] is None
    assert diagnosis["collected_s"] < 10.0


def test_an_orphan_is_seen_as_one_and_nothing_is_ended(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    saved = tmp_path / "evidence.json"
    with on_stage.an_orphan() as (pid, _):
        code, diagnosis = diagnosed(on_stage, "--save", str(saved))
        there = on_stage.ask("select pid from pg_stat_activity where pid = %s", (pid,))
    assert there, "the orphan was ended by a command that only looks"
    assert code == 5, diagnosis
    owned = {one["session"]["pid"]: one["orphan"] for one in json.loads(saved.read_text())["database"]["owned"]}
    assert owned[pid]
    assert [finding for finding in diagnosis["findings"] if str(pid) in finding["cause"]], diagnosis["findings"]


def test_a_database_that_is_down_is_evidence_and_no_error(on_stage: OnStage) -> None:
    from lockage.adapters.postgres import embedded

    on_stage.put_back()
    embedded.stop(Path(on_stage.stage.data_dir), mode="fast")
    try:
        code, diagnosis = diagnosed(on_stage)
    finally:
        on_stage.start_database()
    assert code == 5
    assert "the database" in {missing["source"] for missing in diagnosis["missing"]}
    assert diagnosis["findings"], diagnosis
