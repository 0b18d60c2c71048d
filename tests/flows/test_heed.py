"""A run asks again what its advisories ask for, and comes to its end where nobody knows the migrations."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from lockage.core.forecast.unseen import unseen
from lockage.core.plan import steps as s
from lockage.core.plan.advised import Answer
from lockage.core.release.profile import Profile
from lockage.errors import HaltedError, LockageError, RefusedError, UnreachableError, UsageError
from lockage.flows.propose import answered
from lockage.flows.recover import way_out
from lockage.flows.verify import verify
from support.dying import Death, Died
from support.fake_platform import nothing_left
from support.machine import Machine, a_world, calm_end, end_of, seen_by_flows, to_two
from support.plans import UNDO, app_profile

WHEN: tuple[Literal["before", "after"], ...] = ("before", "after")

QUESTION = "SELECT EXISTS (SELECT FROM quotas)"


def asking(*, expected: bool, sql: str = QUESTION) -> s.Plan:
    """The usual plan, with one condition of an advisory."""
    plan = to_two()
    condition = s.AdvisoryCondition(code="A-1", sql=sql, expected=expected, text="to be done by hand: stop the daemons")
    check = s.CheckAdvisories(conditions=(condition,), undo=UNDO, expected_s=1.0, limit_s=30.0)
    (hop,) = plan.hops
    first, *others = hop.steps
    return msgspec.structs.replace(plan, hops=(msgspec.structs.replace(hop, steps=(first, check, *others)),))


@pytest.mark.parametrize("expected", [True, False])
def test_a_condition_that_holds_lets_the_run_go_on(expected: bool) -> None:
    world = a_world(answers={QUESTION: expected})
    with nothing_left(world):
        assert Machine(world=world).upgrade(asking(expected=expected)).outcome == "healthy"


@pytest.mark.parametrize("expected", [True, False])
def test_a_condition_that_does_not_hold_is_refused_before_anything_is_changed(expected: bool) -> None:
    world = a_world(answers={QUESTION: not expected})
    with pytest.raises(RefusedError, match=r"before 2\.0\.0: to be done by hand: stop the daemons \(A-1\)") as refusal:
        Machine(world=world).upgrade(asking(expected=expected))
    assert refusal.value.code == "LK542"
    assert (world.changes, world.annotations, world.release) == ([], {}, "1.0.0")


def test_the_next_run_begins_anew_when_the_step_has_been_done() -> None:
    world = a_world(answers={QUESTION: False})
    machine = Machine(world=world)
    with pytest.raises(RefusedError):
        machine.upgrade(asking(expected=True))
    world.answers[QUESTION] = True
    assert machine.upgrade(asking(expected=True)).outcome == "healthy"


def test_a_query_that_gives_no_boolean_is_the_advisorys_fault_and_changes_nothing() -> None:
    answers: Any = {QUESTION: "t"}
    world = a_world(answers=answers)
    with pytest.raises(UsageError, match="the query of advisory A-1 gives 't': expected one row with one boolean") as refused:
        Machine(world=world).upgrade(asking(expected=True))
    assert refused.value.code == "LK543"
    assert (world.changes, world.annotations, world.release) == ([], {}, "1.0.0")


# --- asking while it is planned ------------------------------------------------------------------------------------------


def test_an_answer_that_cannot_be_had_says_why() -> None:
    def ask(sql: str) -> Any:
        match sql:
            case "yes":
                return ({"exists": True},)
            case "two":
                return ({"exists": True}, {"exists": True})
            case "text":
                return ({"exists": "t"},)
            case _:
                raise UnreachableError("the database did not answer", code="LK121")

    found = answered(("yes", "two", "text", "down"), ask, lambda _: None)
    silent = Answer(holds=None, problem="the query gives no single boolean")
    assert found == {
        "yes": Answer(holds=True),
        "two": silent,
        "text": silent,
        "down": Answer(holds=None, problem="the database did not answer"),
    }


# --- nobody knows the migrations -----------------------------------------------------------------------------------------


def silent() -> Profile:
    """The application's profile without its releases: the world knows them, Lockage does not."""
    migrations = msgspec.structs.replace(app_profile().migrations, releases={}, complete=False)
    return msgspec.structs.replace(app_profile(), migrations=migrations)


