"""Scale-to-one and rolling, carried out for real under traffic."""

from __future__ import annotations

import time

import pytest

from support.on_stage import OnStage, ended_well, eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

OPEN_REPORTS = "select from pg_stat_activity where starts_with(application_name, 'towpath/') and state = 'idle in transaction'"


def test_scale_to_one_frees_the_migration_from_the_old_replicas_report(on_stage: OnStage) -> None:
    on_stage.put_back("2.26.6")
    eventually(lambda: len(on_stage.ask(OPEN_REPORTS)) == 3, "every replica has a report open")
    began = time.time()
    done = on_stage.lockage("upgrade", "demo", "--to", "2.27.8", "--strategy", "scale-to-one", "--no-restore-point", "--yes")
    assert done.code == 0, done.err
    assert "terminate sent to old replica: replica towpath-" in done.err
    assert on_stage.end() == ended_well()
    answers = on_stage.answers_since(began)
    assert sum(a.succeeded for a in answers) > 0.8 * len(answers)


def test_rolling_is_chosen_for_the_patch_release_and_fails_no_request(on_stage: OnStage) -> None:
    on_stage.put_back("2.27.8")
    began = time.time()
    done = on_stage.lockage("upgrade", "demo", "--to", "2.27.9", "--no-restore-point", "--yes")
    assert done.code == 0, done.err
    on_stage.assert_served()
    assert "2.27.9  rolling" in done.out
    assert [a for a in on_stage.answers_since(began) if not a.succeeded] == []
    assert on_stage.end() == ended_well("2.27.9")
