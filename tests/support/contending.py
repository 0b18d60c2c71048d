"""Plans of a deployment with contenders, and people who act while a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lockage.core.plan import steps as s
from support.fake_world import FakeWorld
from support.machine import PATIENT, Machine
from support.plans import FORMER, hop, plan_of

HPA = "HorizontalPodAutoscaler/app"
ARGO = "Application/app in argocd"


def to_two_with(strategy: s.Strategy = s.Strategy.SCALE_TO_ZERO, **contenders: Any) -> s.Plan:
    """The plan to 2.0.0 of a deployment that has contenders."""
    found = plan_of(hop("1.0.0", "2.0.0", strategy, liveness=FORMER, migrating=PATIENT, last=True, **contenders))
    assert found.facts is not None
    names = (*contenders.get("autoscalers", ()), *contenders.get("owners", ()))
    return replace(found, facts=replace(found.facts, owners=names))


def said(machine: Machine) -> str:
    return "\n".join(f"{e.kind} {e.step}: {e.text}" for e in machine.told)


class Listening(list[Any]):
    """Events of a run, to which a test's people react."""

    def __init__(self, world: FakeWorld) -> None:
        super().__init__()
        self.world = world
        self.hooks: list[Callable[[Any], None]] = []

    def append(self, event: Any) -> None:
        super().append(event)
        for hook in self.hooks:
            hook(event)


def watching(machine: Machine) -> Listening:
    if not isinstance(machine.told, Listening):
        machine.told = Listening(machine.world)
    return machine.told


def at(world: FakeWorld, machine: Machine, step: str, act: Any, *, after_s: float = 0.0) -> None:
    """Let somebody act once, so long after a step has begun."""
    left = [act]

    def hook(event: Any) -> None:
        if (event.kind, event.step) == ("step-begun", step) and left:
            world.happenings.append((world.now_s + after_s, left.pop()))

    watching(machine).hooks.append(hook)
