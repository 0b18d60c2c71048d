"""A survey says what it saw, and in one sentence each what it could not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lockage.core.facts import (
    DatabaseServer,
    Event,
    LedgerReading,
    LedgerState,
    Relation,
    Replica,
    Survey,
    VersionReading,
    VersionSource,
)
from lockage.core.release.profile import Profile, VersionProfile
from lockage.errors import RefusedError, UnreachableError
from lockage.flows.survey import agreed_release, survey
from lockage.ports import Answer, Database, Platform, Service
from lockage.settings import Settings
from support.app_profile import PROFILE
from support.fake_database import FakeDatabase
from support.fake_platform import FakePlatform, FakeService
from support.fake_world import Client, FakeWorld


def profile_with(version: VersionProfile) -> Profile:
    fields = {name: getattr(PROFILE, name) for name in PROFILE.__struct_fields__}
    return Profile(**{**fields, "version": version})


BOTH = profile_with(VersionProfile(buildinfo_path="/api/v2/buildinfo", command=("app", "version")))


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld(profile=BOTH, release="1.0.0", ledger=12)


def look(
    world: FakeWorld,
    *,
    platform: Platform | None = None,
    database: Database | None = None,
    service: Service | None = None,
) -> Survey:
    return survey(
        deployment="app",
        profile=world.profile,
        platform=platform or FakePlatform(world),
        database=database or FakeDatabase(world),
        service=service or FakeService(world),
        clock=world.clock,
        settings=Settings(),
    )


class Says(FakeService):
    """Each buildinfo answers so."""

    def __init__(self, world: FakeWorld, answer: Answer) -> None:
        super().__init__(world)
        self._answer = answer

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        return self._answer


def test_a_healthy_deployment_has_one_release_by_all_sources_and_no_problems(world: FakeWorld) -> None:
    found = look(world)
    assert found.release == "1.0.0"
    assert {(v.source, v.version) for v in found.versions} == {
        (VersionSource.IMAGE, "1.0.0"),
        (VersionSource.BUILDINFO, "1.0.0"),
        (VersionSource.COMMAND, "1.0.0"),
    }
    assert len(found.versions) == 3 * len(found.replicas) == 9
    assert found.problems == ()
    assert found.kill_budget_s == pytest.approx(21.0)
    assert (found.ledger.state, found.ledger.version) == (LedgerState.READ, 12)
    assert [o.replica for o in found.sessions] == [r.name for r in found.replicas]
    assert found.at == world.clock.now()


@pytest.mark.parametrize("shown", ["v1.0.0", "1.0.0", "1.0.0+abc", "v1.0.0-devel+0123abc", " 1.0.0 "])
def test_versions_agree_however_they_are_written(world: FakeWorld, shown: str) -> None:
    found = look(world, service=Says(world, Answer(status=200, body=f'{{"version": "{shown}"}}')))
    assert found.release == "1.0.0"


def test_sources_that_disagree_are_named(world: FakeWorld) -> None:
    found = look(world, service=Says(world, Answer(status=200, body='{"version": "v1.0.1"}')))
    assert found.release is None
    (problem,) = found.problems
    assert problem.startswith("The sources do not agree on the running version: 1.0.0 by command, 1.0.0 by image, 1.0.1 by")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(status=0, body="", problem="connection refused"), "connection refused"),
        (Answer(status=503, body=""), "answers 503"),
        (Answer(status=200, body="<html>"), "without the field 'version'"),
        (Answer(status=200, body="[1]"), "without the field 'version'"),
        (Answer(status=200, body='{"version": null}'), "without the field 'version'"),
        (Answer(status=200, body='{"version": "soon"}'), "'soon' is not a release version"),
    ],
)
def test_a_source_that_does_not_answer_is_a_problem_and_does_not_stop_the_survey(
    world: FakeWorld, answer: Answer, said: str
) -> None:
    found = look(world, service=Says(world, answer))
    assert found.release == "1.0.0", "the others agree"
    assert len(found.problems) == len(found.replicas)
    assert all(said in problem for problem in found.problems)


def test_what_the_platform_refuses_is_a_problem(world: FakeWorld) -> None:
    class Narrow(FakePlatform):
        def events(self) -> tuple[Event, ...]:
            raise RefusedError("events may not be listed", code="LK300")

        def command_version(self, replica: str) -> VersionReading:
            raise RefusedError("exec is not allowed", code="LK300")

    found = look(world, platform=Narrow(world))
    assert found.events == ()
    assert "events may not be listed." in found.problems
    assert sum("exec is not allowed" in problem for problem in found.problems) == len(found.replicas)


def test_what_the_database_does_not_show_is_a_problem(world: FakeWorld) -> None:
    class Narrow(FakeDatabase):
        def server(self) -> DatabaseServer:
            return replace(super().server(), user="watcher", can_see_others=False, can_signal=False)

        def relations(self) -> tuple[Relation, ...]:
            raise UnreachableError("reading the sizes of relations failed", code="LK132")

        def ledger(self, profile: Profile) -> LedgerReading:
            raise UnreachableError("reading the ledger failed", code="LK133")

    found = look(world, database=Narrow(world))
    assert found.ledger.state is LedgerState.UNREADABLE
    assert found.relations == ()
    text = " ".join(found.problems)
    assert "reading the sizes of relations failed." in text
    assert "reading the ledger failed." in text
    assert "neither state nor query nor address of 3 sessions of other roles: grant it pg_read_all_stats." in text
    assert "cannot end sessions of other roles: grant it pg_signal_backend." in text


def test_a_database_or_a_platform_out_of_reach_ends_the_survey(world: FakeWorld) -> None:
    class Down(FakeDatabase):
        def server(self) -> DatabaseServer:
            raise UnreachableError("no database answers", code="LK121")

    with pytest.raises(UnreachableError):
        look(world, database=Down(world))


def test_an_orphan_is_named_and_a_stranger_is_not(world: FakeWorld) -> None:
    world.clients += [
        Client(pid=91, application_name="app/app-gone", began_s=0.0, port=9991),
        Client(pid=92, application_name="psql", began_s=0.0, port=9992),
    ]
    found = look(world)
    assert {o.session.pid: o.orphan for o in found.sessions if o.replica is None} == {91: True, 92: False}


def test_a_connection_opened_between_the_looks_is_no_orphan(world: FakeWorld) -> None:
    class Busy(FakePlatform):
        def replicas(self) -> tuple[Replica, ...]:
            seen = super().replicas()
            client = Client(pid=91, application_name=f"app/{seen[0].name}", began_s=0.0, port=9991)
            self.world.clients.append(client)
            return seen

    found = look(world, platform=Busy(world))
    assert [o.orphan for o in found.sessions if o.session.pid == 91] == [False]


def test_no_source_at_all_agrees_on_nothing() -> None:
    assert agreed_release(()) is None
    unread = VersionReading(source=VersionSource.IMAGE, where="a", version=None, problem="?")
    assert agreed_release((unread,)) is None
