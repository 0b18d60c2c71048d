"""Lockage killed for real: real processes, a real PostgreSQL, SIGKILL at an effect, and the real command again.

Every effect is swept over the simulated world (``tests/flows/test_carry_out.py``); here is a fixed sample of them.
"""

from __future__ import annotations

import signal

import pytest

from support.on_stage import OnStage, ended_well

pytestmark = [pytest.mark.real, pytest.mark.slow]

SAMPLE = [
    ("after", "annotate", 0),  # the note stands, and nothing else is changed
    ("after", "roll_out", 0),  # the hop to 2.26.6, rolling, is under way
    ("after", "scale", 0),  # nobody serves
    ("before", "append ended -1", 0),  # all is done, and nobody knows
]
"""When, which effect, and which of that name from 0."""

ONE_AFTER_THE_OTHER = [
    ("before", "append run -1"),
    ("after", "append run -1"),  # a journal without a plan
    ("after", "hold_lease"),
    ("after", "hold_fence"),
    ("before", "annotate"),
    ("after", "annotate"),
    ("before", "roll_out"),
    ("after", "roll_out"),
    ("before", "append step-done 0 raise-replicas"),
    ("before", "append plan 1"),  # at 2.26.6, planned anew, and nobody knows
    ("after", "annotate"),
    ("before", "scale"),
    ("after", "scale"),
    ("before", "roll_out"),
    ("after", "roll_out"),  # 2.27.8 migrates
    ("before", "roll_out"),  # one replica serves
    ("after", "roll_out"),
    ("before", "annotate"),
    ("after", "annotate"),  # our notes are gone, the lease is not
    ("before", "drop_lease"),
    ("after", "drop_lease"),
]
"""When and which effect, the first of that name in its process: every kind of effect, and both hops."""


@pytest.mark.parametrize(("when", "effect", "number"), SAMPLE)
def test_killed_at_an_effect_the_same_command_again_ends_as_a_calm_run(
    on_stage: OnStage, when: str, effect: str, number: int
) -> None:
    on_stage.put_back()
    killed = on_stage.driver(target="2.27.8", when=when, effect=effect, number=number)
    assert killed.code == -signal.SIGKILL, killed.err
    again = on_stage.go_on()
    assert again.code == 0, again.err
    assert on_stage.end() == ended_well()
    on_stage.assert_served()
    assert on_stage.lockage("verify", "demo").code == 0


@pytest.mark.timeout(400)
def test_killed_again_and_again_at_one_effect_after_the_other_it_ends_as_a_calm_run(on_stage: OnStage) -> None:
    on_stage.put_back()
    with on_stage.an_orphan():
        killed = on_stage.driver(target="2.27.8", when="after", effect="terminate")  # before there is a plan
        assert killed.code == -signal.SIGKILL, killed.err
    for when, effect in ONE_AFTER_THE_OTHER:
        killed = on_stage.driver(target="2.27.8", when=when, effect=effect)
        assert killed.code == -signal.SIGKILL, f"{when} {effect}: {killed.err}"
    again = on_stage.go_on()
    assert again.code == 0, again.err
    assert on_stage.end() == ended_well()
    on_stage.assert_served()
    assert on_stage.lockage("verify", "demo").code == 0
