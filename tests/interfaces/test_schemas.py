"""The published JSON Schemas: current, and true of what is really written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from lockage.core.bundle.about import bundled
from lockage.core.bundle.manifest import BundleAnswer, BundledFile, DroppedSource, Manifest, Masking, Tool
from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import Probe, Survey
from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.calibration.past import PastRun, score
from lockage.core.forecast.saved_survey import KeptFile, SurveyFile, SurveySaved
from lockage.core.plan.planner import plan
from lockage.core.plan.steps import Plan
from lockage.core.recovery.of_run import Direction, Recovery, RecoveryStep
from lockage.core.release.check import AdvisoryList, ListedAdvisory, check_jump
from lockage.core.release.fits import releases_found, table_of
from lockage.core.run import RunEvent, RunReport
from lockage.interfaces.diagnosing import diagnosed
from lockage.interfaces.schemas import PUBLISHED, file_name, json_schema, write_all, written
from lockage.settings import Settings
from support.cases import case, crashing, ended, looks, migrating_session, owned, pod
from support.plan_material import NOW, breaking, harmless, survey, towpath
from support.window_reports import report as window_report

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


def real_plan() -> Plan:
    return plan(survey(), towpath(), target="2.27.8", forecasts=(harmless(), breaking()), now=NOW, settings=Settings())


def real_records() -> dict[str, Any]:
    return {
        "lockage.advisory-check/1": check_jump(towpath(), from_release="2.26.0", to_release="2.27.8"),
        "lockage.advisory-list/1": AdvisoryList(
            advisories=(ListedAdvisory(profile="towpath", advisory=towpath().advisories[0]),)
        ),
        "lockage.bundle-answer/1": BundleAnswer(
            file="b.tar.gz", size_bytes=1, sha256="0", vendor="v", contact="c", manifest=bundle_manifest(),
        ),
        "lockage.bundle/1": bundle_manifest(),
        "lockage.diagnosis/1": diagnosed(in_trouble()),
        "lockage.evidence/1": in_trouble().evidence,
        "lockage.event/1": RunEvent(at=NOW, kind="saw", data={"pid": 7}),
        "lockage.forecast/1": breaking(),
        "lockage.plan/1": real_plan(),
        "lockage.recovery/1": Recovery(
            deployment="demo", direction=Direction.BACK, because="the schema has not moved", ledger=12, release="2.26.0",
            replicas=3, liveness=Probe(),
            steps=(RecoveryStep(action="put-back", target="2.26.0", reason="it fits", undo="upgrade", destructive=False),),
        ),
        "lockage.releases/1": releases_found("demo", towpath(), tables=(table_of(towpath()),), version=18),
        "lockage.run/1": RunReport(
            id="1", deployment="demo", outcome="healthy", from_release="2.26.0", to_release="2.27.8", route=("2.27.8",),
            began_at=NOW, ended_at=NOW, hops=(),
        ),
        "lockage.score/1": score([PastRun(
            run="1", deployment="demo", from_release="2.26.0", to_release="2.27.8",
            forecast_s=Seconds(low=1.0, likely=2.0, high=None), actual_s=3.0,
        )]),
        "lockage.survey-file/1": survey_file(),
        "lockage.survey-saved/1": SurveySaved(
            file="a.survey", size_bytes=1, sha256="0", contents=survey_file(), tables=1, statements=1,
            ledgers=("public.schema_migrations",), masked=0, with_values=False,
        ),
        "lockage.survey/1": survey(),
        "lockage.window/1": window_report(),
    }  # fmt: skip


def survey_file() -> SurveyFile:
    files = (KeptFile(path="schema.sql", size_bytes=1, sha256="0", what="the schema"),)
    return SurveyFile(taken_at=NOW, taken_of="demo", made_by="lockage 0.1.0", files=files)


def bundle_manifest() -> Manifest:
    return Manifest(
        at=NOW,
        took_s=1.5,
        made_by=Tool(lockage="0.1.0", python="3.11.7", system="linux"),
        deployment=bundled(in_trouble(), plan=None),
        files=(BundledFile(path="x.log", what="a log", size_bytes=1, sha256="0", cut="the oldest 2 of 3 lines"),),
        dropped=(DroppedSource(path="y.log", what="another", why="a secret"),),
        missing=(Missing(source="the nodes", why="no answer"),),
        masking=Masking(tokens={"password": 1}, different=1, in_place_only=0, ip_addresses=False),
        partial=True,
    )


def in_trouble() -> Case:
    """A pod that ends by itself, and a migration that works."""
    crashed = pod(containers=(crashing(ended(1)),), ready=False)
    looks_at = looks(migrating_session(), gap_s=1.0)
    return case(platform={"details": (crashed,)}, database={"looks": looks_at, "owned": (owned(migrating_session()),)})


def encoded(record: object) -> Any:
    return json.loads(msgspec.json.encode(record))


@pytest.mark.parametrize("schema", PUBLISHED)
def test_the_file_is_current(schema: str) -> None:
    assert (FOLDER / file_name(schema)).read_bytes() == written(schema), "run: python -m lockage.interfaces.schemas"


def test_no_file_is_left_of_a_record_that_is_gone(tmp_path: Path) -> None:
    write_all(tmp_path)
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("schema", PUBLISHED)
def test_a_schema_is_a_schema_and_what_is_written_fits_it(schema: str) -> None:
    Draft202012Validator.check_schema(json_schema(schema))
    record = encoded(real_records()[schema])
    assert record["schema"] == schema
    Draft202012Validator(json_schema(schema)).validate(record)


@pytest.mark.parametrize("schema", PUBLISHED)
def test_another_version_does_not_fit(schema: str) -> None:
    record = encoded(real_records()[schema])
    with pytest.raises(ValidationError):
        Draft202012Validator(json_schema(schema)).validate({**record, "schema": "lockage.other/9"})


def test_a_step_of_another_name_does_not_fit_a_plan() -> None:
    record = encoded(real_plan())
    record["hops"][0]["steps"][0]["action"] = "delete-everything"
    with pytest.raises(ValidationError):
        Draft202012Validator(json_schema("lockage.plan/1")).validate(record)


def test_a_field_that_is_missing_does_not_fit() -> None:
    record = encoded(survey())
    del record["ledger"]
    with pytest.raises(ValidationError, match="'ledger' is a required property"):
        Draft202012Validator(json_schema("lockage.survey/1")).validate(record)


def test_a_survey_survives_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(survey()), type=Survey) == survey()
