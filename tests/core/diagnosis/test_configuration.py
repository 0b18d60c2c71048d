"""What a replica cannot start with: by the kubelet's words, the replica's own, and our own connection's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.evidence import Trouble
from lockage.core.diagnosis.findings import Case, Finding
from support import cases as c
from support.rules import found

NAME = c.names()[0]


def starting(*lines: str, container: Any = None, events: tuple[Any, ...] = (), **more: Any) -> Case:
    """The first new replica does not start; what its last process said."""
    main = container or c.crashing(c.ended(1, at=40, after_s=2))
    new = c.pod(NAME, ready=False, containers=(main,), created_at=c.ago(300))
    platform = {
        "details": (new, *(c.old_pod(n) for n in c.names(of=c.OLD_SET))),
        "revisions": (
            c.old_revision(wanted=3, present=3, ready=3),
            c.revision(wanted=1, present=1, ready=0, created_at=c.ago(300)),
        ),
        "conditions": c.progressing(reason="ReplicaSetUpdated"),
        "events": events,
        "logs": (c.log(*lines, previous=True),) if lines else (),
        **more.pop("platform", {}),
    }
    return c.case(platform=platform, **more)


def codes(seen: Case) -> set[str]:
    return {f.code for f in found(seen)}


def one(seen: Case, code: str) -> Finding:
    (finding,) = (f for f in found(seen) if f.code == code)
    return finding


MISSING = [
    ('secret "app-db" not found', "Secret app-db does not exist"),
    ('configmap "app-env" not found', "ConfigMap app-env does not exist"),
    ("couldn't find key url in Secret prod/app-db", "Secret prod/app-db has no key url"),
    ("couldn't find key url in ConfigMap prod/app-env", "ConfigMap prod/app-env has no key url"),
]


@pytest.mark.parametrize(("message", "words"), MISSING)
def test_a_missing_object_is_named(message: str, words: str) -> None:
    container = c.container(state=c.waiting("CreateContainerConfigError", message), ready=False)
    seen = starting(container=container, events=(c.event("Failed", f"Error: {message}", at=5),))
    assert codes(seen) == {"F018"}
    assert one(seen, "F018").cause == f"{words}, and pod {NAME} cannot start without it"
    assert codes(c.blind(seen, "platform.events")) == {"F018"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('MountVolume.SetUp failed for volume "tls" : secret "app-tls" not found', "Secret app-tls does not exist"),
        ('MountVolume.SetUp failed for volume "tls" : references non-existent secret key: ca.crt', "has no key ca.crt"),
        (
            'MountVolume.SetUp failed for volume "conf" : configmap references non-existent config key: app.yaml',
            "has no key app.yaml",
        ),
    ],
)
def test_a_mount_that_fails_for_want_of_an_object_is_the_same(text: str, words: str) -> None:
    container = c.container(state=c.waiting("ContainerCreating"), ready=False)
    seen = starting(container=container, events=(c.event("FailedMount", text, at=20),))
    assert codes(seen) == {"F018"}
    assert words in one(seen, "F018").cause


SAID = [
    ('connect to postgres: pq: password authentication failed for user "app"', "F019"),
    ("cannot parse `postgres://app:xxxxx@db:port/app`: failed to parse as URL (parse error)", "F020"),
    ("sqlalchemy.exc.ArgumentError: Could not parse SQLAlchemy URL from given URL string", "F020"),
    ("ping postgres: dial tcp: lookup db.prod.svc on 10.96.0.10:53: no such host", "F021"),
    ('psycopg.OperationalError: connection to server at "10.0.0.1", port 5432 failed: Connection refused', "F021"),
    ("ping postgres: dial tcp 10.0.0.1:5432: i/o timeout", "F021"),
    ("pq: SSL is not enabled on the server", "F022"),
    ("connect to postgres: tls: failed to verify certificate: x509: certificate signed by unknown authority", "F022"),
    ('FATAL: database "ap" does not exist (SQLSTATE 3D000)', "F023"),
    ('connection to server at "10.0.0.1", port 5432 failed: FATAL:  role "ap" does not exist', "F023"),
    ('pq: no pg_hba.conf entry for host "10.1.0.7", user "app", database "app", no encryption', "F024"),
]


@pytest.mark.parametrize(("line", "code"), SAID)
def test_a_replica_that_does_not_get_into_the_database_says_why(line: str, code: str) -> None:
    seen = starting(c.log_line("starting", at=42), c.log_line(line, at=41, level="erro"))
    assert codes(seen) == {code, "F011"}
    assert one(seen, code).about == (f"pod {NAME}",)
    assert codes(c.blind(seen, *(s for s in c.sources() if s.startswith("database")))) == {code, "F011"}


@pytest.mark.parametrize(("line", "code"), SAID)
def test_a_replica_that_goes_on_trying_says_it_too(line: str, code: str) -> None:
    running = c.container(state=c.running(for_s=200), ready=False)
    logs = (c.log(*(c.log_line(line, at=s, level="warn") for s in (30, 20, 10))),)
    assert codes(starting(container=running, platform={"logs": logs})) == {code}


def test_a_server_with_tls_that_refuses_a_connection_without_wants_tls() -> None:
    server = c.server(settings={**c.server().settings, "ssl": "on"})
    seen = starting(c.log_line(SAID[-1][0], at=41), database={"server": server})
    assert codes(seen) == {"F022", "F011"}


def test_our_own_connection_makes_it_surer() -> None:
    trouble = Trouble(text='FATAL:  password authentication failed for user "app"', sqlstate="28P01")
    down = {"details": (c.pod(NAME, ready=False, containers=(c.crashing(c.ended(1, at=40, after_s=2)),)),)}
    seen = starting(c.log_line(SAID[0][0], at=41), platform=down, database={"trouble": trouble, "server": None})
    assert one(seen, "F019").confidence == 0.95
    alone = c.blind(seen, "platform.logs")
    assert one(alone, "F019").confidence == 0.6


def test_a_password_whose_time_is_over_is_told_from_a_wrong_one() -> None:
    limits = c.case().evidence.database.limits
    assert limits is not None
    over, open_ = (replace(limits, password_until=c.ago(seconds)) for seconds in (86_400, -86_400))
    seen = one(starting(c.log_line(SAID[0][0], at=41), database={"limits": over}), "F019")
    assert "the password of role app ended on 2026-11-21 03:00 UTC (VALID UNTIL)" in seen.cause
    assert "ALTER ROLE app VALID UNTIL 'infinity'" in seen.next
    assert "VALID UNTIL" not in one(starting(c.log_line(SAID[0][0], at=41), database={"limits": open_}), "F019").cause


def test_a_role_that_is_not_there_is_told_from_a_wrong_password() -> None:
    """The server says the same of both."""
    seen = starting(c.log_line(SAID[0][0], at=41), database={"absent_role": "app", "limits": None, "privileges": None})
    assert codes(seen) == {"F023", "F011"}
    assert "there is no role app in this server" in one(seen, "F023").cause
    other = starting(c.log_line(SAID[0][0], at=41), database={"absent_role": "lockage"})
    assert codes(other) == {"F019", "F011"}


@pytest.mark.parametrize(
    "line",
    [
        "error: licence expired on 2026-11-01",
        "panic: license is required for high availability",
        "fatal: APP_SECRET_KEY must be set",
        "Error: missing required environment variable ACCESS_URL",
        "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty",
        "error: unknown flag: --liveness",
    ],
)
def test_a_setting_that_the_application_names_itself_is_quoted(line: str) -> None:
    seen = starting(c.log_line("starting", at=42), line)
    assert codes(seen) == {"F025", "F011"}
    assert line in one(seen, "F025").cause


def test_replicas_whose_health_does_not_ask_the_database_complain_with_us() -> None:
    line = c.log_line("ping postgres: dial tcp 10.0.0.1:5432: connect: connection refused", at=5, level="erro")
    trouble = Trouble(text='connection to server at "10.0.0.1", port 5432 failed: Connection refused')
    seen = c.case(
        platform={"logs": (c.log(line),)}, database={"trouble": trouble, "server": None, "looks": None, "owned": None}
    )
    assert codes(seen) == {"F021"}
    assert codes(c.blind(seen, "database.trouble")) == set()


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_our_own_wrong_address_says_nothing_of_replicas_that_serve() -> None:
    trouble = Trouble(text='FATAL:  password authentication failed for user "lockage"', sqlstate="28P01")
    assert codes(c.case(database={"trouble": trouble, "server": None})) == set()


def test_a_mount_that_failed_once_while_the_secret_was_made_is_over() -> None:
    events = (c.event("FailedMount", 'MountVolume.SetUp failed for volume "tls" : secret "app-tls" not found', at=60),)
    assert codes(c.case(platform={"events": events})) == set()


def test_a_replica_that_lost_the_database_for_a_moment_and_serves_is_well() -> None:
    line = c.log_line("pq: the database system is starting up", at=200, level="erro")
    assert codes(c.case(platform={"logs": (c.log(line, c.log_line("reconnected", at=190)),)})) == set()


def test_words_about_a_setting_in_the_middle_of_a_log_are_no_reason() -> None:
    seen = starting(c.log_line("unknown option x is ignored", at=42, level="warn"), "panic: index out of range")
    assert codes(seen) == {"F010", "F011"}


def test_a_replica_that_only_starts_is_nothing() -> None:
    young = c.pod(NAME, ready=False, containers=(c.container(state=c.waiting(), ready=False),), created_at=c.ago(5))
    assert codes(c.case(platform={"details": (replace(young), *(c.pod(n) for n in c.names()[1:]))})) == set()


# --- the way goes through the pod itself ------------------------------------------------------------------------------

OWN = "dial error (dial tcp 127.0.0.1:5432: connect: connection refused)"
FAR = "failed to connect to `host=db user=app`: dial tcp 10.0.0.5:5432: connect: connection refused"


def with_sidecar(text: str, **sidecar: Any) -> Case:
    """The application's container crashes with these words, beside another one."""
    beside = c.container(**{"name": "proxy", "main": False, "liveness": None, "readiness": None, **sidecar})
    main = c.crashing(c.ended(1, at=40, after_s=2))
    new = c.pod(NAME, ready=False, containers=(main, beside), created_at=c.ago(300))
    return starting(text, platform={"details": (new, *(c.old_pod(n) for n in c.names(of=c.OLD_SET)))})


def test_a_proxy_in_the_pod_that_is_not_up_is_why_its_own_address_is_refused() -> None:
    waits = c.waiting("CrashLoopBackOff", "back-off 40s restarting failed container=proxy")
    finding = one(with_sidecar(f"migrate: failed to connect to `host=127.0.0.1 user=app`: {OWN}", state=waits), "F021")
    assert finding.cause.endswith("that address is the pod itself, and proxy is not up")
    assert finding.next == f"kubectl -n prod logs {NAME} -c proxy"
    assert any("container proxy" in exhibit.source for exhibit in finding.evidence)


def test_a_proxy_that_came_up_later_than_the_application_may_be_why_it_got_no_connection() -> None:
    finding = one(with_sidecar(FAR, state=c.running(for_s=41)), "F021")
    assert finding.cause.endswith("its way may go through the pod's own container: proxy came up later than it")


@pytest.mark.parametrize("sidecar", [{"state": c.running(for_s=290)}, {"init": True, "state": c.ended(0, at=200)}])
def test_a_container_that_was_there_first_or_is_done_is_not_in_the_way(sidecar: dict[str, Any]) -> None:
    assert "container" not in one(with_sidecar(FAR, **sidecar), "F021").cause
