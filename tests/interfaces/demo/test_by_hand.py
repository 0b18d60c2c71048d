"""The vendor's guide by a script: its order, its remedies, and that nothing is lost by hesitating."""

from __future__ import annotations

from typing import Any

import pytest

from lockage.interfaces.demo.by_hand import HAND_LIMIT_S, PASTE_S, READ_S, perform_by_hand
from lockage.interfaces.demo.performance import LOOK_S, Interval
from lockage.ports import Rollout
from support.fake_world import Client, FakeWorld
from support.machine import a_world, seen_by_flows
from support.plans import FORMER

UNPROBED = Rollout(release="2.0.0", replicas=3, liveness=None)
AS_EVER = ("roll out", Rollout(release="2.0.0", replicas=3, liveness=FORMER))


def performed(fake: FakeWorld) -> tuple[str, Interval, str | None, list[str]]:
    said: list[str] = []
    outcome, interval, cause = perform_by_hand(seen_by_flows(fake), target="2.0.0", say=said.append)
    return outcome, interval, cause, said


def killed_in_its_migration(**changes: Any) -> FakeWorld:
    """A migration that is three times as long as the liveness probe allows."""
    return a_world(migration_s={"2.0.0": 3 * FORMER.kill_budget_s}, **changes)


def test_without_a_kill_it_is_scaled_to_zero_upgraded_and_done() -> None:
    fake = a_world(migration_s={"2.0.0": 1.0})
    outcome, interval, cause, _ = performed(fake)
    assert (outcome, cause, interval.restarts) == ("healthy", None, 0)
    assert fake.changes == [("scale", 0), AS_EVER]
    assert interval.ended_s - interval.began_s < 15


def test_all_replicas_come_back_at_once_with_the_probe_of_the_chart() -> None:
    fake = killed_in_its_migration()
    performed(fake)
    assert fake.changes[1] == AS_EVER


def test_a_kill_loop_is_cured_as_the_guide_says_and_in_its_order() -> None:
    fake = killed_in_its_migration()
    outcome, interval, cause, said = performed(fake)
    assert outcome == "healthy"
    assert interval.restarts >= 1
    assert cause is not None
    assert "was killed by its liveness probe" in cause
    assert fake.changes[2:] == [("roll out", UNPROBED), ("scale", 0), ("scale", 1), ("scale", 3)]
    order = [
        "remove the liveness probe",
        "scale to zero once more",
        "terminate every",
        "read public",
        "scale to one",
        "scale back",
    ]
    places = [next(i for i, line in enumerate(said) if words in line) for words in order]
    assert places == sorted(places)
    assert fake.ledger == 20


def test_every_connection_is_terminated_innocent_ones_too() -> None:
    fake = killed_in_its_migration()
    fake.clients.append(Client(pid=9, application_name="psql", began_s=0))
    _, _, cause, _ = performed(fake)
    assert fake.clients == []
    assert cause is not None
    assert "2 connections were terminated" in cause  # the killed migrator's backend, and somebody's psql


def test_nobody_can_say_that_the_script_dawdles() -> None:
    assert PASTE_S <= 2.0
    assert READ_S <= 5.0


def test_the_pauses_are_those_that_are_printed_and_no_others() -> None:
    fake = killed_in_its_migration()
    _, interval, _, _ = performed(fake)
    waits_s = FORMER.kill_budget_s + 3 * FORMER.kill_budget_s + 3 * 1.0  # killed, migrated, and each wait's boot
    pauses_s = 5 * PASTE_S + 2 * READ_S
    assert interval.ended_s - interval.began_s < waits_s + pauses_s + 12 * LOOK_S


def test_what_never_comes_up_is_an_outage_at_the_guides_own_limit() -> None:
    outcome, interval, cause, _ = performed(a_world(deaf={"2.0.0"}))
    assert outcome == "outage"
    assert interval.ended_s - interval.began_s == pytest.approx(HAND_LIMIT_S, abs=10)
    assert cause == "not done after 900 s"
