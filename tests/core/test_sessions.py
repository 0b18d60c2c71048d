"""Whose session it is, and that nobody alive is ever called an orphan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Endpoint, Exit, OwnedSession, Replica, ReplicaPhase, Session
from lockage.core.sessions import UNSEEN, confirmed, owned_sessions, role_of_replicas

T = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
PATTERN = "towpath/{replica}"


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def session(
    name: str = "towpath/a", *, pid: int = 1, address: str | None = "10.0.0.1", port: int | None = 5000, begun: datetime = T
) -> Session:
    return Session(
        pid=pid,
        backend_start=begun,
        user="app",
        database="app",
        application_name=name,
        client_address=address,
        client_port=port,
        state="idle",
        wait_event_type=None,
        wait_event=None,
        transaction_age_s=None,
        statement_age_s=None,
        state_age_s=None,
        query="",
    )


def replica(
    name: str = "a",
    *endpoints: Endpoint,
    started: datetime | None = T,
    phase: ReplicaPhase = ReplicaPhase.RUNNING,
) -> Replica:
    return Replica(
        name=name,
        revision=1,
        image="towpath:1.0.0",
        release="1.0.0",
        phase=phase,
        ready=True,
        restarts=0,
        created_at=T,
        started_at=started,
        endpoints=endpoints,
    )


def judge(one: Session, *replicas: Replica, pattern: str = PATTERN, workload: str = "") -> OwnedSession:
    (found,) = owned_sessions([one], replicas, pattern=pattern, workload=workload)
    return found


# --- sockets: the local platform --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [-3600.0, -5.0, 0.0, 0.9, 5.0, 3600.0])
def test_a_database_whose_clock_is_off_makes_no_orphan_of_a_living_client_and_hides_no_dead_one(ahead_s: float) -> None:
    def judged(begun: float) -> bool:
        theirs = session(begun=at(begun + ahead_s), port=None)
        (found,) = owned_sessions([theirs], [replica("a", Endpoint(address="10.0.0.1"))], pattern=PATTERN, ahead_s=ahead_s)
        return found.orphan

    assert not judged(0.0)
    assert not judged(10.0)
    assert judged(-30.0)


def test_a_session_belongs_to_the_replica_whose_socket_it_is() -> None:
    found = judge(
        session(port=5000),
        replica("b", Endpoint(address="10.0.0.1", port=4999)),
        replica("a", Endpoint(address="10.0.0.1", port=5000)),
    )
    assert (found.replica, found.orphan) == ("a", False)


@pytest.mark.parametrize("spelling", ["10.0.0.1", "::ffff:10.0.0.1", "::FFFF:a00:1"])
def test_an_address_is_the_same_in_every_spelling(spelling: str) -> None:
    assert judge(session(), replica("a", Endpoint(address=spelling, port=5000))).replica == "a"


def test_a_session_of_the_same_name_on_a_socket_that_the_replica_does_not_have_is_an_orphan() -> None:
    found = judge(session(port=4000), replica("a", Endpoint(address="10.0.0.1", port=5000)))
    assert (found.replica, found.orphan) == (None, True)


def test_a_session_named_after_a_replica_that_is_gone_is_an_orphan() -> None:
    assert judge(session("towpath/gone"), replica("a", Endpoint(address="10.0.0.1", port=5001))).orphan


def test_a_replica_that_waits_to_be_started_again_does_not_own_what_its_dead_process_left() -> None:
    ended = replace(
        replica("a", started=None, phase=ReplicaPhase.BACK_OFF), last_exit=Exit(code=137, reason="Error", at=at(60))
    )
    assert judge(session(begun=at(5)), ended).orphan


@pytest.mark.parametrize("pattern", [PATTERN, "towpath/a"])
def test_what_began_after_all_that_is_known_of_a_replica_is_no_orphan(pattern: str) -> None:
    """The platform tells of a process a moment after it began, and of a deaf node's much later: it may migrate by then."""
    asked = replica("a", started=None, phase=ReplicaPhase.PENDING)
    assert not judge(session(begun=at(3)), asked, pattern=pattern).orphan
    ended = replace(asked, phase=ReplicaPhase.BACK_OFF, last_exit=Exit(code=1, reason="Error", at=at(60)))
    assert not judge(session(begun=at(61)), ended, pattern=pattern).orphan


def test_a_migration_lock_taken_after_a_replica_was_asked_for_may_be_that_replicas() -> None:
    theirs = replace(session("", begun=at(3)), advisory_locks=(42,))
    asked = replica("a", started=None, phase=ReplicaPhase.PENDING)
    (found,) = owned_sessions([theirs], [asked], pattern="", migration_lock=42)
    assert not found.orphan
    (found,) = owned_sessions([replace(theirs, backend_start=at(-30))], [asked], pattern="", migration_lock=42)
    assert found.orphan