def blind(strategy: s.Strategy = s.Strategy.SCALE_TO_ZERO) -> s.Plan:
    """The usual plan, as it is made where nobody knows where 2.0.0 ends."""
    plan = to_two(strategy)
    (hop,) = plan.hops
    steps = tuple(
        msgspec.structs.replace(step, ledger=None, ledger_before=10) if isinstance(step, s.GuardMigration | s.Verify) else step
        for step in hop.steps
    )
    made = unseen(reason="which migrations lead from 1.0.0 to 2.0.0 is not known", typical_s=420.0)
    forecast = msgspec.structs.replace(hop.forecast, migrations=None, total_s=made.total_s)
    return msgspec.structs.replace(plan, hops=(msgspec.structs.replace(hop, steps=steps, forecast=forecast),))


@pytest.mark.parametrize("strategy", list(s.Strategy))
def test_a_run_ends_healthy_and_says_where_the_ledger_ended(strategy: s.Strategy) -> None:
    world = a_world()
    with nothing_left(world):
        report = Machine(world=world, profile=silent()).upgrade(blind(strategy))
    assert report.outcome == "healthy"
    assert (world.release, world.ledger, report.hops[0].ledger) == ("2.0.0", 20, 20)


def test_a_ledger_that_is_where_it_was_is_an_end_too() -> None:
    migrations = msgspec.structs.replace(app_profile().migrations, releases={"1.0.0": 10, "2.0.0": 10})
    world = a_world(profile=msgspec.structs.replace(app_profile(), migrations=migrations))
    report = Machine(world=world, profile=silent()).upgrade(blind())
    assert (report.outcome, report.hops[0].ledger) == ("healthy", 10)


def test_a_ledger_that_went_back_or_is_dirty_is_no_end() -> None:
    plan = blind()
    (hop,) = plan.hops
    beyond = tuple(
        msgspec.structs.replace(step, ledger_before=21) if isinstance(step, s.GuardMigration | s.Verify) else step
        for step in hop.steps
    )
    world = a_world()
    with pytest.raises(HaltedError) as halted:
        Machine(world=world, profile=silent()).upgrade(
            msgspec.structs.replace(plan, hops=(msgspec.structs.replace(hop, steps=beyond),))
        )
    assert halted.value.code == "LK332"
    with pytest.raises(LockageError):
        Machine(world=a_world(dirty=True), profile=silent()).upgrade(blind())


def test_killed_before_and_after_every_effect_it_ends_where_the_calm_run_ends() -> None:
    plan = blind()
    world, death = a_world(), Death()
    Machine(world=world, profile=silent()).upgrade(plan, death)
    calm, effects = end_of(world), death.count
    assert calm == calm_end(to_two())[0]
    for number in range(effects):
        for when in WHEN:
            world = a_world()
            machine = Machine(world=world, profile=silent())
            with pytest.raises(Died):
                machine.upgrade(plan, Death(at=number, when=when))
            machine.upgrade(plan)
            assert end_of(world) == calm, (number, when)


def test_what_is_verified_is_a_clean_ledger() -> None:
    world = a_world()
    checks = verify(seen_by_flows(world, profile=silent()))
    (ledger,) = [check for check in checks if check.name == "ledger"]
    assert ledger.ok
    assert ledger.text == "public.schema_migrations says 10; where this release ends is not known"
    world.dirty = True
    assert not verify(seen_by_flows(world, profile=silent()))[-1].ok


def test_a_stopped_run_is_taken_back_or_finished_by_where_the_ledger_stands() -> None:
    world = a_world()
    machine = Machine(world=world, profile=silent())
    with pytest.raises(Died):
        machine.upgrade(blind(), Death(at=0, of="scale", when="after"))
    seen = seen_by_flows(world, profile=silent())
    assert way_out(seen).direction == "back"
    world.ledger = 20
    assert way_out(seen).direction == "forward"
