"""Healthy, whole and consistent: each source can say no on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from lockage.errors import HaltedError
from lockage.flows.verify import await_verified, soak, verify
from lockage.flows.world import World
from lockage.ports import Answer, Rollout
from support.fake_platform import FakePlatform, FakeService
from support.fake_world import Client, FakeWorld
from support.machine import a_world, seen_by_flows
from support.plans import FORMER


class Service(FakeService):
    """One that answers some paths in its own way."""

    def __init__(self, world: FakeWorld, answers: Mapping[str, Answer]) -> None:
        super().__init__(world)
        self.answers = answers

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        own = next((answer for path, answer in self.answers.items() if url.endswith(path)), None)
        return own or super().get(url, headers=headers, timeout_s=timeout_s)


def with_answers(fake: FakeWorld, **answers: Answer) -> World:
    return replace(seen_by_flows(fake), service=Service(fake, {f"/{path}": answer for path, answer in answers.items()}))


def wrong(world: World, **wanted: object) -> list[str]:
    return [check.text for check in verify(world, **wanted) if not check.ok]


def test_a_healthy_deployment_passes_every_check_on_every_replica() -> None:
    checks = verify(seen_by_flows(a_world()))
    assert all(check.ok for check in checks)
    assert [check.name for check in checks] == ["replicas", *["version"] * 6, *["health", "service"] * 3, "ledger"]


def test_health_is_not_service() -> None:
    checks = verify(with_answers(a_world(replicas=1), api=Answer(status=500, body="no such column")))
    assert {check.name: check.ok for check in checks} == {
        "replicas": True, "version": True, "health": True, "service": False, "ledger": True,
    }  # fmt: skip
    assert "/api answers 500, expected 200" in next(check.text for check in checks if not check.ok)


def test_an_answer_without_the_expected_words_is_no_service() -> None:
    fake = a_world(replicas=1)
    first = fake.profile.service.requests[0]
    service = msgspec.structs.replace(fake.profile.service, requests=(msgspec.structs.replace(first, contains="welcome"),))
    fake.profile = msgspec.structs.replace(fake.profile, service=service)
    assert [check.name for check in verify(seen_by_flows(fake)) if not check.ok] == ["service"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(status=200, body='{"version": "v1.1.0"}'), "buildinfo says 1.1.0"),
        (Answer(status=200, body="<html>"), "without the field 'version'"),
        (Answer(status=200, body='{"release": "v1.0.0"}'), "without the field 'version'"),
        (Answer(status=200, body='{"version": 1}'), "without the field 'version'"),
        (Answer(status=503, body='{"version": "v1.0.0"}'), "answers 503"),
        (Answer(status=0, body="", problem="connection refused"), "connection refused"),
    ],
)
def test_a_version_that_disagrees_or_cannot_be_read_is_said_with_its_replica(answer: Answer, says: str) -> None:
    fake = a_world(replicas=1)
    (name,) = (pod.name for pod in fake.pods)
    (text,) = wrong(with_answers(fake, buildinfo=answer))
    assert text.startswith(f"{name}: ")
    assert says in text


def test_without_a_version_page_the_image_decides() -> None:
    fake = a_world(replicas=1)
    version = msgspec.structs.replace(fake.profile.version, buildinfo_path=None)
    fake.profile = msgspec.structs.replace(fake.profile, version=version)
    assert wrong(with_answers(fake, buildinfo=Answer(status=404, body=""))) == []


def test_a_dirty_ledger_is_not_well_whatever_its_version() -> None:
    assert wrong(seen_by_flows(a_world(dirty=True))) == ["public.schema_migrations says 10 (dirty), expected 10"]


def test_another_migration_than_expected_is_said() -> None:
    assert wrong(seen_by_flows(a_world()), ledger=11) == ["public.schema_migrations says 10, expected 11"]


def test_a_ledger_that_is_being_changed_does_not_verify() -> None:
    fake = a_world()
    fake.clients.append(Client(pid=7, application_name="x", began_s=0, advisory_locks=(42,)))
    assert wrong(seen_by_flows(fake)) == ["public.schema_migrations says migrating, expected 10"]


def test_a_release_of_which_no_migration_is_known_does_not_verify() -> None:
    checks = verify(seen_by_flows(a_world()), release="9.9.9")
    assert "no expected migration known" in checks[-1].text


def test_replicas_of_another_release_are_named() -> None:
    fake = a_world(ledger=10)
    FakePlatform(fake).roll_out(Rollout(release="1.1.0", replicas=3, liveness=FORMER))
    fake.clock.sleep(0.5)
    said = wrong(seen_by_flows(fake))
    assert said[0].startswith("0 of 3 replicas of 1.1.0 ready; of another release: app-1-1, app-1-2, app-1-3")


def test_no_replica_at_all_is_not_well() -> None:
    assert "0 of 0 replicas" in wrong(seen_by_flows(a_world(replicas=0)))[0]


def test_verification_is_awaited_and_what_stays_wrong_is_said() -> None:
    fake = a_world(dirty=True)
    world = seen_by_flows(fake)
    with pytest.raises(HaltedError, match=r"2\.0\.0 does not verify after .*dirty") as halted:
        await_verified(world, release="2.0.0", ledger=20, limit_s=10.0, between=lambda: None)
    assert halted.value.code == "LK340"
    assert 10.0 <= fake.clock.monotonic() <= 11.0


def test_what_becomes_well_within_the_limit_is_well() -> None:
    fake = a_world(dirty=True)
    await_verified(
        seen_by_flows(fake),
        release="1.0.0",
        ledger=10,
        limit_s=10.0,
        between=lambda: setattr(fake, "dirty", fake.clock.monotonic() < 3.0),
    )
    assert 3.0 <= fake.clock.monotonic() <= 4.0


def test_soaking_lasts_its_time_and_halts_for_what_does_not_mend() -> None:
    fake = a_world()
    world = seen_by_flows(fake)
    soak(world, between=lambda: None)
    assert fake.clock.monotonic() == pytest.approx(world.settings.limits.soak_s)
    with pytest.raises(HaltedError, match=r"did not stay healthy: .*dirty") as halted:
        soak(world, between=lambda: setattr(fake, "dirty", True))
    assert halted.value.code == "LK343"


def test_soaking_begins_anew_after_what_mends_itself() -> None:
    fake = a_world(dirty=True)
    world = seen_by_flows(fake)
    soak(world, between=lambda: setattr(fake, "dirty", fake.clock.monotonic() < 10.0))
    assert fake.clock.monotonic() == pytest.approx(10.0 + world.settings.limits.soak_s, abs=1.1)
