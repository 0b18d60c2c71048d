"""The ledger beside the image, the files and the catalog: each fault, and the harmless state that looks like it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lockage.core.diagnosis.checksums import ALGORITHMS, edited
from lockage.core.diagnosis.evidence import InvalidIndex, LedgerRow, Privileges
from lockage.core.diagnosis.families.ledger import RULES
from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.facts import LedgerState
from lockage.core.progress import MigrationText
from lockage.core.release.profile import Profile
from support.app_profile import PROFILE
from support.cases import (
    MIB,
    RELEASE,
    being_migrated,
    blind,
    case,
    codes,
    container,
    crashing,
    ended,
    findings,
    ledger,
    log,
    looks,
    migrating_session,
    owned,
    pod,
    server,
    session,
    sources,
)

RELEASES = {"2.26.0": 12, RELEASE: 18}


def profile(**changes: Any) -> Profile:
    """The profile with migrations of other properties; its releases end at 12 and 18."""
    migrations = msgspec.structs.replace(PROFILE.migrations, **{"releases": RELEASES, **changes})
    return msgspec.structs.replace(PROFILE, migrations=migrations)


def at(version: int | None, *, dirty: bool = False, model: str = "whole", **more: Any) -> Case:
    """The deployment, healthy but for its ledger."""
    database = {"ledger": ledger(version, dirty=dirty), "ledger_rows": (), **more.pop("database", {})}
    return case(profile=profile(transaction=model), database=database, **more)


def one(seen: Case, code: str) -> Finding:
    """The only finding of that code."""
    found = [finding for finding in findings(seen, RULES) if finding.code == code]
    assert len(found) == 1, found
    return found[0]


def down(*lines: str) -> dict[str, Any]:
    """A platform whose only replica ends by itself and said this before."""
    detail = pod(ready=False, containers=(crashing(ended(1)),))
    return {"details": (detail,), "logs": (log(*lines, previous=True),)}


# --- healthy, and migrating -------------------------------------------------------------------------------------------


def test_a_ledger_where_the_release_ends_is_no_finding() -> None:
    assert codes(at(18), RULES) == set()


@pytest.mark.parametrize("rows", [True, False])
def test_a_ledger_in_the_middle_of_a_migration_is_no_finding_whatever_it_says(rows: bool) -> None:
    worker = migrating_session()
    database = {
        "ledger": being_migrated(),
        "ledger_rows": (LedgerRow(version="13", dirty=True),) if rows else None,
        "looks": looks(worker),
        "owned": (owned(worker),),
        "invalid_indexes": (InvalidIndex(index="public.i", relation="public.t", building=True),),
    }
    assert codes(case(profile=profile(), database=database), RULES) == set()


def test_dirty_is_normal_while_a_session_holds_the_migration_lock() -> None:
    worker = migrating_session()
    database = {"ledger": ledger(13, dirty=True), "looks": looks(worker), "owned": (owned(worker),)}
    assert codes(case(profile=profile(), database=database), RULES) == set()


@pytest.mark.parametrize("source", [name for name in sources() if name != "database.drift"])
def test_a_source_that_was_not_seen_is_no_finding(source: str) -> None:
    assert codes(blind(at(18), source), RULES) == set()


# --- dirty ------------------------------------------------------------------------------------------------------------


def test_a_dirty_ledger_under_one_transaction_left_nothing_of_its_file() -> None:
    found = one(at(13, dirty=True), "F060")
    assert "nothing of that file was committed" in found.cause
    assert found.avoid is not None
    assert "do not force" in found.avoid
    assert codes(at(13, dirty=True), RULES) == {"F060"}


def test_a_dirty_ledger_where_each_statement_commits_alone_is_half_a_file() -> None:
    assert codes(at(13, dirty=True, model="statement"), RULES) == {"F060", "F063"}


@pytest.mark.parametrize(
    ("text", "half"),
    [
        ("ALTER TABLE t ADD c int; UPDATE t SET c = 1;", False),
        ("BEGIN; ALTER TABLE t ADD c int; COMMIT; UPDATE t SET c = 1;", True),
        ("CREATE INDEX CONCURRENTLY i ON t (c);", True),
        ("this is no SQL", True),
    ],
)
def test_half_a_file_is_judged_by_its_text(text: str, half: bool) -> None:
    script = (MigrationText(version=13, name="add_c", text=text),)
    found = codes(at(13, dirty=True, model="file", script=script), RULES)
    assert ("F063" in found) is half
    assert "F060" in found


def test_a_row_that_did_not_succeed_is_a_dirty_ledger_too() -> None:
    rows = (LedgerRow(version="13", success=False), LedgerRow(version="12", success=True))
    assert codes(at(13, database={"ledger_rows": rows}), RULES) >= {"F060"}


def test_a_failed_row_below_a_good_one_was_repaired() -> None:
    rows = (LedgerRow(version="18", success=True), LedgerRow(version="17", success=False))
    assert codes(at(18, database={"ledger_rows": rows}), RULES) == set()


def test_a_log_tells_of_a_dirty_ledger_where_the_database_is_out_of_reach() -> None:
    seen = blind(
        case(profile=profile(), platform=down("error: Dirty database version 13. Fix and force version.")), "database.ledger"
    )
    assert "13" in one(seen, "F060").cause


# --- newer and older --------------------------------------------------------------------------------------------------


def test_a_schema_beyond_the_image_is_named_with_the_release_that_fits_and_never_forced() -> None:
    seen = at(18, platform={"workload": replace(case().evidence.platform.workload, release="2.26.0", image="app:v2.26.0")})  # type: ignore[type-var]
    found = one(seen, "F061")
    assert "18" in found.cause
    assert "12" in found.cause
    assert any(RELEASE in exhibit.text for exhibit in found.evidence)
    assert found.avoid is not None
    assert "never force" in found.avoid
    assert found.next == "lockage releases app -n prod --fits"


@pytest.mark.parametrize(
    "line",
    [
        "error: migrate up: no migration found for version 19: read down for version 19 .: file does not exist",
        "alembic.util.exc.CommandError: Can't locate revision identified by '19'",
        "ERROR: Validate failed: Detected applied migration not resolved locally: 19",
        "error: migration 19 was previously applied but is missing in the resolved migrations",
        "error: The migration directory is corrupt, the following files are missing: 19.js",
        "migration V19__berths is missing from the filesystem",
        "Unable to migrate: current version 19 is outside the valid versions of 0 to 18",
    ],
)
def test_an_unknown_applications_own_migrator_tells_that_the_schema_is_newer(line: str) -> None:
    seen = case(known=False, platform=down(line), database={"ledger": ledger(19)})
    found = one(seen, "F061")
    assert "19" in found.cause
    assert found.confidence > 0.9


@pytest.mark.parametrize(
    "lines",
    [
        ("error: Dirty database version 19. Fix and force version.",),
        ("Detected failed migration to version 19 (berths). Please remove any half-completed changes then run repair",),
        ("Error: P3009", "migrate found failed migrations in the target database, new migrations will not be applied."),
    ],
)
def test_a_ledger_of_a_format_that_is_not_read_is_dirty_where_its_migrator_says_so(lines: tuple[str, ...]) -> None:
    unreadable = ledger(None, state=LedgerState.UNREADABLE)
    assert "F060" in codes(case(known=False, platform=down(*lines), database={"ledger": unreadable}), RULES)


def test_where_nobody_has_said_which_table_the_ledger_is_its_absence_says_nothing() -> None:
    line = "error: migration 19 was previously applied but is missing in the resolved migrations"
    gone = ledger(None, state=LedgerState.MISSING)
    found = one(case(known=False, platform=down(line), database={"ledger": gone}), "F061")
    assert "19" in found.cause
    assert not any("schema_migrations" in exhibit.source for exhibit in found.evidence)


def test_a_ready_replica_that_said_so_long_ago_is_no_finding() -> None:
    old = log("no migration found for version 19", previous=True)
    assert codes(case(platform={"logs": (old,)}), RULES) == set()


def test_a_release_that_serves_over_an_older_schema_is_named() -> None:
    assert codes(at(12), RULES) == {"F062"}


def test_a_new_replica_that_is_not_ready_may_still_migrate() -> None:
    details = (pod(ready=False, containers=(container(ready=False),)),)
    assert codes(at(12, platform={"details": details}), RULES) == set()


# --- empty or missing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [LedgerState.MISSING, LedgerState.EMPTY])
def test_a_ledger_that_is_gone_over_tables_that_are_there(state: LedgerState) -> None:
    seen = at(None, database={"ledger": ledger(None, state=state), "server": server(size_bytes=900 * MIB)})
    assert codes(seen, RULES) == {"F069"}


def test_a_new_installation_has_no_ledger_yet() -> None:
    gone = {
        "ledger": ledger(None, state=LedgerState.MISSING),
        "server": server(size_bytes=8 * MIB),
        "looks": looks(),
        "owned": (),
    }
    assert codes(at(None, database=gone), RULES) == set()


def missing(**privileges: Any) -> Case:
    """No ledger in a database of 900 MiB, whose tables were counted by owner."""
    gone = {
        "ledger": ledger(None, state=LedgerState.MISSING),
        "server": server(size_bytes=900 * MIB),
        "looks": looks(),
        "owned": (),
    }
    script = (MigrationText(version=1, name="1_users", text="CREATE TABLE users (id int);"),)
    return replace(at(None, database={**gone, "privileges": Privileges(role="app", **privileges)}), script=script)


@pytest.mark.parametrize("others", [(), ("public.customers (owner crm)",)], ids=["another schema", "the same schema"])
def test_a_new_installation_beside_anothers_large_tables_is_no_finding(others: tuple[str, ...]) -> None:
    assert codes(missing(owned_tables=0, not_owned=others, not_owned_count=len(others)), RULES) == set()


def test_a_ledger_that_is_gone_over_tables_of_the_applications_role() -> None:
    found = one(missing(owned_tables=7), "F069")
    assert "though its role has 7 tables there" in found.cause
    assert found.confidence == 0.9


def test_a_ledger_that_is_gone_over_tables_that_migrations_make_and_another_role_owns() -> None:
    """As after a restore by an administrator."""
    found = one(missing(owned_tables=0, not_owned=("public.users (owner postgres)",), not_owned_count=1), "F069")
    assert "public.users" in found.cause


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_migration_with_two_rows_was_run_twice() -> None:
    rows = tuple(LedgerRow(version=version, success=True) for version in ("18", "18", "17"))
    assert codes(at(18, database={"ledger_rows": rows}), RULES) == {"F067"}


def test_a_name_with_its_application_is_a_migration_of_its_own() -> None:
    rows = tuple(LedgerRow(version=version) for version in ("users.0001_initial", "keys.0001_initial", "keys.0001_initial"))
    assert "keys.0001_initial" in one(at(18, database={"ledger_rows": rows}), "F067").cause


def test_names_that_many_applications_share_are_not_one_migration() -> None:
    rows = tuple(LedgerRow(version="0001_initial") for _ in range(3))
    assert codes(at(18, database={"ledger_rows": rows}), RULES) == set()


def test_a_migration_that_failed_and_was_run_again_is_not_twice() -> None:
    rows = (LedgerRow(version="18", success=True), LedgerRow(version="18", success=False))
    assert codes(at(18, database={"ledger_rows": rows}), RULES) == set()


SCRIPT = tuple(
    MigrationText(version=number, name=f"m{number}", text=f"SELECT {number};\nSELECT 1;\n") for number in (16, 17, 18)
)


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_an_edited_file_is_found_by_whatever_checksum_the_ledger_has(algorithm: str) -> None:
    rows = [LedgerRow(version=str(m.version), checksum=ALGORITHMS[algorithm](m.text), success=True) for m in SCRIPT]
    assert edited(rows, SCRIPT) == ()
    rows[1] = replace(rows[1], checksum=ALGORITHMS[algorithm]("SELECT 'before';"))
    assert edited(rows, SCRIPT) == ("17",)
    seen = at(18, database={"ledger_rows": tuple(rows)}, script=SCRIPT)
    assert codes(seen, RULES) == {"F066"}


def test_checksums_of_an_unknown_algorithm_tell_nothing() -> None:
    rows = [LedgerRow(version=str(m.version), checksum=hashlib.sha512(m.text.encode()).hexdigest()) for m in SCRIPT]
    assert edited(rows, SCRIPT) == ()


def test_flyways_checksum_is_signed_and_knows_no_line_ends() -> None:
    assert ALGORITHMS["Flyway"]("a\nb\n") == ALGORITHMS["Flyway"]("a\r\nb")
    assert any(ALGORITHMS["Flyway"](str(n)).startswith("-") for n in range(9))


# --- owners -----------------------------------------------------------------------------------------------------------


def stranger(age_s: float) -> dict[str, Any]:
    """A session under the application's name, of no replica here, whose last statement began so long ago."""
    foreign = session(9001, application_name="app/app-elsewhere-xyz", statement_age_s=age_s)
    return {"looks": looks(foreign), "owned": (owned(foreign, orphan=True),)}


