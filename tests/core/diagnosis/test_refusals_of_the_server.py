"""Privileges, limits and deadlocks: what PostgreSQL refused or ended, and what looks alike and is not this rollout's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.evidence import ConnectionLimits, Privileges, Trouble
from lockage.core.diagnosis.families import deadlocks, limits, privileges
from lockage.core.diagnosis.findings import Case, Finding
from support.cases import (
    OLD_SET,
    blind,
    case,
    codes,
    crashing,
    ended,
    findings,
    log,
    log_line,
    names,
    old_pod,
    old_revision,
    pod,
    revision,
    running,
    server,
    sources,
)
from support.cases import container as a_container

NEW, OLD = names()[0], names(of=OLD_SET)[0]
ALL = (privileges.RULES, limits.RULES, deadlocks.RULES)
STAMP = "2026-11-22 02:59:30.000 UTC"
BEFORE = "2026-11-22 01:00:00.000 UTC"


def failing(*lines: str, **database: Any) -> Case:
    """The new release's first replica ends again and again, with these last words; the old one serves."""
    return case(
        platform={
            "details": (pod(NEW, ready=False, containers=(crashing(ended(1, at=30, after_s=5)),)), old_pod(OLD)),
            "revisions": (old_revision(wanted=3, present=1, ready=1), revision(created_at=None, ready=0)),
            "logs": (
                log(log_line("Running database migrations", at=34), *(log_line(t, at=30, level="error") for t in lines),
                    previous=True),
            ),
        },
        database=database,
    )  # fmt: skip


def only(seen: Case) -> Finding:
    (found,) = findings(seen, *ALL)
    return found


def said(text: str) -> str:
    return f"migrate up: ERROR: {text}"


# --- privileges -------------------------------------------------------------------------------------------------------


def test_who_is_not_the_owner_is_told_how_to_become_it() -> None:
    role = Privileges(role="app", not_owned=("public.api_keys (owner legacy)",), not_owned_count=1)
    found = only(failing(said("must be owner of table api_keys (SQLSTATE 42501)"), privileges=role))
    assert found.code == "F026"
    assert "role app is not the owner of table public.api_keys" in found.cause
    assert "(owner legacy)" in found.cause
    assert 'ALTER TABLE public.api_keys OWNER TO app"' in found.next
    assert {f"pod {NEW}", "role app"} <= set(found.about)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("permission denied for schema public (SQLSTATE 42501)", "GRANT CREATE, USAGE ON SCHEMA public TO app"),
        ("permission denied for table api_keys (SQLSTATE 42501)", "GRANT ALL ON TABLE api_keys TO app"),
        ('permission denied to create extension "pg_trgm" (SQLSTATE 42501)', "\\du app"),
    ],
)
def test_a_missing_privilege_is_granted_one_by_one(text: str, then: str) -> None:
    found = only(failing(said(text)))
    assert found.code == "F027"
    assert then in found.next


@pytest.mark.parametrize(
    "text",
    [
        'extension "vector" is not available (SQLSTATE 0A000)',
        'could not open extension control file "/usr/share/extension/vector.control": No such file (SQLSTATE 58P01)',
        'could not access file "$libdir/vector": No such file or directory (SQLSTATE 58P01)',
        'could not load library "/usr/lib/postgresql/18/lib/vector.so": undefined symbol: LWLockRelease (SQLSTATE 58P01)',
    ],
)
def test_a_missing_extension_is_named(text: str) -> None:
    found = only(failing(said(text)))
    assert found.code == "F028"
    assert "install vector" in found.next


def test_read_only_by_a_setting_is_told_from_a_standby() -> None:
    text = said("cannot execute ALTER TABLE in a read-only transaction (SQLSTATE 25006)")
    by_setting = only(failing(text, privileges=Privileges(role="app", read_only=True)))
    on_standby = only(failing(text, server=server(in_recovery=True)))
    assert (by_setting.code, on_standby.code) == ("F029", "F030")
    assert "default_transaction_read_only" in by_setting.cause