def test_a_terminating_replica_still_owns_its_sessions() -> None:
    dying = replica("a", Endpoint(address="10.0.0.1", port=5000), phase=ReplicaPhase.TERMINATING)
    assert judge(session(), dying).replica == "a"


# --- addresses: pods --------------------------------------------------------------------------------------------------

POD = Endpoint(address="10.0.0.1")


def test_a_pod_owns_the_sessions_from_its_address_that_began_after_its_container() -> None:
    assert judge(session(begun=at(1)), replica("a", POD)).replica == "a"


def test_a_backend_older_than_the_restarted_container_is_an_orphan_though_name_and_address_agree() -> None:
    found = judge(session(begun=at(-30)), replica("a", POD))
    assert (found.replica, found.orphan) == (None, True)


def test_clocks_may_differ_a_little() -> None:
    assert judge(session(begun=at(-1.5)), replica("a", POD)).replica == "a"


def test_an_address_given_to_a_new_pod_does_not_bring_it_the_old_pods_sessions() -> None:
    found = judge(session("towpath/old", begun=at(5)), replica("new", POD))
    assert (found.replica, found.orphan) == (None, True)


def test_an_unnamed_session_from_a_pods_address_is_the_pods() -> None:
    assert judge(session("", begun=at(5)), replica("a", POD)).replica == "a"


def test_two_pods_behind_one_address_are_told_apart_by_the_name() -> None:
    pods = (replica("a", POD), replica("b", POD))
    assert judge(session("towpath/b", begun=at(5)), *pods).replica == "b"
    assert judge(session("", begun=at(5)), *pods).replica is None


def test_names_longer_than_postgresql_keeps_are_compared_as_it_cuts_them() -> None:
    long = "towpath-" + "x" * 60 + "-12345"
    shown = f"towpath/{long}"[:63]
    assert judge(session(shown, begun=at(5)), replica(long, POD)).replica == long
    assert judge(session(shown, begun=at(5))).orphan


# --- what is not visible ----------------------------------------------------------------------------------------------


def test_a_session_that_we_may_not_look_into_is_judged_by_its_name() -> None:
    hidden = session(address=None, port=None, begun=UNSEEN)
    assert judge(hidden, replica("a", POD)).replica == "a"
    assert judge(hidden, replica("b", POD)).orphan


def test_a_session_on_a_unix_socket_is_judged_by_its_name_and_its_time() -> None:
    assert judge(session(address=None, port=None, begun=at(1)), replica("a", POD)).replica == "a"
    assert judge(session(address=None, port=None, begun=at(-60)), replica("a", POD)).orphan


# --- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["psql", "", "towpath", "towpath/", "xtowpath/a", "pg_dump", "Towpath/a"])
def test_strangers_are_never_orphans(name: str) -> None:
    found = judge(session(name, address="10.9.9.9"), replica("a", POD))
    assert (found.replica, found.orphan, found.ours) == (None, False, False)


def test_a_bare_placeholder_makes_no_stranger_an_orphan() -> None:
    for workload in ("", "coder"):
        assert not judge(session("psql", address="10.9.9.9"), pattern="{replica}", workload=workload).orphan
    assert judge(session("coder-7f-x1", address="10.9.9.9"), pattern="{replica}", workload="coder").orphan
    assert judge(session("a", begun=at(1)), replica("a", POD), pattern="{replica}").replica == "a"


def test_a_pattern_that_names_no_replica_needs_an_address() -> None:
    assert judge(session("coder", begun=at(1)), replica("a", POD), pattern="coder").replica == "a"
    seen = (session("coder", begun=at(1)), session("coder", address="10.9.9.9", begun=at(1)))
    live, dead = owned_sessions(seen, [replica("a", POD)], pattern="coder")
    assert (live.orphan, dead.orphan) == (False, True)
    assert judge(session("coder", begun=at(-60)), replica("a", POD), pattern="coder").orphan
    assert not judge(session("coder", address=None), replica("a", POD), pattern="coder").orphan


# --- something between replicas and database hides their addresses -----------------------------------------------------

NODE = "192.168.0.7"


def test_a_pod_owns_the_sessions_of_its_name_from_whatever_address_they_come() -> None:
    assert judge(session("towpath/a", address=NODE, begun=at(1)), replica("a", POD)).replica == "a"
    assert judge(session("towpath/a", address=NODE, begun=at(-30)), replica("a", POD)).orphan
    assert judge(session("towpath/gone", address=NODE, begun=at(1)), replica("a", POD)).orphan


