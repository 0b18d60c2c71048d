"""From evidence to a diagnosis: what is said where rules speak, where they are silent, and where little was seen."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.diagnosis.chain import tied
from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Case, Cause, Diagnosis, Exhibit, Finding, Rule
from lockage.core.diagnosis.rules import RULES
from lockage.core.diagnosis.sources import SOURCES, seen
from lockage.core.progress import MigrationText
from lockage.core.release.profile import VendorProfile
from lockage.interfaces.causes import causes
from support.cases import (
    ago,
    blind,
    case,
    container,
    crashing,
    ended,
    names,
    old_pod,
    pod,
    running,
    waiting,
    with_profile,
    workload,
)

CATALOGUE = causes()


def cause(*because_of: str, shows_in: tuple[str, ...] = ("platform.events",), **more: object) -> Cause:
    """An entry of a catalogue."""
    texts = {"title": "something", "symptom": "it shows", "why": "so", "remedy": "do", "prevention": "avoid"}
    return Cause(**{"family": "x", **texts, "because_of": because_of, "shows_in": shows_in, **more})  # type: ignore[arg-type]


def finding(code: str, *, sure: float = 0.9, about: tuple[str, ...] = (), **more: object) -> Finding:
    """A finding of a rule."""
    texts = {"cause": f"{code} is so", "why": "seen", "evidence": (Exhibit(source="events", text="x"),), "next": "lockage x"}
    return Finding(code=code, confidence=sure, about=about, **{**texts, **more})  # type: ignore[arg-type]


def gives(*findings: Finding) -> Rule:
    """A rule that always finds this."""

    def rule(_: Case) -> Iterator[Finding]:
        yield from findings

    return rule


def codes(diagnosis: Diagnosis) -> list[str]:
    return [one.code for one in diagnosis.findings]


# --- all well -----------------------------------------------------------------------------------------------------------


def test_a_healthy_deployment_is_healthy_and_nothing_is_found() -> None:
    diagnosis = diagnose(case(), causes=CATALOGUE, rules=RULES)
    assert diagnosis.healthy
    assert diagnosis.findings == ()
    assert diagnosis.missing == ()
    assert not diagnosis.call_vendor


def test_a_harmless_finding_leaves_a_deployment_healthy() -> None:
    diagnosis = diagnose(case(), causes={"F055": cause()}, rules=[gives(finding("F055", harmless=True))])
    assert diagnosis.healthy
    assert codes(diagnosis) == ["F055"]


def test_a_restart_of_long_ago_is_no_trouble() -> None:
    details = tuple(pod(name, containers=(container(restarts=3, last=ended(137, at=86_400.0)),)) for name in names())
    assert diagnose(case(platform={"details": details}), causes=CATALOGUE, rules=()).healthy


@pytest.mark.parametrize("source", ["platform.workload", "platform.replicas", "database.server", "database.ledger"])
def test_without_something_essential_nothing_is_called_healthy(source: str) -> None:
    unseen = blind(case(missing=(Missing(source=source, why="no answer within 3 s"),)), source)
    diagnosis = diagnose(unseen, causes=CATALOGUE, rules=())
    assert not diagnosis.healthy
    assert codes(diagnosis) == ["F086"]
    assert "no answer within 3 s" in diagnosis.findings[0].evidence[0].text


def test_an_unknown_application_needs_no_ledger_to_be_healthy() -> None:
    assert diagnose(blind(case(known=False), "database.ledger"), causes=CATALOGUE, rules=()).healthy


# --- a rollout that moves ---------------------------------------------------------------------------------------------


def test_replicas_that_have_only_just_started_are_no_trouble_and_not_yet_health() -> None:
    young = tuple(
        pod(name, ready=False, created_at=ago(12), containers=(container(ready=False, state=running(for_s=10)),))
        for name in names()
    )
    diagnosis = diagnose(case(platform={"details": young}), causes=CATALOGUE, rules=())
    assert not diagnosis.healthy
    assert codes(diagnosis) == ["F087"]
    assert all(one.harmless for one in diagnosis.findings)
    assert not diagnosis.call_vendor


def test_a_rolling_update_that_moves_is_no_trouble() -> None:
    new = pod(names()[0], ready=False, created_at=ago(12), containers=(container(ready=False, state=running(for_s=10)),))
    old = tuple(old_pod(name) for name in names(of="app-5f9d6c7b8"))
    diagnosis = diagnose(case(platform={"details": (new, *old)}), causes=CATALOGUE, rules=())
    assert codes(diagnosis) == ["F087"]


def test_replicas_that_end_in_their_grace_period_are_no_trouble() -> None:
    ending = tuple(old_pod(name, deleted_at=ago(-20)) for name in names(of="app-5f9d6c7b8"))
    up = tuple(pod(name) for name in names())
    assert diagnose(case(platform={"details": (*up, *ending)}), causes=CATALOGUE, rules=()).healthy


# --- no rule matches ----------------------------------------------------------------------------------------------------


def never_ready(name: str = names()[0]) -> object:
    return pod(name, ready=False, created_at=ago(900), containers=(container(ready=False, state=running(for_s=890)),))


def test_where_no_rule_matches_it_is_said_with_what_is_ruled_out_the_vendor_and_the_bundle() -> None:
    stuck = case(platform={"details": (never_ready(), pod(names()[1]), pod(names()[2]))})
    diagnosis = diagnose(stuck, causes={**CATALOGUE, "F001": cause(), "F007": cause(shows_in=("platform.nodes",))}, rules=())
    assert codes(diagnosis) == ["F000"]
    assert names()[0] in diagnosis.findings[0].cause
    assert diagnosis.findings[0].next == "lockage bundle app -n prod"
    assert {"F001", "F007"} <= {one.code for one in diagnosis.ruled_out}
    assert diagnosis.call_vendor
    assert diagnosis.vendor is not None
    assert diagnosis.vendor.bundle == "lockage bundle app -n prod"


def test_a_rollout_that_does_not_go_on_is_not_silence() -> None:
    old = tuple(old_pod(name) for name in names(of="app-5f9d6c7b8"))
    diagnosis = diagnose(case(platform={"details": old}), causes=CATALOGUE, rules=())
    assert codes(diagnosis) == ["F000"]
    assert "rollout is not finished" in diagnosis.findings[0].cause


def test_replicas_that_are_wanted_and_not_there_are_not_silence() -> None:
    diagnosis = diagnose(case(platform={"details": (pod(),)}), causes=CATALOGUE, rules=())
    assert codes(diagnosis) == ["F000"]
    assert "3 replicas wanted, 1 there" in diagnosis.findings[0].cause


def test_restarts_again_and_again_are_not_silence_though_all_are_ready_now() -> None:
    details = tuple(pod(name, containers=(container(restarts=5, last=ended(1, at=50.0)),)) for name in names())
    diagnosis = diagnose(case(platform={"details": details}), causes=CATALOGUE, rules=())
    assert codes(diagnosis) == ["F000"]
    assert "restarted 5 times" in diagnosis.findings[0].cause


def test_what_a_rule_explains_is_not_called_unexplained() -> None:
    stuck = case(platform={"details": (never_ready(), pod(names()[1]), pod(names()[2]))})
    diagnosis = diagnose(stuck, causes={"F004": cause()}, rules=[gives(finding("F004"))])
    assert codes(diagnosis) == ["F004"]
    assert not diagnosis.healthy


def test_a_migration_that_works_explains_that_its_replica_is_not_ready() -> None:
    stuck = case(platform={"details": (never_ready(), pod(names()[1]), pod(names()[2]))})
    diagnosis = diagnose(stuck, causes={"F055": cause()}, rules=[gives(finding("F055", harmless=True))])
    assert codes(diagnosis) == ["F055"]
    assert not diagnosis.healthy
    assert not diagnosis.call_vendor


# --- ruled out ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_cause_is_ruled_out_only_where_its_source_was_seen(source: str) -> None:
    whole = case(script=(MigrationText(version=12, name="x", text="SELECT 1"),))
    lost = blind(whole, source) if "." in source and not source.startswith("profile") else whole
    for one in (whole, lost):
        diagnosis = diagnose(one, causes={"F099": cause(shows_in=(source,))}, rules=())
        assert (diagnosis.ruled_out != ()) is seen(one, source)
        assert all(SOURCES[source] in out.why for out in diagnosis.ruled_out)


def test_part_of_the_logs_rules_nothing_out() -> None:
    part = case(missing=(Missing(source="logs of pod x", why="too slow"),))
    assert diagnose(part, causes={"F010": cause(shows_in=("platform.logs",))}, rules=()).ruled_out == ()


def test_what_is_found_is_not_ruled_out() -> None:
    diagnosis = diagnose(case(), causes={"F004": cause()}, rules=[gives(finding("F004"))])
    assert diagnosis.ruled_out == ()


def test_what_another_finding_rules_out_goes_and_is_named_with_it() -> None:
    rules = [gives(finding("F010", sure=1.0)), gives(finding("F019", rules_out=("F010",)))]
    diagnosis = diagnose(case(), causes={"F010": cause(), "F019": cause()}, rules=rules)
    assert codes(diagnosis) == ["F019"]
    assert [(out.code, "F019 is so" in out.why) for out in diagnosis.ruled_out] == [("F010", True)]


def test_a_finding_of_one_replica_rules_out_nothing_of_another() -> None:
    rules = [gives(finding("F003", about=("pod a",)), finding("F001", about=("pod b",), rules_out=("F003",)))]
    assert set(codes(diagnose(case(), causes={}, rules=rules))) == {"F001", "F003"}


def test_a_rule_that_fails_is_named_and_silences_no_other() -> None:
    def broken(_: Case) -> Iterator[Finding]:
        yield finding("F001")
        raise KeyError("x")

    diagnosis = diagnose(case(), causes={"F004": cause(), "F005": cause()}, rules=[broken, gives(finding("F004"))])
    assert "F004" in codes(diagnosis)
    assert [one.source for one in diagnosis.missing] == ["rule test_diagnose.broken"]
    assert diagnosis.ruled_out == (), "it might have found any of them"


# --- the chain ------------------------------------------------------------------------------------------------------------


def test_an_effect_follows_from_the_likeliest_cause_that_speaks_of_the_same_thing() -> None:
    catalogue = {"F011": cause("F010", "F001"), "F001": cause(), "F010": cause()}
    found = [
        finding("F011", sure=1.0, about=("pod a",)),
        finding("F010", about=("pod b",)),
        finding("F001", sure=0.6, about=("pod a",)),
    ]
    ordered, _ = tied(found, catalogue)
    assert [(one.code, one.because, one.confidence) for one in ordered] == [
        ("F010", None, 0.9),
        ("F001", None, 0.6),
        ("F011", "F001", 1.0),
    ]


def test_the_harmless_comes_last() -> None:
    ordered, _ = tied([finding("F042", sure=1.0, harmless=True), finding("F040", sure=0.4)], {})
    assert [one.code for one in ordered] == ["F040", "F042"]


def test_of_the_same_finding_twice_the_surer_stays() -> None:
    ordered, _ = tied([finding("F001", sure=0.5, about=("a", "b")), finding("F001", sure=0.8, about=("b", "a"))], {})
    assert [one.confidence for one in ordered] == [0.8]


CODES = tuple(f"F{number:03}" for number in range(1, 9))


@st.composite
def tangles(draw: st.DrawFn) -> tuple[list[Finding], dict[str, Cause]]:
    """Findings of a few codes about a few things, and a catalogue that ties them at random, in circles too."""
    catalogue = {code: cause(*draw(st.lists(st.sampled_from(CODES), unique=True))) for code in CODES}
    things = st.lists(st.sampled_from(["pod a", "pod b", "backend 1"]), unique=True).map(tuple)
    found = [
        finding(
            code,
            sure=draw(st.sampled_from([0.3, 0.6, 0.9])),
            about=draw(things),
            harmless=draw(st.booleans()),
            rules_out=tuple(draw(st.lists(st.sampled_from(CODES), max_size=1))),
        )
        for code in draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=8))
    ]
    return found, catalogue


@given(tangles())
def test_however_causes_are_tied_no_finding_follows_from_itself(tangle: tuple[list[Finding], dict[str, Cause]]) -> None:
    found, catalogue = tangle
    ordered, _excluded = tied(found, catalogue)
    follows = {(one.code, one.because) for one in ordered if one.because}
    for start in CODES:
        reached, edge = set[str](), [start]
        while edge:
            code = edge.pop()
            for effect, because in follows:
                if effect == code and because not in reached:
                    reached.add(because)
                    edge.append(because)
        assert start not in reached
    present = {one.code for one in ordered}
    assert all(one.because in present for one in ordered if one.because)
    assert [one.harmless for one in ordered] == sorted(one.harmless for one in ordered)


@given(tangles(), st.randoms(use_true_random=False))
def test_the_order_in_which_rules_speak_changes_nothing(
    tangle: tuple[list[Finding], dict[str, Cause]], dice: random.Random
) -> None:
    found, catalogue = tangle
    shuffled = found.copy()
    dice.shuffle(shuffled)
    assert tied(found, catalogue) == tied(shuffled, catalogue)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_evidence_changes_nothing(dice: random.Random) -> None:
    details = [never_ready(), pod(names()[1], containers=(crashing(ended(1)),), ready=False), pod(names()[2])]
    shuffled = details.copy()
    dice.shuffle(shuffled)
    one = diagnose(case(platform={"details": tuple(details)}), causes=CATALOGUE, rules=RULES)
    other = diagnose(case(platform={"details": tuple(shuffled)}), causes=CATALOGUE, rules=tuple(reversed(RULES)))
    assert (one.findings, one.ruled_out, one.healthy) == (other.findings, other.ruled_out, other.healthy)


# --- the vendor -----------------------------------------------------------------------------------------------------------


def vendors(**criteria: object) -> object:
    return with_profile(vendor=VendorProfile(name="Acme", contact="https://acme.example/support", **criteria))  # type: ignore[arg-type]


def test_a_want_of_memory_is_a_reason_to_call_by_every_vendors_criteria() -> None:
    seen_ = case(profile=vendors(call_when=("it is killed for want of memory",), send=("the log",)))  # type: ignore[arg-type]
    diagnosis = diagnose(seen_, causes={"F006": cause()}, rules=[gives(finding("F006"))])
    assert diagnosis.vendor is not None
    assert diagnosis.vendor.name == "Acme"
    assert "it is killed for want of memory" in diagnosis.vendor.ticket
    assert "the log" in diagnosis.vendor.ticket
    assert "memory limit 512 MiB" in diagnosis.vendor.ticket


def test_a_cause_that_one_can_clear_oneself_is_no_reason_to_call() -> None:
    assert not diagnose(case(), causes={"F040": cause(family="waiting")}, rules=[gives(finding("F040"))]).call_vendor


def test_an_unsure_finding_is_no_reason_to_call() -> None:
    assert not diagnose(case(), causes={"F006": cause()}, rules=[gives(finding("F006", sure=0.4))]).call_vendor


def test_a_ticket_names_the_jump_the_versions_and_what_was_found_and_shows_no_secret() -> None:
    leak = finding("F006", cause="killed with password=hunter2 in postgresql://app:hunter2@db/app")
    diagnosis = diagnose(case(), causes={"F006": cause()}, rules=[gives(leak)])
    assert diagnosis.vendor is not None
    ticket = diagnosis.vendor.ticket
    for expected in (
        "from 2.26.0 to 2.27.8",
        "PostgreSQL 18.6",
        "F006",
        "public.schema_migrations is at 12, clean",
        "namespace prod",
    ):
        assert expected in ticket
    assert "hunter2" not in ticket
    assert not any("hunter2" in reason for reason in diagnosis.vendor.reasons)
    assert max(map(len, ticket.splitlines())) <= 78


def test_a_ticket_shows_a_statement_without_the_values_in_it() -> None:
    waits = finding("F006", cause="waits for pid 7: UPDATE users SET name = 'Ada L.' WHERE mail LIKE 'ada%'")
    diagnosis = diagnose(case(), causes={"F006": cause()}, rules=[gives(waits)])
    assert diagnosis.vendor is not None
    assert "UPDATE users SET name = '***'" in diagnosis.vendor.ticket
    assert "ada" not in diagnosis.vendor.ticket.lower()


def test_the_replicas_of_an_upgrade_that_waits_for_its_image_are_not_called_starting() -> None:
    pulling = pod(created_at=ago(400), ready=False, containers=(container(state=waiting(), ready=False),))
    diagnosis = diagnose(case(platform={"details": (pulling,), "workload": workload(replicas=1)}), causes=CATALOGUE, rules=())
    assert codes(diagnosis) == ["F000"]
