"""The schema beside that of a clean run, in a diagnosis: found, not to be had, or too slow; and never in the others' way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from lockage.core.catalog.objects import CatalogObject, Key
from lockage.core.diagnosis.findings import Case
from lockage.core.progress import MigrationText
from lockage.errors import RefusedError
from lockage.flows.collect import collect
from lockage.flows.collect_catalog import SOURCE, CatalogLook
from lockage.interfaces.cases import read_case, save_case
from lockage.interfaces.diagnosing import diagnosed, without_secrets
from support.cases import case
from support.witnesses import QUICK, Stage, witnesses

LIMIT_S = 1.0
SETTINGS = replace(QUICK, collecting=replace(QUICK.collecting, catalog_s=LIMIT_S))


def thing(kind: str, name: str, relation: str | None, **traits: str) -> CatalogObject:
    return CatalogObject(key=Key(kind=cast("Any", kind), name=name, relation=relation), traits=traits)


TABLE = thing("table", "public.keys", "public.keys")
INDEX = thing("index", "public.keys_user", "public.keys", definition="CREATE INDEX keys_user ON public.keys (u)")
BY_HAND = thing("index", "public.by_hand", "public.keys", definition="CREATE INDEX by_hand ON public.keys (v)")


@dataclass
class CleanRun:
    """A shadow whose catalog is what a clean run gives; ``runs`` is told each migration."""

    runs: Callable[[str], None] = lambda _: None
    major: int = 18
    closed: list[str] = field(default_factory=list)

    @contextmanager
    def empty(self, *, major: int | None = None) -> Iterator[CleanRun]:
        self.major = major or self.major
        try:
            yield self
        finally:
            self.closed.append("shadow")

    def run(self, text: str) -> None:
        self.runs(text)

    def catalog(self) -> tuple[CatalogObject, ...]:
        return TABLE, INDEX


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A deployment at migration 12 without an index that its migrations make, and with one of somebody's own."""
    seen = case(script=tuple(MigrationText(version=v, name=f"m{v}", text=f"select {v}") for v in range(8, 13)))
    made = Stage(case=seen)
    made.acts["catalog"] = lambda: (TABLE, BY_HAND)
    yield made
    made.silent.set()


def compared(stage: Stage, shadow: CleanRun | None = None, say: Callable[[str], None] = lambda _: None) -> Case:
    with witnesses(stage, settings=SETTINGS) as asked:
        look = CatalogLook(asked, cast("Any", shadow or CleanRun()))
        look.begin()
        return look.added_to(collect(asked), say)


def why(found: Case) -> str:
    return next(missing.why for missing in found.evidence.missing if missing.source == SOURCE)


def test_what_breaks_a_release_is_in_the_evidence_and_what_somebody_added_is_not(stage: Stage) -> None:
    found = compared(stage)
    assert found.evidence.database.drift == ("index public.keys_user is missing",)
    assert found.evidence.missing == ()
    assert {"database", "closer", "way"} <= set(stage.closed)


def test_a_schema_that_is_as_it_should_be_was_seen_and_shows_nothing(stage: Stage) -> None:
    stage.acts["catalog"] = lambda: (TABLE, INDEX)
    diagnosis = diagnosed(compared(stage))
    assert diagnosis.healthy
    assert {"F064", "F068"} <= {out.code for out in diagnosis.ruled_out}


def test_what_was_not_asked_for_is_not_ruled_out(stage: Stage) -> None:
    with witnesses(stage, settings=SETTINGS) as asked:
        diagnosis = diagnosed(collect(asked))
    assert diagnosis.healthy
    assert not {"F064", "F068"} & {out.code for out in diagnosis.ruled_out}


def test_a_schema_that_differs_is_the_cause_and_the_next_step_shows_its_repair(stage: Stage) -> None:
    diagnosis = diagnosed(compared(stage))
    assert [finding.code for finding in diagnosis.findings] == ["F064"]
    assert "verify" in diagnosis.findings[0].next
    assert "--catalog" in diagnosis.findings[0].next


def test_a_clean_run_that_takes_too_long_is_named_with_how_far_it_came_and_ends(stage: Stage) -> None:
    shadow = CleanRun(runs=lambda _: stage.silent.wait(LIMIT_S * 2) and None)
    found = compared(stage, shadow)
    assert found.evidence.database.drift is None
    assert "no answer within 1 s" in why(found)
    assert "migration 1 of 5" in why(found)
    assert found.evidence.database.server is not None, "the rest is there"
    stage.silent.set()


@pytest.mark.parametrize("name", ["catalog", "reach"])
def test_a_database_that_refuses_is_named_and_everything_else_is_there(stage: Stage, name: str) -> None:
    stage.refused(name)
    found = compared(stage)
    assert "may not" in why(found)
    assert found.evidence.platform.details is not None


def test_a_migration_that_no_shadow_can_run_is_named(stage: Stage) -> None:
    def refuse(_: str) -> None:
        raise RefusedError("no extension postgis", code="LK422")

    assert "migration 8 (m8) cannot be run on a shadow: no extension postgis" in why(compared(stage, CleanRun(runs=refuse)))


def test_without_migrations_nothing_is_compared_and_it_says_what_to_name(stage: Stage) -> None:
    stage.case = replace(stage.case, script=())
    assert "--migrations DIR" in why(compared(stage))


def test_a_missing_comparison_does_not_count_as_missing_logs(stage: Stage) -> None:
    stage.refused("catalog")
    ruled_out = {out.code for out in diagnosed(compared(stage)).ruled_out}
    assert "F010" in ruled_out, "whose evidence is in the logs"


def test_evidence_with_drift_gives_the_same_answer_from_its_file(stage: Stage, tmp_path: Path) -> None:
    found, file = compared(stage), tmp_path / "evidence.json"
    save_case(found, file, masked=without_secrets(found))
    again = read_case(file)
    assert again.evidence.database.drift == found.evidence.database.drift
    assert [one.code for one in diagnosed(again).findings] == [one.code for one in diagnosed(found).findings] == ["F064"]
