"""Lockage killed for real: real processes, a real PostgreSQL, SIGKILL at an effect, and the real command again."""

from __future__ import annotations

import signal

import pytest

from support.on_stage import OnStage, ended_well

pytestmark = [pytest.mark.real, pytest.mark.slow]

SAMPLE = [
    ("after", "append run -1", 0),  # a journal without a plan
    ("after", "hold_lease", 0),
    ("after", "hold_fence", 0),
    ("after", "annotate", 0),  # the note stands; nothing else is changed
    ("after", "roll_out", 0),  # the hop to 2.26.6, rolling, is under way
    ("before", "append step-done 0 raise-replicas", 0),
    ("before", "append plan 1", 0),  # at 2.26.6, planned anew, and nobody knows
    ("after", "annotate", 1),
    ("after", "scale", 0),  # nobody serves
    ("before", "roll_out", 1),
    ("after", "roll_out", 1),  # 2.27.8 migrates
    ("before", "roll_out", 2),  # one replica serves
    ("after", "roll_out", 2),
    ("after", "annotate", 2),  # our notes are gone, the lease is not
    ("before", "append ended -1", 0),
]
"""When, which effect, and which of that name from 0: every kind of effect, and both hops."""


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