def test_privileges_alone_are_little_where_no_log_was_seen() -> None:
    role = Privileges(role="app", not_owned=("public.api_keys (owner legacy)",), not_owned_count=1)
    found = only(blind(failing(privileges=role), "platform.logs", "database.server_log"))
    assert found.code == "F026"
    assert found.confidence < 0.5


# --- limits -----------------------------------------------------------------------------------------------------------

FULL = ConnectionLimits(role="app", role_limit=-1, role_connections=90, database_limit=-1, database_connections=95,
                        server_limit=100, reserved=3, server_connections=97)  # fmt: skip


def test_the_server_is_out_of_connections() -> None:
    found = only(failing("pq: sorry, too many clients already", limits=FULL))
    assert found.code == "F031"
    assert "97 of max_connections 100" in found.cause


def test_our_own_login_is_a_witness_too() -> None:
    trouble = Trouble(
        text="FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", sqlstate="53300"
    )
    found = only(blind(failing(trouble=trouble), "database.looks", "database.limits", "database.server", "platform.logs"))
    assert found.code == "F031"


def test_a_roles_own_limit_is_told_from_the_servers() -> None:
    own = replace(FULL, role_limit=20, role_connections=20, server_connections=40)
    found = only(failing('FATAL: too many connections for role "app" (SQLSTATE 53300)', limits=own))
    assert found.code == "F032"
    assert "role app has no connection left: its limit is 20" in found.cause
    assert "role app" in found.about


def test_a_full_lock_table_says_what_it_is_now() -> None:
    found = only(failing(said("out of shared memory (SQLSTATE 53200)")))
    assert found.code == "F033"
    assert "max_locks_per_transaction 64" in found.cause
    assert "max_locks_per_transaction = 256" in found.next


@pytest.mark.parametrize(
    ("text", "code", "setting"),
    [
        ("canceling statement due to statement timeout (SQLSTATE 57014)", "F034", "statement_timeout"),
        ("canceling statement due to lock timeout (SQLSTATE 55P03)", "F035", "lock_timeout"),
        (
            "terminating connection due to idle-in-transaction timeout (SQLSTATE 25P03)",
            "F037",
            "idle_in_transaction_session_timeout",
        ),
        ("terminating connection due to transaction timeout (SQLSTATE 25P04)", "F037", "transaction_timeout"),
    ],
)
def test_a_time_limit_is_named_with_its_value(text: str, code: str, setting: str) -> None:
    found = only(failing(said(text), privileges=Privileges(role="app", settings={setting: "30s"})))
    assert found.code == code
    assert f"{setting} of 30s" in found.cause
    assert f"ALTER ROLE app SET {setting} = 0" in found.next


def test_a_time_limit_that_neither_role_nor_server_has_is_the_clients_own() -> None:
    """In the URL's options or in the migrator it goes before whatever is set for the role."""
    found = only(failing(said("canceling statement due to lock timeout (SQLSTATE 55P03)"), privileges=Privileges(role="app")))
    assert found.code == "F035"
    assert "ALTER ROLE" not in found.next
    assert "where the client sets it" in found.next
    unseen = only(blind(failing(said("canceling statement due to lock timeout (SQLSTATE 55P03)")), "database.privileges"))
    assert "ALTER ROLE" in unseen.next


def test_a_full_disk_is_told_by_the_server_or_by_what_is_free() -> None:
    text = said('could not extend file "base/16384/16397": No space left on device (SQLSTATE 53100)')
    assert only(failing(text)).code == "F036"
    measured = only(failing(disk_free_bytes=1 << 20))
    assert measured.code == "F036"
    assert "1 MiB are left" in measured.cause
    assert "never delete" in (measured.avoid or "")


def test_postgresqls_own_log_stands_for_a_replicas() -> None:
    entries = (
        f"{STAMP} [4711] ERROR:  canceling statement due to statement timeout",
        f"{STAMP} [4711] STATEMENT:  ALTER TABLE api_keys ADD COLUMN scope text",
    )
    found = only(blind(failing(server_log=entries), "platform.logs"))
    assert (found.code, found.evidence[0].source) == ("F034", "PostgreSQL's log")