def test_where_no_pods_own_address_is_seen_an_unknown_address_makes_no_orphan() -> None:
    pods = [replica("a", POD), replica("b", Endpoint(address="10.0.0.2"))]
    seen = [session("coder", address=NODE, begun=at(1)), session("coder", address=NODE, begun=at(-30))]
    live, older_than_all = owned_sessions(seen, pods, pattern="coder")
    assert (live.replica, live.orphan) == (None, False)
    assert older_than_all.orphan


def test_where_no_replica_lives_every_session_of_the_application_is_an_orphan() -> None:
    assert judge(session("coder", address=NODE), pattern="coder").orphan


def test_a_session_that_may_be_one_of_two_replicas_is_no_orphan() -> None:
    found = judge(session("coder", begun=at(5)), replica("a", POD), replica("b", POD), pattern="coder")
    assert (found.replica, found.orphan) == (None, False)


# --- whoever holds a lock that only replicas take ------------------------------------------------------------------------

LOCK = 1037453835920848937


def holding(begun: datetime, *, address: str | None = NODE) -> Session:
    return replace(session("", address=address, begun=begun), advisory_locks=(LOCK,))


def test_a_holder_of_the_migration_lock_that_is_older_than_every_replica_has_a_dead_client() -> None:
    pods = [replica("a", POD), replica("b", Endpoint(address="10.0.0.2"))]
    for seen, orphan in ((holding(at(-30)), True), (holding(at(1)), False), (holding(UNSEEN), False)):
        for pattern in ("coder", "{replica}", "towpath/{replica}"):
            (found,) = owned_sessions([seen], pods, pattern=pattern, migration_lock=LOCK)
            assert (found.replica, found.orphan) == (None, orphan)
    (alone,) = owned_sessions([holding(at(1), address=None)], [], pattern="coder", migration_lock=LOCK)
    assert alone.orphan


def test_without_the_lock_or_where_others_may_hold_it_a_nameless_session_is_a_strangers() -> None:
    (other,) = owned_sessions(
        [session("", address=NODE, begun=at(-30))], [replica("a", POD)], pattern="coder", migration_lock=LOCK
    )
    (anybody,) = owned_sessions([holding(at(-30))], [replica("a", POD)], pattern="coder")
    assert (other.orphan, anybody.orphan) == (False, False)


def test_a_live_replica_keeps_its_migration() -> None:
    seen = replace(session("", address="10.0.0.1", port=6000, begun=at(1)), advisory_locks=(LOCK,))
    (found,) = owned_sessions([seen], [replica("a", POD)], pattern="coder", migration_lock=LOCK)
    assert (found.replica, found.orphan) == ("a", False)


def test_signs_of_regular_expressions_in_a_pattern_mean_themselves() -> None:
    assert judge(session("app(1).x", address="10.9.9.9"), pattern="app(1).{replica}").orphan
    assert not judge(session("app1yx", address="10.9.9.9"), pattern="app(1).{replica}").orphan


def test_ours_are_ours() -> None:
    found = judge(session("lockage/watch"), replica("a", POD), pattern="{replica}", workload="lockage")
    assert (found.ours, found.orphan, found.replica) == (True, False, None)


# --- two looks --------------------------------------------------------------------------------------------------------


def test_an_orphan_in_both_looks_is_one() -> None:
    look = (judge(session("towpath/gone")),)
    assert [o.orphan for o in confirmed(look, look)] == [True]


def test_a_session_seen_for_the_first_time_is_no_orphan_yet() -> None:
    assert [o.orphan for o in confirmed((), (judge(session("towpath/gone")),))] == [False]


def test_a_pid_that_belongs_to_another_backend_now_is_no_orphan_yet() -> None:
    first = (judge(session("towpath/gone", pid=7)),)
    second = (judge(session("towpath/gone", pid=7, begun=at(0.001))),)
    assert [o.orphan for o in confirmed(first, second)] == [False]


names = st.sampled_from(["a", "b", "c"])
ports = st.integers(min_value=5000, max_value=5006)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, float | None, float, str, int]]:
    """Connections as (client opens, client dies, backend ends, replica, port), no two alive on one port at a time."""
    found: list[tuple[float, float | None, float, str, int]] = []
    busy: dict[int, float] = {}
    for _ in range(draw(st.integers(min_value=0, max_value=8))):
        name, port = draw(names), draw(ports)
        if busy.get(port, 0.0) >= 100.0:
            continue
        opened = draw(st.floats(min_value=busy.get(port, 0.0), max_value=100.0))
        dies = draw(st.none() | st.floats(min_value=opened, max_value=100.0))
        ends = draw(st.floats(min_value=dies, max_value=101.0)) if dies is not None else 102.0
        found.append((opened, dies, ends, name, port))
        busy[port] = 100.0 if dies is None else max(dies, ends)
    return found


