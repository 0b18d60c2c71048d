"""When the vendor is called, by criteria that the profile sets, and what the ticket says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Case, Cause, Exhibit, Finding, Migrating, VendorCall
from lockage.core.diagnosis.ticket import jump_of
from lockage.core.diagnosis.vendor import vendor_call
from lockage.core.facts import VersionReading, VersionSource
from lockage.core.plan.steps import Strategy
from lockage.core.release.profile import VendorProfile
from lockage.core.run import RUN_NOTE, RunNote, write_note
from support.app_profile import PROFILE
from support.cases import case, crashing, ended, pod, workload
from support.plans import hop, plan_of

VENDOR = VendorProfile(
    name="Acme", contact="https://acme.example/support", call_after_s=900.0, call_when=("locks stay",), send=("the log",)
)


def at(**changes: Any) -> Case:
    return case(profile=msgspec.structs.replace(PROFILE, vendor=VENDOR), **changes)


def found(code: str, **changes: Any) -> Finding:
    """A finding of that code."""
    values = {"cause": f"{code} is so", "confidence": 0.9, "why": "seen", "next": "x"}
    return Finding(**{"code": code, "evidence": (Exhibit(source="events", text="it was seen"),), **values, **changes})


def cause(family: str, *, call_vendor: bool = False) -> Cause:
    texts = {"title": "t", "symptom": "S.", "why": "W.", "remedy": "R.", "prevention": "P."}
    return Cause(family=family, shows_in=(), call_vendor=call_vendor, **texts)


CATALOGUE = {
    "F000": cause("unexplained"), "F006": cause("memory"), "F013": cause("image"), "F040": cause("waiting"),
    "F051": cause("slow"), "F060": cause("ledger", call_vendor=True),
}  # fmt: skip


def under_way(since_s: float, pace: Any = "works") -> Migrating:
    return Migrating(pid=4711, replica=None, pace=pace, text="it migrates", since_s=since_s)


def call(*findings: Finding, migrating: Migrating | None = None, seen: Case | None = None) -> VendorCall | None:
    return vendor_call(seen or at(), findings=findings, migrating=migrating, causes=CATALOGUE)


# --- whether ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["F000", "F006", "F051", "F060"])
def test_some_causes_are_reasons_by_themselves(code: str) -> None:
    assert call(found(code)) is not None


@pytest.mark.parametrize("changes", [{"harmless": True}, {"confidence": 0.3}])
def test_what_is_harmless_or_unlikely_is_no_reason(changes: dict[str, Any]) -> None:
    assert call(found("F006", **changes)) is None


@pytest.mark.parametrize("code", ["F013", "F040"])
def test_what_one_can_mend_oneself_is_no_reason(code: str) -> None:
    assert call(found(code)) is None


@pytest.mark.parametrize(("since_s", "called"), [(899.0, False), (901.0, True)])
def test_the_profile_says_after_how_long_a_migration_without_contention_is_one(since_s: float, called: bool) -> None:
    answer = call(migrating=under_way(since_s))
    assert (answer is not None) is called
    assert answer is None or "nobody holds a lock" in answer.reasons[0]


def test_locks_are_a_reason_when_they_have_not_been_cleared_for_as_long() -> None:
    assert call(found("F040"), migrating=under_way(300.0, "waits")) is None
    answer = call(found("F040"), migrating=under_way(1200.0, "waits"))
    assert answer is not None
    assert "locks have kept" in answer.reasons[0]


def test_an_unknown_vendor_is_called_the_vendor() -> None:
    answer = vendor_call(case(), findings=(found("F006"),), migrating=None, causes=CATALOGUE)
    assert answer is not None
    assert (answer.name, answer.contact) == ("the vendor of the application", "")


# --- the ticket -------------------------------------------------------------------------------------------------------


def test_a_ticket_says_all_that_is_asked_for_first() -> None:
    seen = at(missing=(Missing(source="nodes", why="may not be read"),))
    answer = call(found("F006"), found("F060", because="F006"), migrating=under_way(60.0), seen=seen)
    assert answer is not None
    for expected in (
        "App: deployment app, namespace prod (kubernetes)",
        "Upgrade from 2.26.0 to 2.27.8",
        "F060 (90% sure, because of F006): F060 is so",
        "events: it was seen",
        "it migrates",
        "registry.example/app:v2.27.8",
        "PostgreSQL 18.6, primary, 12 of 100 connections",
        "3 replicas wanted, 3 there, 3 ready",
        "container app: memory limit 512 MiB, CPU limit 2 cores",
        "public.schema_migrations is at 12, clean",
        "nothing by Lockage",
        "nodes: may not be read",
        "locks stay",
        "in it, as you ask: the log",
        "`lockage bundle app -n prod`",
    ):
        assert expected in " ".join(answer.ticket.split()), expected
    assert max(map(len, answer.ticket.splitlines())) <= 76


def test_a_run_that_stands_on_the_object_is_what_was_tried_and_names_the_jump() -> None:
    made = plan_of(hop("1.0.0", "1.1.0", Strategy.ROLLING), hop("1.1.0", "2.0.0", Strategy.SCALE_TO_ONE))
    note = write_note(RunNote(id="20261122-a", plan_digest="c", hop=1, holder="ops@host", plan=made))
    seen = at(platform={"workload": workload(annotations={RUN_NOTE: note})})
    assert jump_of(seen.evidence) == ("1.1.0", "2.0.0")
    answer = call(found("F006"), seen=seen)
    assert answer is not None
    words = " ".join(answer.ticket.split())
    assert "run 20261122-a of Lockage, by ops@host: 1.0.0 → 1.1.0 → 2.0.0" in words
    assert "hop 2 of 2, 1.1.0 → 2.0.0, scale-to-one" in words


def test_a_note_that_cannot_be_read_keeps_no_ticket_back() -> None:
    seen = at(platform={"workload": workload(annotations={RUN_NOTE: "{"})})
    assert call(found("F006"), seen=seen) is not None


def test_without_platform_and_database_there_is_still_a_ticket() -> None:
    bare = at(
        platform={"workload": None, "replicas": None, "details": None, "revisions": None},
        database={"server": None, "ledger": None},
    )
    answer = call(found("F006"), seen=bare)
    assert answer is not None
    assert "No upgrade was seen" in answer.ticket
    assert "PostgreSQL: not seen" in answer.ticket


def test_a_ticket_of_two_hundred_replicas_is_read_in_a_minute() -> None:
    fleet = tuple(f"app-74d8c6f9b-{number:05}" for number in range(200))
    dead = ended(137, "OOMKilled")
    pods = [pod(name, ready=False, containers=(crashing(dead, restarts=n % 7 + 1),)) for n, name in enumerate(fleet[:150])]
    pods += [pod(name) for name in fleet[150:]]
    seen = at(
        platform={"details": tuple(pods), "versions": tuple(shown(name) for name in fleet)},
        missing=tuple(Missing(source=f"log of {name}", why="no answer within 3 s") for name in fleet),
    )
    findings = (*(found("F006", cause=f"pod {name} was killed") for name in fleet), found("F060"), found("F011"))
    answer = call(*findings, seen=seen)
    assert answer is not None
    words = " ".join(answer.ticket.split())
    assert "2.27.8, back-off, restarted, last ended with OOMKilled (137): 150, app-74d8c6f9b-00000, " in words
    assert "2.27.8, running, ready: 50, app-74d8c6f9b-00150, app-74d8c6f9b-00151 and 48 more" in words
    assert "restarts of one replica: 7 at most" in words
    assert "and 188 more, which the bundle has" in words
    assert "F060 (90% sure): F060 is so" in words
    assert "and 194 findings more: 194 times F006" in words
    assert answer.reasons == ("memory or CPU is short: pod app-74d8c6f9b-00000 was killed; and 199 more like it", "F060 is so")
    assert len(answer.ticket.splitlines()) < 120


def shown(name: str) -> VersionReading:
    """What a replica says of its version."""
    return VersionReading(source=VersionSource.BUILDINFO, where=name, version="2.27.8")


@pytest.mark.parametrize(
    "secret", ["password=hunter2", "postgresql://app:hunter2@db/app", "Authorization: Bearer hunter2hunter2"]
)
def test_no_text_of_a_call_shows_a_secret(secret: str) -> None:
    leak = found("F060", cause=f"said {secret}", evidence=(Exhibit(source=f"log {secret}", text=secret),))
    answer = call(leak, seen=at(missing=(Missing(source="x", why=secret),), platform={"details": (pod(),)}))
    assert answer is not None
    assert "hunter2" not in answer.ticket
    assert not any("hunter2" in reason for reason in answer.reasons)