def test_a_session_that_lives_and_is_of_no_replica_here_is_another_deployments() -> None:
    assert codes(at(18, database=stranger(0.4)), RULES) == {"F065"}


def test_an_orphan_begins_nothing_and_is_no_second_deployment() -> None:
    assert codes(at(18, database=stranger(300.0)), RULES) == set()


def test_a_deployment_of_the_same_name_elsewhere_with_the_same_database_is_a_second_one() -> None:
    seen = at(18, platform={"neighbours": ("Deployment/app in staging",)})
    assert "staging" in one(seen, "F065").cause


@pytest.mark.parametrize("neighbour", ["Deployment/app-worker in prod", "Deployment/exporter in monitoring"])
def test_workers_and_exporters_with_the_same_database_are_normal(neighbour: str) -> None:
    assert codes(at(18, platform={"neighbours": (neighbour,)}), RULES) == set()


# --- the catalog ------------------------------------------------------------------------------------------------------


def test_an_invalid_index_is_left_behind_unless_somebody_builds_it() -> None:
    left = InvalidIndex(index="public.i", relation="public.t")
    found = one(at(18, database={"invalid_indexes": (left,)}), "F070")
    assert "REINDEX INDEX CONCURRENTLY public.i" in found.next
    assert codes(at(18, database={"invalid_indexes": (replace(left, building=True),)}), RULES) == set()
    assert codes(at(18, database={"invalid_indexes": (replace(left, relation="other.t"),)}), RULES) == set()


