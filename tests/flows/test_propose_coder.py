"""Plans for Coder on a database with the tables that its profile asks about: known jumps, quotas, a folder of migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from msgspec import structs

from lockage.adapters.clock import SystemClock
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.facts import Survey, UpdateKind
from lockage.core.plan import steps as s
from lockage.core.plan.planner import Wishes
from lockage.core.release.profile import Profile, parse_profile
from lockage.flows.propose import propose
from lockage.interfaces.deployments import Deployment
from lockage.interfaces.forecasting import Forecaster, known_here
from lockage.interfaces.places import LocalPlace
from lockage.settings import Settings
from support.plan_material import survey

pytestmark = pytest.mark.real

TABLES = (Path(__file__).parents[1] / "support" / "coder_tables.sql").read_text(encoding="utf-8")
CODER = parse_profile(files("lockage.profiles").joinpath("coder.toml").read_bytes(), file="coder.toml")


class Company:
    """A company's Coder: its database is real, its replicas are as a survey saw them."""

    def __init__(self, url: str, database: PostgresDatabase, admin: psycopg.Connection) -> None:
        self.url = url
        self.admin = admin
        self._database = database

    def migrated_to(self, version: int) -> None:
        self.admin.execute("TRUNCATE schema_migrations")
        self.admin.execute("INSERT INTO schema_migrations VALUES (%s, false)", (version,))

    def seen(self, release: str) -> Survey:
        """Three replicas of the release, without a liveness probe from 2.30.0 on."""
        ledger = self._database.ledger(CODER)
        base = survey("2.26.0", ledger=ledger.version)
        workload = replace(base.workload, name="coder", release=release, image=f"ghcr.io/coder/coder:v{release}", grace_s=60.0)
        assert workload.update is UpdateKind.ROLLING_UPDATE
        replicas = tuple(replace(one, release=release) for one in base.replicas)
        versions = tuple(replace(reading, version=release) for reading in base.versions)
        return replace(
            base, deployment="coder", profile="coder", workload=workload, replicas=replicas, versions=versions, release=release,
            ledger=ledger, database=self._database.server(),
        )  # fmt: skip

    def plan(self, running: str, target: str, *, migrations: Path | None = None, strategy: s.Strategy | None = None) -> s.Plan:
        source = None if migrations is None else str(migrations)
        profile = CODER if source is None else _with_source(source)
        deployment = Deployment(
            name="coder", profile=profile, database_url=self.url, platform=LocalPlace(folder="/nowhere"),
            beside=Path("/nowhere"), migrations=migrations,
        )  # fmt: skip
        seen = self.seen(running)
        known = known_here(deployment, seen, target=target)
        return propose(
            survey=seen,
            profile=known,
            target=target,
            forecast_hop=Forecaster(deployment=deployment, profile=known, narrate=lambda _: None).hop,
            ask=self._database.ask,
            clock=SystemClock(),
            narrate=lambda _: None,
            settings=Settings(),
            wishes=Wishes(strategy=strategy),
        )


def _with_source(folder: str) -> Profile:
    return structs.replace(CODER, migrations=structs.replace(CODER.migrations, source=folder))


