"""The guard: what it says, whom it frees the way from, and when it gives up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from lockage.core.blockers import Blocker, Who
from lockage.core.facts import Activity, LedgerState, OwnedSession, Session
from lockage.core.plan import steps as s
from lockage.core.progress import MigrationText, Pace, Position
from lockage.core.run import RunEvent
from lockage.errors import HaltedError
from lockage.flows.guard import View, Watch, glimpse_of, guard
from lockage.ports import Database, Rollout
from support.fake_database import FakeDatabase
from support.fake_platform import FakePlatform
from support.fake_world import Client, FakeWorld
from support.machine import ALTER, PATIENT, a_world, seen_by_flows
from support.plans import FORMER, hop

SCRIPT = (
    MigrationText(version=11, name="small", text="ALTER TABLE t ADD a int"),
    MigrationText(version=12, name="large", text="UPDATE t SET a = 1"),
    MigrationText(version=21, name="of_a_later_release", text="DROP TABLE t"),
)

Paint = Callable[[Session, float], Session]


class PaintedDatabase(FakeDatabase):
    """A database whose migrating session looks as a test likes, by the seconds that passed."""

    def __init__(self, world: FakeWorld, paint: Paint) -> None:
        super().__init__(world)
        self._paint = paint

    def activity(self) -> Activity:
        seen = super().activity()
        key = self.world.profile.migrations.advisory_lock
        elapsed_s = self.world.clock.elapsed_s
        sessions = (self._paint(one, elapsed_s) if key in one.advisory_locks else one for one in seen.sessions)
        return replace(seen, sessions=tuple(sessions))


@dataclass(kw_only=True)
class Guarded:
    """A migration to 2.0.0 that has just been asked for, and its guard."""

    fake: FakeWorld
    strategy: s.Strategy = s.Strategy.SCALE_TO_ZERO
    database: Database | None = None
    on_blocker: s.OnBlocker = s.OnBlocker.WAIT
    limit_s: float = 60.0
    told: list[RunEvent] = field(default_factory=list[RunEvent])
    glimpses: list[str] = field(default_factory=list[str])

    def watch(self) -> Watch:
        platform = FakePlatform(self.fake)
        if self.strategy is s.Strategy.SCALE_TO_ZERO:
            platform.scale(0)
            self.fake.clock.sleep(1.0)
        platform.roll_out(Rollout(release="2.0.0", replicas=1, liveness=PATIENT))
        the_hop = hop("1.0.0", "2.0.0", self.strategy, liveness=FORMER, migrating=PATIENT)
        step = next(step for step in the_hop.steps if isinstance(step, s.GuardMigration))
        world = seen_by_flows(
            self.fake,
            self.told,
            database=self.database or FakeDatabase(self.fake),
            migrations=SCRIPT,
            glimpse=self.glimpses.append,
        )
        step = msgspec.structs.replace(step, limit_s=self.limit_s)
        return guard(world, the_hop, step, index=0, on_blocker=self.on_blocker)

    def said(self, words: str, kind: str = "saw") -> list[str]:
        return [event.text for event in self.told if event.kind == kind and words in event.text]


def long_migration(**changes: Any) -> FakeWorld:
    return a_world(migration_s={"2.0.0": 30.0}, **changes)


# --- what it says -----------------------------------------------------------------------------------------------------


def test_it_ends_when_the_ledger_is_there_and_a_target_replica_is_ready() -> None:
    guarded = Guarded(fake=a_world())
    watch = guarded.watch()
    assert guarded.fake.ledger == 20
    assert any(replica.ready for replica in FakePlatform(guarded.fake).replicas())
    assert watch.migration_s == pytest.approx(4.0, abs=0.5)


def test_a_dirty_ledger_is_no_arrival() -> None:
    guarded = Guarded(fake=a_world(dirty=True, ledger=20))
    with pytest.raises(HaltedError) as halted:
        guarded.watch()
    assert halted.value.code == "LK332"


def test_late_is_said_once_for_each_of_works_waits_and_hangs() -> None:
    fake = long_migration()

    def paint(session: Session, elapsed_s: float) -> Session:
        if 12 <= elapsed_s < 16:
            return replace(session, wait_event_type="Lock", wait_event="relation", blocked_by=(999,))
        if elapsed_s >= 16:
            return replace(session, state="idle in transaction", wait_event_type="Client")
        return session

    guarded = Guarded(fake=fake, database=PaintedDatabase(fake, paint))
    guarded.watch()
    late = guarded.said("late:")
    assert [text.rsplit(" ", 1)[-1] for text in late] == ["works", "waits", "hangs"]
    assert late[0].startswith("late: 6.")


def test_what_is_not_late_is_not_called_so() -> None:
    guarded = Guarded(fake=a_world())
    guarded.watch()
    assert guarded.said("late") == []


def test_each_migration_of_the_hop_is_said_once_with_its_number() -> None:
    fake = long_migration()

    def paint(session: Session, elapsed_s: float) -> Session:
        return replace(session, query=SCRIPT[0].text if elapsed_s < 10 else SCRIPT[1].text)

    guarded = Guarded(fake=fake, database=PaintedDatabase(fake, paint))
    guarded.watch()
    said = [text for text in guarded.said("migration ") if text.startswith("migration")]
    assert [text.split(",")[0] for text in said] == ["migration 1 of 2: 11_small", "migration 2 of 2: 12_large"]


def test_every_look_is_shown_in_one_line() -> None:
    guarded = Guarded(fake=long_migration())
    guarded.watch()
    assert guarded.glimpses
    assert all("\n" not in line and line for line in guarded.glimpses)
    assert guarded.glimpses[0].startswith("2.0.0 starts")
    assert any("migrating: 1 s, about 1 s left" in line for line in guarded.glimpses)
    assert any("longer than likely" in line for line in guarded.glimpses)


def test_a_glimpse_names_place_queue_and_blockers() -> None:
    fake = a_world()
    fake.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,), query="SELECT\n1"))
    fake.clock.sleep(5.0)
    (session,) = (one for one in FakeDatabase(fake).activity().sessions if one.pid == 9)
    view = View(
        migrator=OwnedSession(session=session, replica="x", orphan=False),
        position=Position(index=2, count=3, name="12_large"),
        pace=Pace.WAITS,
        blockers=(Blocker(who=Who.THIRD_PARTY, session=session), Blocker(who=Who.PREPARED, session=None)),
        queue=3,
        elapsed_s=9.0,
        left_s=4.0,
    )
    line = glimpse_of(view, "2.0.0")
    assert line == "migration 2 of 3, 12_large: 5 s, about 4 s left; 3 sessions wait behind it; waits for pid 9"
    assert "; 1 session waits behind it;" in glimpse_of(replace(view, queue=1), "2.0.0")


# --- whom it frees the way from ---------------------------------------------------------------------------------------


def of_the_old_replica(fake: FakeWorld, *, state: str = "active") -> Client:
    (pod,) = fake.pods
    return Client(
        pid=77, application_name=f"app/{pod.name}", began_s=0, locks=(ALTER,), state=state, port=pod.port, query="SELECT 1"
    )


@pytest.mark.parametrize("tries_again", [False, True])
def test_under_scale_to_one_the_old_replicas_session_is_cancelled_and_then_terminated(tries_again: bool) -> None:
    fake = a_world(replicas=1)
    fake.clients.append(replace(of_the_old_replica(fake), tries_again=tries_again))
    guarded = Guarded(fake=fake, strategy=s.Strategy.SCALE_TO_ONE)
    guarded.watch()
    assert [text.split(",")[0] for text in guarded.said("", kind="acted")] == [
        "cancel sent to old replica: replica app-1-1",
        "terminate sent to old replica: replica app-1-1",
    ]
    assert len(guarded.said("the migration waits for old replica")) == 1


def test_a_session_that_runs_nothing_is_terminated_at_once() -> None:
    fake = a_world(replicas=1)
    fake.clients.append(of_the_old_replica(fake, state="idle in transaction"))
    guarded = Guarded(fake=fake, strategy=s.Strategy.SCALE_TO_ONE)
    guarded.watch()
    assert [text.split()[0] for text in guarded.said("", kind="acted")] == ["terminate"]


def test_under_a_rolling_update_the_old_replica_is_only_named() -> None:
    fake = a_world(replicas=1)
    fake.clients.append(replace(of_the_old_replica(fake), commits_s=20.0))
    guarded = Guarded(fake=fake, strategy=s.Strategy.ROLLING)
    guarded.watch()
    assert guarded.said("", kind="acted") == []
    assert len(guarded.said("the migration waits for old replica")) == 1


@pytest.mark.parametrize(("policy", "acts"), [(s.OnBlocker.WAIT, 0), (s.OnBlocker.TERMINATE, 1)])
def test_with_a_third_party_it_does_what_the_policy_says(policy: s.OnBlocker, acts: int) -> None:
    fake = a_world()
    fake.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,), commits_s=20.0))
    guarded = Guarded(fake=fake, on_blocker=policy)
    guarded.watch()
    assert len(guarded.said("third party", kind="acted")) == acts


def test_with_stop_it_halts_at_once_and_names_the_blocker_and_harms_nobody() -> None:
    fake = a_world()
    fake.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,), commits_s=200.0))
    guarded = Guarded(fake=fake, on_blocker=s.OnBlocker.STOP)
    with pytest.raises(HaltedError) as halted:
        guarded.watch()
    assert halted.value.code == "LK593"
    assert "pid 9" in halted.value.message
    assert guarded.said("", kind="acted") == []
    assert fake.clock.elapsed_s < 10


def test_a_doomed_orphan_with_the_advisory_lock_is_terminated_though_it_looks_like_the_migration() -> None:
    fake = a_world()
    fake.clients.append(Client(pid=7, application_name="app/dead", began_s=0, advisory_locks=(42,)))
    guarded = Guarded(fake=fake)
    watch = guarded.watch()
    assert [text.split(":")[0] for text in guarded.said("", kind="acted")] == ["terminate sent to doomed orphan"]
    assert watch.migration_s == pytest.approx(4.0, abs=0.5), "the orphan's time is not the migration's"


# --- when it gives up -------------------------------------------------------------------------------------------------


def test_a_release_whose_process_keeps_ending_halts_with_its_last_words() -> None:
    with pytest.raises(HaltedError, match=r"of 2\.0\.0 ended 3 times by itself, last with exit code 7 \(Error\)") as halted:
        Guarded(fake=a_world(crashes={"2.0.0": 7})).watch()
    assert halted.value.code == "LK331"
    assert halted.value.hint is not None
    assert "2.0.0 begins | ends with 7" in halted.value.hint


def test_a_process_that_ended_once_may_try_again() -> None:
    fake = a_world(crashes={"2.0.0": 7})
    fake.clients.append(Client(pid=1, application_name="x", began_s=0, commits_s=5.0, on_commit=fake.crashes.clear))
    Guarded(fake=fake).watch()
    assert fake.ledger == 20


def test_past_its_limit_it_halts_and_leaves_the_migration_alone() -> None:
    fake = a_world(migration_s={"2.0.0": 100.0})
    guarded = Guarded(fake=fake, limit_s=20.0)
    with pytest.raises(HaltedError, match=r"migration to 2\.0\.0 is not done after 20 s; limit 20 s") as halted:
        guarded.watch()
    assert halted.value.code == "LK332"
    assert guarded.said("", kind="acted") == []
    fake.clock.sleep(100.0)
    reading = FakeDatabase(fake).ledger(fake.profile)
    assert (reading.state, reading.version) == (LedgerState.READ, 20)


@pytest.mark.parametrize("port", ["database", "platform"])
def test_while_it_sees_nothing_it_goes_on_until_it_sees_again(port: str) -> None:
    fake = long_migration()
    guarded = Guarded(fake=fake)
    fake.out_of_reach[port] = (5.0, 25.0)
    guarded.watch()
    assert fake.ledger == 20
    assert guarded.said("", kind="acted") == []


@pytest.mark.parametrize("port", ["database", "platform"])
def test_seeing_nothing_to_its_limit_it_halts(port: str) -> None:
    fake = long_migration()
    fake.out_of_reach[port] = (5.0, 500.0)
    with pytest.raises(HaltedError) as halted:
        Guarded(fake=fake).watch()
    assert halted.value.code == "LK332"


def test_a_probe_that_kills_the_migration_leaves_an_orphan_that_the_guard_removes() -> None:
    fake = a_world(migration_s={"2.0.0": 10.0})
    guarded = Guarded(fake=fake)
    strict = replace(PATIENT, failure_threshold=3)
    fake.clients.append(  # somebody puts a strict probe on the replica that migrates, and a patient one later
        Client(pid=1, application_name="x", began_s=0, commits_s=2.0, on_commit=lambda: _probe(fake, strict))
    )
    fake.clients.append(Client(pid=2, application_name="x", began_s=0, commits_s=8.0, on_commit=lambda: _probe(fake, PATIENT)))
    guarded.watch()
    assert len(guarded.said("terminate sent to doomed orphan", kind="acted")) == 1
    assert fake.ledger == 20
    assert [pod.restarts for pod in fake.pods] == [1]


def _probe(fake: FakeWorld, probe: Any) -> None:
    for pod in fake.pods:
        pod.liveness = probe


def test_a_release_that_never_begins_to_migrate_is_late_too() -> None:
    fake = a_world(crashes={"2.0.0": 1})
    guarded = Guarded(fake=fake)
    with pytest.raises(HaltedError):
        guarded.watch()
    assert any(text.endswith("no session migrates") for text in guarded.said("late:"))
