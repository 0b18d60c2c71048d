"""Who stands in the way, and the least force against each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.blockers import Blocker, Remedy, Who, blockers_of, commits_by_itself, remedy, roots, yields_by_itself
from lockage.core.facts import Activity, OwnedSession, Replica, ReplicaPhase, Session
from lockage.core.plan.steps import OnBlocker, Strategy

BEGAN = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


def session(
    pid: int,
    *,
    blocked_by: tuple[int, ...] = (),
    state: str = "active",
    query: str = "SELECT 1",
    transaction_s: float | None = 12.0,
    statement_s: float = 3.0,
) -> Session:
    return Session(
        pid=pid,
        backend_start=BEGAN,
        user="app",
        database="app",
        application_name=f"app/{pid}",
        client_address="127.0.0.1",
        client_port=pid,
        state=state,
        wait_event_type="Lock" if blocked_by else None,
        wait_event=None,
        transaction_age_s=transaction_s,
        statement_age_s=statement_s,
        state_age_s=3.0,
        query=query,
        blocked_by=blocked_by,
    )


def activity(*sessions: Session) -> Activity:
    return Activity(at=BEGAN, sessions=sessions)


def test_the_chain_is_followed_through_victims_to_its_root() -> None:
    seen = activity(session(1, blocked_by=(2, 3)), session(2, blocked_by=(3,)), session(3, blocked_by=(4,)), session(4))
    assert roots(seen, 1) == (4,)


def test_a_prepared_transaction_is_a_root_of_its_own() -> None:
    assert roots(activity(session(1, blocked_by=(0,))), 1) == (0,)


def test_a_deadlock_has_no_root() -> None:
    assert roots(activity(session(1, blocked_by=(2,)), session(2, blocked_by=(1,))), 1) == ()


def test_a_blocker_that_has_just_gone_is_none() -> None:
    assert roots(activity(session(1, blocked_by=(9,))), 1) == ()


@given(st.dictionaries(st.integers(1, 12), st.lists(st.integers(0, 12), max_size=4), max_size=12), st.integers(1, 12))
def test_roots_wait_for_nobody_whatever_the_graph(graph: dict[int, list[int]], start: int) -> None:
    seen = activity(*(session(pid, blocked_by=tuple(others)) for pid, others in graph.items()))
    for root in roots(seen, start):
        assert root == 0 or not graph[root]


def test_a_statement_whose_transaction_began_with_it_commits_by_itself() -> None:
    assert commits_by_itself(session(1, transaction_s=3.0, statement_s=3.0))


@pytest.mark.parametrize(
    "doomed",
    [
        session(1, transaction_s=12.0, statement_s=3.0),
        session(1, transaction_s=3.0, statement_s=3.0, state="idle in transaction"),
        session(1, transaction_s=3.0, statement_s=3.0, blocked_by=(2,)),
        session(1, transaction_s=None, statement_s=3.0),
    ],
    ids=["its client opened the transaction", "it does nothing", "it waits", "its transaction cannot be seen"],
)
def test_what_only_a_client_could_commit_does_not_commit_by_itself(doomed: Session) -> None:
    assert not commits_by_itself(doomed)


@pytest.mark.parametrize(
    ("query", "yields"),
    [
        ("autovacuum: VACUUM ANALYZE public.t", True),
        ("autovacuum: VACUUM public.t (to prevent wraparound)", False),
        ("VACUUM t", False),
    ],
)
def test_only_an_ordinary_autovacuum_yields(query: str, yields: bool) -> None:
    assert yields_by_itself(session(1, query=query)) is yields


def test_a_blocker_is_named_as_people_need_it() -> None:
    replica = Replica(
        name="app-7f-x2",
        revision=1,
        image="app:1",
        release="1",
        phase=ReplicaPhase.RUNNING,
        ready=True,
        restarts=0,
        created_at=BEGAN,
        started_at=BEGAN,
    )
    seen = activity(session(1, blocked_by=(2,)), session(2, state="idle in transaction", query="SELECT\n  report"))
    (blocker,) = blockers_of(
        1,
        activity=seen,
        owned=[OwnedSession(session=s, replica="app-7f-x2" if s.pid == 2 else None, orphan=False) for s in seen.sessions],
        replicas=[replica],
        target="2",
    )
    assert blocker.sentence == (
        "old replica: replica app-7f-x2, pid 2, user app, application app/2, idle in transaction, "
        "transaction open 12 s, query: SELECT report"
    )


def _blocker(who: Who, state: str = "active") -> Blocker:
    return Blocker(who=who, session=None if who is Who.PREPARED else session(1, state=state))


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("on_blocker", list(OnBlocker))
def test_what_is_never_touched(strategy: Strategy, on_blocker: OnBlocker) -> None:
    for who in (Who.LOCKAGE, Who.WORKING_ORPHAN, Who.NEW_REPLICA, Who.PREPARED):
        stops = who is Who.PREPARED and on_blocker is OnBlocker.STOP
        expected = Remedy.STOP if stops else Remedy.WAIT  # to stop is to touch nothing, either
        assert remedy(_blocker(who), strategy=strategy, on_blocker=on_blocker, already_cancelled=True) is expected


@pytest.mark.parametrize(
    ("who", "state", "strategy", "on_blocker", "cancelled", "expected"),
    [
        (Who.DOOMED_ORPHAN, "active", Strategy.ROLLING, OnBlocker.WAIT, False, Remedy.TERMINATE),
        (Who.THIRD_PARTY, "active", Strategy.SCALE_TO_ZERO, OnBlocker.WAIT, False, Remedy.WAIT),
        (Who.THIRD_PARTY, "active", Strategy.SCALE_TO_ZERO, OnBlocker.TERMINATE, False, Remedy.TERMINATE),
        (Who.THIRD_PARTY, "active", Strategy.SCALE_TO_ZERO, OnBlocker.CANCEL, False, Remedy.CANCEL),
        (Who.THIRD_PARTY, "active", Strategy.SCALE_TO_ZERO, OnBlocker.CANCEL, True, Remedy.WAIT),
        (Who.THIRD_PARTY, "idle in transaction", Strategy.SCALE_TO_ZERO, OnBlocker.CANCEL, False, Remedy.WAIT),
        (Who.THIRD_PARTY, "active", Strategy.SCALE_TO_ZERO, OnBlocker.STOP, False, Remedy.STOP),
        (Who.DOOMED_ORPHAN, "active", Strategy.SCALE_TO_ZERO, OnBlocker.STOP, False, Remedy.TERMINATE),
        (Who.OLD_REPLICA, "active", Strategy.SCALE_TO_ONE, OnBlocker.WAIT, False, Remedy.CANCEL),
        (Who.OLD_REPLICA, "active", Strategy.SCALE_TO_ONE, OnBlocker.WAIT, True, Remedy.TERMINATE),
        (Who.OLD_REPLICA, "idle in transaction", Strategy.SCALE_TO_ONE, OnBlocker.WAIT, False, Remedy.TERMINATE),
        (Who.OLD_REPLICA, "active", Strategy.ROLLING, OnBlocker.TERMINATE, False, Remedy.WAIT),
    ],
)
def test_the_least_force_that_helps(  # the whole table in one place
    who: Who, state: str, strategy: Strategy, on_blocker: OnBlocker, cancelled: bool, expected: Remedy
) -> None:
    act = remedy(_blocker(who, state), strategy=strategy, on_blocker=on_blocker, already_cancelled=cancelled)
    assert act is expected