@pytest.fixture
def company(database_url: str) -> Iterator[Company]:
    with psycopg.connect(database_url, autocommit=True) as admin, closing(PostgresDatabase(database_url)) as database:
        admin.execute(TABLES)
        admin.execute("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        made = Company(database_url, database, admin)
        made.migrated_to(402)
        yield made


def said(plan: s.Plan, words: str) -> str:
    (sentence,) = [warning for warning in plan.warnings if words in warning]
    return sentence


def test_from_one_extended_release_to_the_next(company: Company) -> None:
    found = company.plan("2.29.1", "2.34.0")
    (hop,) = found.hops
    assert (found.route, found.minors, found.migrations) == (("2.34.0",), 5, None)
    assert hop.strategy is s.Strategy.SCALE_TO_ZERO
    assert hop.kill_budget_s >= 3600.0
    assert "108 migrations" in said(found, "CODER-ESR-2.29-2.34")
    assert "/ai/settings/providers" in said(found, "CODER-2.34-AI-PROVIDERS")
    assert not [warning for warning in found.warnings if "CODER-2.34-PROVISIONERS" in warning]  # there is no external one
    assert "ask Coder (https://coder.com/docs/support)" in said(found, "nobody here knows which migrations 2.34.0 brings")
    assert said(found, "2.34.10 was the newest of 2.34")
    guard = next(step for step in hop.steps if isinstance(step, s.GuardMigration))
    assert (guard.ledger, guard.ledger_before) == (None, 402)


def test_the_api_keys_of_2_27_are_met_by_way_of_2_26_6(company: Company) -> None:
    company.migrated_to(356)
    found = company.plan("2.26.0", "2.27.8")
    assert found.route == ("2.26.6", "2.27.8")
    assert [hop.advisory for hop in found.hops] == ["CODER-2.27-API-KEYS", None]
    assert "hop by hop: --to 2.26.6 --migrations FOLDER" in said(found, "which migrations 2.26.6 brings")
    assert "at most known 60 min; it depends on public.api_keys" in said(found, "CODER-371-API-KEYS")
    assert [warning for warning in found.warnings if "unknown jump" in warning] == []


def test_jobs_in_progress_are_said_with_what_becomes_of_them(company: Company) -> None:
    assert [warning for warning in company.plan("2.29.1", "2.34.0").warnings if "in progress" in warning] == []
    company.admin.execute("INSERT INTO provisioner_jobs (job_status, type) VALUES ('running', 'template_version_import')")
    assert said(company.plan("2.29.1", "2.34.0"), "jobs are in progress now") == (
        "jobs are in progress now (1 template_version_import): builds in progress are killed 60 s after their replica was told "
        "to stop: begin when there is none"
    )
    company.admin.execute("DROP TABLE provisioner_jobs")
    assert "whether jobs are in progress is not known: " in said(company.plan("2.29.1", "2.34.0"), "in progress")


def test_with_quotas_old_and_new_never_overlap_on_the_way_to_2_39(company: Company) -> None:
    company.admin.execute("INSERT INTO workspace_resources (daily_cost) VALUES (20)")
    (hop,) = company.plan("2.38.1", "2.39.0").hops
    assert hop.strategy is s.Strategy.SCALE_TO_ZERO
    for verdict in hop.considered[:2]:
        assert verdict.reasons[0].startswith("old and new must never overlap: CODER-2.39-QUOTAS: ")
        assert "; here a build or a resource has a daily cost" in verdict.reasons[0]


def test_without_quotas_a_user_may_ask_for_an_overlap_which_is_checked_again(company: Company) -> None:
    found = company.plan("2.38.1", "2.39.0", strategy=s.Strategy.SCALE_TO_ONE)
    (hop,) = found.hops
    (check,) = [step for step in hop.steps if isinstance(step, s.CheckAdvisories)]
    assert [(c.code, c.expected) for c in check.conditions] == [("CODER-2.39-QUOTAS", False)]
    assert "look at the templates too" in said(found, "CODER-2.39-QUOTAS")


def test_where_the_tables_are_not_there_to_be_asked_the_overlap_counts_as_forbidden(company: Company) -> None:
    company.admin.execute("DROP TABLE workspace_builds, workspace_resources")
    (hop,) = company.plan("2.38.1", "2.39.0").hops
    assert "is not known (" in hop.considered[0].reasons[0]


def test_a_folder_of_migrations_makes_a_real_forecast_from_the_ledger_to_its_last(company: Company, tmp_path: Path) -> None:
    for number, sql in {
        401: "SELECT 1;",
        402: "SELECT 1;",
        403: "ALTER TABLE workspaces ADD COLUMN note text;",
        404: "UPDATE workspaces SET note = '';",
    }.items():
        (tmp_path / f"{number:06}_step.up.sql").write_text(sql)
    found = company.plan("2.29.1", "2.34.0", migrations=tmp_path)
    (hop,) = found.hops
    assert (found.migrations, hop.forecast.unknown) == (2, 0)
    assert "public.workspaces" in hop.forecast.blocked
    assert hop.forecast.total_s.high is not None
    guard = next(step for step in hop.steps if isinstance(step, s.GuardMigration))
    assert (guard.ledger, guard.ledger_before) == (404, 402)
    assert not [warning for warning in found.warnings if "nobody here knows" in warning]