# --- deadlocks --------------------------------------------------------------------------------------------------------


def deadlock(at: str = STAMP, *, victim: str, other: str) -> tuple[str, ...]:
    return (
        f"{at} [4711] ERROR:  deadlock detected",
        f"{at} [4711] DETAIL:  Process 4711 waits for AccessExclusiveLock on relation 16397; blocked by process 98.",
        "\tProcess 98 waits for RowExclusiveLock on relation 16399; blocked by process 4711.",
        f"\tProcess 4711: {victim}",
        f"\tProcess 98: {other}",
        f"{at} [4711] HINT:  See server log for query details.",
        f"{at} [4711] STATEMENT:  {victim}",
    )


ALTER, UPDATE = "ALTER TABLE users ADD COLUMN c int", "UPDATE api_keys SET used_at = now()"


def test_a_deadlock_that_ended_the_migration_names_the_other_side() -> None:
    found = only(failing(said("deadlock detected (SQLSTATE 40P01)"), server_log=deadlock(victim=ALTER, other=UPDATE)))
    assert found.code == "F038"
    assert "pid 98 (UPDATE api_keys" in found.cause


def test_a_deadlock_that_ended_a_replicas_request_is_another() -> None:
    found = only(failing(server_log=deadlock(victim=UPDATE, other=ALTER)))
    assert found.code == "F039"


# --- neighbours that look alike ---------------------------------------------------------------------------------------

TIMEOUT = ("[9] ERROR:  canceling statement due to statement timeout", "[9] STATEMENT:  ")


@pytest.mark.parametrize(
    "entries",
    [
        deadlock(BEFORE, victim=ALTER, other=UPDATE),
        deadlock(victim=UPDATE, other="DELETE FROM sessions"),
        (f"{BEFORE} {TIMEOUT[0]}", f"{BEFORE} {TIMEOUT[1]}{ALTER}"),
        (f"{STAMP} {TIMEOUT[0]}", f"{STAMP} {TIMEOUT[1]}SELECT * FROM reports"),
        (f"{STAMP} [9] ERROR:  canceling statement due to user request", f"{STAMP} [9] STATEMENT:  {ALTER}"),
        (f'{BEFORE} [9] ERROR:  could not extend file "base/1/2": No space left on device',),
    ],
    ids=["old deadlock", "not ours", "old timeout", "a user's query", "a person cancelled", "disk was full before"],
)
def test_what_the_log_has_of_another_time_or_another_statement_is_no_cause(entries: tuple[str, ...]) -> None:
    assert not codes(failing(server_log=entries), *ALL)


def test_what_a_healthy_deployment_logged_is_over() -> None:
    well = case(
        platform={"logs": (log(log_line(said("canceling statement due to statement timeout"), at=1800, level="error")),)},
        database={"server_log": deadlock(victim=ALTER, other=UPDATE)},
    )
    assert not codes(well, *ALL)


def test_relations_of_another_role_are_no_cause_while_all_is_well() -> None:
    role = Privileges(role="app", not_owned=("public.x (owner dba)",), not_owned_count=1, settings={"statement_timeout": "30s"})
    assert not codes(case(database={"privileges": role}), *ALL)


def test_many_connections_are_no_cause_while_there_is_room() -> None:
    near = replace(FULL, server_connections=96)
    assert not codes(failing(limits=near), *ALL)
    assert not codes(case(database={"limits": FULL}), *ALL), "and none while every replica is ready"


def test_a_replica_that_only_just_starts_has_refused_nothing() -> None:
    young = pod(NEW, ready=False, containers=(a_container(state=running(for_s=5), ready=False),))
    assert not codes(case(platform={"details": (young, old_pod(OLD)), "logs": ()}), *ALL)


@pytest.mark.parametrize("source", sources())
def test_rules_take_any_source_away(source: str) -> None:
    seen = failing(said("must be owner of table api_keys (SQLSTATE 42501)"), server_log=deadlock(victim=ALTER, other=UPDATE))
    codes(blind(seen, source), *ALL)
