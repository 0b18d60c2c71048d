"""What a plan makes of contenders: steps, warnings, facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.facts import Contender, ContenderKind, Survey
from lockage.core.plan import steps as s
from lockage.core.plan.contending import autoscaled
from lockage.core.plan.digest import facts_hold, facts_of
from lockage.core.plan.planner import Wishes, plan
from lockage.core.plan.wording import step_in_words, step_name
from lockage.settings import Settings
from support.plan_material import NOW, breaking, survey, towpath

HPA = Contender(
    kind=ContenderKind.AUTOSCALER, object="HorizontalPodAutoscaler/t", does="keeps 2 to 5 replicas", minimum=2, maximum=5
)
ARGO = Contender(kind=ContenderKind.OWNER, object="Application/t in argocd", does="syncs by itself")
BUDGET = Contender(kind=ContenderKind.CONSTRAINT, object="PodDisruptionBudget/t", does="keeps 2 replicas available")
UNKNOWN = Contender(kind=ContenderKind.UNKNOWN, object="Argo CD", does="may own it")


def planned(*contenders: Contender, strategy: s.Strategy | None = None) -> s.Plan:
    return plan(
        with_contenders(*contenders),
        towpath(),
        target="2.27.8",
        forecasts=[breaking()],
        now=NOW,
        settings=Settings(),
        wishes=Wishes(strategy=strategy),
    )


def with_contenders(*contenders: Contender, release: str = "2.26.6") -> Survey:
    return replace(survey(release), contenders=contenders)


def names(made: s.Plan) -> list[str]:
    return [step_name(step) for step in made.hops[0].steps]


def test_every_plan_tries_the_rollout_before_anything_is_changed() -> None:
    made = names(planned())
    assert made.index("check-facts") < made.index("prepare") < made.index("note-former-state")
    assert "pin-contenders" not in made
    assert "hand-over" not in made


@pytest.mark.parametrize(("strategy", "number"), [(s.Strategy.SCALE_TO_ZERO, 1), (s.Strategy.SCALE_TO_ONE, 1)])
def test_an_autoscaler_is_pinned_behind_the_note_at_what_runs_first(strategy: s.Strategy, number: int) -> None:
    made = planned(HPA, strategy=strategy)
    steps = names(made)
    assert steps.index("pin-contenders") == steps.index("note-former-state") + 1
    assert steps.index("pin-contenders") < steps.index("scale-down")
    pin = next(step for step in made.hops[0].steps if isinstance(step, s.PinContenders))
    assert (pin.replicas, pin.autoscalers) == (number, (HPA.object,))
    assert step_in_words(pin) == "HorizontalPodAutoscaler/t keeps exactly 1 replica"
    assert any(HPA.object in w and "pinned while the run lasts, and put back at its end" in w for w in made.warnings)


def test_a_paused_autoscaler_is_left_as_it_is() -> None:
    made = planned(replace(HPA, paused=True))
    assert "pin-contenders" not in names(made)
    assert any(f"{HPA.object} keeps 2 to 5 replicas (paused): left as it is" in w for w in made.warnings)


def test_for_an_owner_each_change_of_ours_is_the_owners() -> None:
    made = planned(ARGO)
    assert [n for n in names(made) if n in {"scale-down", "roll-out", "raise-replicas"}] == []
    wishes = [step for step in made.hops[0].steps if isinstance(step, s.HandOver)]
    assert [(w.release, w.replicas, w.complete) for w in wishes] == [
        ("2.26.6", 0, True),
        ("2.27.8", 1, False),
        ("2.27.8", 3, True),
    ]
    assert wishes[1].liveness != wishes[0].liveness == wishes[2].liveness
    assert any("the upgrade is its change" in w and "changes neither image nor replicas nor probe" in w for w in made.warnings)
    assert any("nothing serves from the owner's first change to its second" in w for w in made.warnings)
    assert step_in_words(wishes[2]).startswith("Application/t in argocd asks for 2.27.8 with 3 replicas and")


def test_an_owner_that_wants_another_image_than_runs_is_warned_of() -> None:
    made = planned(replace(ARGO, desired_image="towpath:2.26.0"))
    assert any("wants towpath:2.26.0, and towpath:2.26.6 runs" in w for w in made.warnings)


def test_budgets_and_what_is_unknown_are_said_and_change_no_step() -> None:
    made = planned(BUDGET, UNKNOWN)
    assert names(made) == names(planned())
    assert "PodDisruptionBudget/t keeps 2 replicas available" in made.warnings
    assert "Argo CD may own it" in made.warnings


def test_a_plan_stands_on_its_autoscalers_and_owners_and_not_on_budgets() -> None:
    facts = facts_of(with_contenders(BUDGET, HPA, ARGO))
    assert facts.owners == (ARGO.object, HPA.object)
    made = planned(HPA)
    assert facts_hold(made, with_contenders(HPA, BUDGET)) == ()
    assert facts_hold(made, with_contenders()) == (f"owners was {HPA.object}, and is none",)


def test_a_number_that_an_autoscaler_asked_for_does_not_spoil_a_plan_and_any_other_does() -> None:
    made = planned(HPA)
    now = with_contenders(HPA)
    scaled = replace(now, workload=replace(now.workload, replicas=5, max_surge=1))
    assert facts_hold(made, scaled) == ()
    beyond = replace(now, workload=replace(now.workload, replicas=9))
    assert facts_hold(made, beyond) == ("replicas was 3, and is 9",)
    assert not autoscaled((replace(HPA, paused=True),), 5)
    assert autoscaled((replace(HPA, minimum=None, maximum=None),), 500)