@given(history=histories(), moments=st.tuples(*[st.floats(min_value=0, max_value=100)] * 3))
def test_reading_replicas_between_two_looks_never_makes_a_live_client_an_orphan_nor_misses_a_dead_one(
    history: list[tuple[float, float | None, float, str, int]], moments: tuple[float, float, float]
) -> None:
    first, middle, last = sorted(moments)

    def sessions(now: float) -> list[Session]:
        return [
            session(f"towpath/{name}", pid=pid, port=port, begun=at(opened))
            for pid, (opened, _, ends, name, port) in enumerate(history)
            if opened <= now < ends
        ]

    def alive(number: int, now: float) -> bool:
        opened, dies, _, _, _ = history[number]
        return opened <= now and (dies is None or now < dies)

    replicas = [
        replica(
            name,
            # One connection of each replica is to somewhere else, so that its list of sockets is never empty.
            Endpoint(address="10.0.0.1", port=1),
            *(Endpoint(address="10.0.0.1", port=c[4]) for n, c in enumerate(history) if c[3] == name and alive(n, middle)),
        )
        for name in ("a", "b", "c")
    ]
    looks = [owned_sessions(sessions(now), replicas, pattern=PATTERN) for now in (first, last)]
    orphans = {o.session.pid for o in confirmed(looks[0], looks[1]) if o.orphan}
    there_throughout = {n for n, (opened, _, ends, _, _) in enumerate(history) if opened <= first and last < ends}
    assert orphans == {n for n in there_throughout if not alive(n, middle)}


@given(st.lists(st.builds(session, name=st.text(max_size=70), pid=st.integers(), address=st.none() | st.text(max_size=5))))
def test_every_session_is_given_back_once_and_is_at_most_one_thing(sessions: list[Session]) -> None:
    found = owned_sessions(sessions, [replica("a", POD), replica("b")], pattern=PATTERN)
    assert [o.session for o in found] == sessions
    assert all([o.replica is not None, o.orphan, o.ours].count(True) <= 1 for o in found)
    assert confirmed(found, found) == found
    assert confirmed((), found) == tuple(replace(o, orphan=False) for o in found)


# --- an application that nobody has described ---------------------------------------------------------------------------


def unnamed(one: Session, *replicas: Replica, role: str | None = "app") -> bool:
    (found,) = owned_sessions([one], replicas, pattern="", role=role)
    return found.orphan


HOLDS = replace(session("", begun=at(-60)), transaction_age_s=50.0)
"""Of a replica's address, in a transaction that began before its process."""


def test_the_session_of_a_replicas_predecessor_is_an_orphan_whatever_it_is_called() -> None:
    pod = replica("a", Endpoint(address="10.0.0.1"))
    assert unnamed(HOLDS, pod)
    assert unnamed(replace(HOLDS, transaction_age_s=None, advisory_locks=(7,)), pod)


@pytest.mark.parametrize(
    "other",
    [
        replace(HOLDS, transaction_age_s=None),  # holds nothing
        replace(HOLDS, user="exporter"),  # another program's
        replace(HOLDS, client_address="10.0.0.9"),  # of no replica
        replace(HOLDS, client_address=None),  # nobody knows
        replace(HOLDS, backend_start=at(1)),  # its own
        replace(HOLDS, application_name="lockage/watch"),  # ours
    ],
)
def test_no_other_session_is_taken_for_a_predecessors(other: Session) -> None:
    assert not unnamed(other, replica("a", Endpoint(address="10.0.0.1")))


def test_nothing_is_taken_for_a_predecessors_where_two_share_an_address_or_none_runs_or_names_are_known() -> None:
    here = Endpoint(address="10.0.0.1")
    assert not unnamed(HOLDS, replica("a", here), replica("b", here))
    assert not unnamed(HOLDS, replica("a", here, started=None))
    assert not unnamed(HOLDS, replica("a", here), role=None)


def test_the_role_of_replicas_is_the_commonest_of_those_that_are_called_so() -> None:
    ours = [session(pid=1), session(pid=2), replace(session(pid=3), user="admin")]
    others = [replace(session("psql", pid=number), user="dba") for number in range(9)]
    assert role_of_replicas([*ours, *others], pattern=PATTERN) == "app"
    assert role_of_replicas(others, pattern=PATTERN) is None
