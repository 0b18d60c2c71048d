"""Which contenders a plan pins, which own the workload, and what a person should know of each.

Not for finding them (the platform's adapter) nor for pinning. The surprising thing: an owner is not fought. For what GitOps,
Terraform or an operator owns, the upgrade is the owner's change, and all that Lockage does is to say, to wait and to guard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockage.core.facts import Contender, ContenderKind, Survey


def autoscalers(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Those that change the number of replicas now: a run pins them."""
    return tuple(c for c in contenders if c.kind is ContenderKind.AUTOSCALER and not c.paused)


def owners(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """Those whose change the upgrade is, by name."""
    return tuple(sorted(c.object for c in contenders if c.kind is ContenderKind.OWNER))


def acting(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """Those that a plan is made with: one more or one less, and it no longer fits."""
    return tuple(c.object for c in contenders if c.kind in {ContenderKind.AUTOSCALER, ContenderKind.OWNER})


def autoscaled(contenders: Sequence[Contender], replicas: int) -> bool:
    """Whether so many replicas are what an autoscaler may have asked for."""
    return any((c.minimum or 0) <= replicas and (c.maximum is None or replicas <= c.maximum) for c in autoscalers(contenders))


def in_words(contender: Contender) -> str:
    """``HorizontalPodAutoscaler/x keeps 2 to 5 replicas``; a paused one is said to be."""
    return f"{contender.object} {contender.does}" + (" (paused)" if contender.paused else "")


def contender_warnings(survey: Survey) -> Iterator[str]:
    """What a person should know of each contender before approving a plan, one sentence each."""
    name = survey.workload.name
    for contender in survey.contenders:
        match contender.kind:
            case ContenderKind.AUTOSCALER:
                done = "left as it is" if contender.paused else "pinned while the run lasts, and put back at its end"
                yield f"{in_words(contender)}: {done}"
            case ContenderKind.OWNER:
                yield (
                    f"{in_words(contender)}, and owns {name}: the upgrade is its change; Lockage says what to ask for, waits, "
                    f"guards and verifies, and changes neither image nor replicas nor probe"
                )
                yield from _differs(contender, survey.workload.image)
            case ContenderKind.CONSTRAINT | ContenderKind.UNKNOWN:
                yield in_words(contender)


def _differs(owner: Contender, image: str) -> Iterator[str]:
    if owner.desired_image not in {None, image}:
        yield f"{owner.object} wants {owner.desired_image}, and {image} runs: settle that before the upgrade"
