"""The published JSON Schemas of what Lockage prints and writes: one file a record and version.

Not for validating anything at run time (msgspec does). The surprising thing: the schemas are made from the records that are
encoded, so they cannot disagree with the output; a test holds the files in ``docs/schemas`` to them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lockage.core.bundle.manifest import BundleAnswer, Manifest
from lockage.core.diagnosis.evidence import Evidence
from lockage.core.diagnosis.findings import Diagnosis
from lockage.core.facts import Survey
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.calibration.past import Score
from lockage.core.forecast.saved_survey import SurveyFile, SurveySaved
from lockage.core.plan.steps import Plan
from lockage.core.plan.window_report import WindowReport
from lockage.core.recovery.of_run import Recovery
from lockage.core.release.check import AdvisoryCheck, AdvisoryList
from lockage.core.release.fits import ReleasesFound
from lockage.core.run import RunEvent, RunReport

PUBLISHED: Mapping[str, type] = {
    "lockage.advisory-check/1": AdvisoryCheck,
    "lockage.advisory-list/1": AdvisoryList,
    "lockage.bundle-answer/1": BundleAnswer,
    "lockage.bundle/1": Manifest,
    "lockage.diagnosis/1": Diagnosis,
    "lockage.event/1": RunEvent,
    "lockage.evidence/1": Evidence,
    "lockage.forecast/1": Forecast,
    "lockage.plan/1": Plan,
    "lockage.recovery/1": Recovery,
    "lockage.releases/1": ReleasesFound,
    "lockage.run/1": RunReport,
    "lockage.score/1": Score,
    "lockage.survey-file/1": SurveyFile,
    "lockage.survey-saved/1": SurveySaved,
    "lockage.survey/1": Survey,
    "lockage.window/1": WindowReport,
}
"""Each record that carries its version, by what its ``schema`` field says."""


def file_name(schema: str) -> str:
    """``lockage.plan.1.json`` for ``lockage.plan/1``."""
    return f"{schema.replace('/', '.')}.json"


def json_schema(schema: str) -> dict[str, Any]:
    """The JSON Schema of a published record. Raises ``KeyError`` for any other."""
    record = PUBLISHED[schema]
    made = msgspec.json.schema(record, schema_hook=_any_value)
    definition: dict[str, Any] = made["$defs"][record.__name__]
    # Records that are not ours to construct with another value say so: a reader may rely on it.
    definition["properties"]["schema"] = {"const": schema}
    definition["required"] = sorted({*definition.get("required", ()), "schema"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": schema, **made}


def _any_value(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError(f"no JSON Schema for {kind}")


def written(schema: str) -> bytes:
    """The schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(json_schema(schema)), indent=2) + b"\n"


def write_all(folder: Path) -> None:
    """Write every schema into the folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for schema in PUBLISHED:
        (folder / file_name(schema)).write_bytes(written(schema))


if __name__ == "__main__":
    write_all(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/schemas"))
