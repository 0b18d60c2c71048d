"""A real application's migrations, which are not kept here: LOCKAGE_HARBOR_MIGRATIONS names their folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.migration.formats import golang_migrate
from lockage.core.migration.procedure import Place, read_code
from lockage.core.migration.script import read_migrations
from lockage.flows.forecast import forecast_folder

FOLDER = os.environ.get("LOCKAGE_HARBOR_MIGRATIONS", "")

LIMIT_S = 5.0
"""Start of the server included."""


@pytest.mark.real
@pytest.mark.skipif(
    not FOLDER, reason="LOCKAGE_HARBOR_MIGRATIONS names no folder (make/migrations/postgresql of goharbor/harbor)"
)
def test_all_of_harbors_migrations_are_forecast() -> None:
    files = {path.name: path.read_bytes() for path in Path(FOLDER).glob("*.sql")}
    migrations = read_migrations(files, form=golang_migrate.FORMAT)
    began = time.monotonic()
    forecast = forecast_folder(
        migrations, form=golang_migrate.FORMAT, shadows=EmbeddedShadows(), narrate=lambda line: None, from_version=0
    )
    took_s = time.monotonic() - began

    assert len(forecast.script.migrations) == len(migrations) >= 39
    top_level = {(m.file, s.line) for m in migrations for s in m.statements()}
    assert [u for u in forecast.unknown if (u.file, u.line) in top_level] == []

    # On an empty database no loop over rows turns, so every change inside one is a statement that did not run.
    unseen = {(unknown.file, unknown.line) for unknown in forecast.unknown}
    looped = {
        (m.file, s.procedure.line + inner.line - 1)
        for m in migrations
        for s in m.statements()
        if s.procedure is not None
        for inner in read_code(s.text, language=s.procedure.language).inner
        if inner.place is Place.LOOP
    }
    assert looped
    assert looped <= unseen
    assert took_s < LIMIT_S