def test_an_invalid_index_that_the_migration_meets_again_is_dropped_and_its_rows_are_settled_first() -> None:
    left = InvalidIndex(index="public.users_email", relation="public.users", unique=True)
    line = 'PG::DuplicateTable: ERROR:  relation "users_email" already exists'
    found = one(case(known=False, platform=down(line), database={"invalid_indexes": (left,)}), "F070")
    assert "DROP INDEX CONCURRENTLY public.users_email" in found.next
    assert "rows twice" in found.next
    assert any("already exists" in exhibit.text for exhibit in found.evidence)


def test_the_rest_of_a_concurrent_reindex_is_dropped() -> None:
    left = InvalidIndex(index="public.i_ccnew", relation="public.t")
    assert "DROP INDEX CONCURRENTLY public.i_ccnew" in one(at(18, database={"invalid_indexes": (left,)}), "F070").next


def test_a_catalog_that_differs_has_drifted_or_was_never_finished() -> None:
    lacking, extra = ("index public.i on public.t is missing",), ("column c of public.t is there, and no migration makes it",)
    assert codes(at(18, database={"drift": lacking}), RULES) == {"F064"}
    assert codes(at(18, model="statement", database={"drift": lacking}), RULES) == {"F068"}
    assert codes(at(18, model="statement", database={"drift": extra}), RULES) == {"F064"}
    assert codes(at(18, database={"drift": ()}), RULES) == set()


FILE = """-- create table no
CREATE TABLE fares (id int);
CREATE INDEX fares_id ON public.fares (id);
ALTER TABLE t ADD COLUMN fare int;
"""


@pytest.mark.parametrize(
    ("lacking", "code"),
    [
        (("table public.fares is missing", "column fare of public.t is missing (integer, nullable)"), "F068"),
        (("table public.fares is missing",), "F064"),
        (("index public.fares_id is missing",), "F064"),
    ],
)
def test_a_file_of_which_everything_is_missing_never_ran_and_one_of_which_a_part_is_was_changed(
    lacking: tuple[str, ...], code: str
) -> None:
    script = (
        MigrationText(version=17, name="t", text="create table t (id int)"),
        MigrationText(version=18, name="fares", text=FILE),
    )
    found = one(at(18, model="whole", script=script, database={"drift": lacking}), code)
    assert ("nothing that migration 18 (fares) makes is there" in found.cause) is (code == "F068")


def test_one_index_alone_in_its_file_may_have_been_dropped_by_hand() -> None:
    script = (MigrationText(version=18, name="i", text="create index concurrently if not exists i on t (c)"),)
    assert codes(at(18, script=script, database={"drift": ("index public.i is missing",)}), RULES) == {"F064"}
