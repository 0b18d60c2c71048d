"""Deal with contenders in mid-run: try the rollout first, pin autoscalers, wait for owners, and put back what was pinned.

Not for finding contenders. The surprising thing: what a contender shows now decides, not what a plan says. So an autoscaler
that somebody else has set meanwhile is named and left to them, and an owner that still wants the old image keeps the run from
ending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from lockage.core.facts import Contender, ContenderKind, Probe
from lockage.core.plan.contending import autoscalers, in_words
from lockage.core.plan.steps import HandOver, Hop, PinContenders, Prepare
from lockage.core.plan.wording import probe_in_words
from lockage.core.recovery.hop import recovers
from lockage.core.release.chart_values import chart_version, overlay, shape_of
from lockage.core.release.profile import Profile
from lockage.core.run import RunEvent, read_notes
from lockage.core.wording import counted, listed
from lockage.errors import HaltedError, LockageError, RefusedError
from lockage.flows.revise import complete
from lockage.flows.waiting import wait_until
from lockage.flows.world import World
from lockage.ports import Rollout

Between = Callable[[], None]


def prepare(world: World, step: Prepare, *, index: int, between: Between) -> None:
    """The rollout would be accepted, and its replicas could start.

    Raises ``RefusedError`` (LK555) with every check that failed.
    """
    rollout = Rollout(release=step.release, replicas=step.replicas, liveness=step.liveness)
    checks = world.platform.preflight(rollout, between=between)
    for check in checks:
        _say(world, f"{check.name}: {check.text}", index, "prepare")
    failed = [check for check in checks if not check.ok]
    if failed:
        hints = [check.hint for check in failed if check.hint]
        raise RefusedError(
            f"{step.release} could not be rolled out: {'; '.join(f'{check.name}: {check.text}' for check in failed)}",
            code="LK555",
            hint="; ".join(dict.fromkeys(hints))
            or f"lockage plan {world.deployment} --to {step.release}, when that is settled",
        )


# --- autoscalers ---------------------------------------------------------------------------------------------------------


def pin_contenders(world: World, step: PinContenders, hop: Hop, *, index: int) -> None:
    """Every autoscaler keeps exactly so many replicas; nothing once the target has been asked for, which comes later."""
    if world.platform.workload().release != hop.to_release or recovers(hop):
        pin(world, step.replicas, index=index, step="pin-contenders")


def pin(world: World, replicas: int, *, index: int, step: str) -> None:
    """Every autoscaler that is as it was noted, or as a run pins it, keeps exactly so many replicas; any other is named."""
    noted = _noted(world)
    loose = [c for c in autoscalers(world.platform.contenders()) if (c.minimum, c.maximum) != (replicas, replicas)]
    for found in loose:
        if not noted.ours(found):
            _say(world, noted.foreign(found), index, step)
    ours = [found for found in loose if noted.ours(found)]
    if ours:
        world.platform.pin(replicas, ours)
        _act(world, f"{listed(tuple(c.object for c in ours))} pinned at {counted(replicas, 'replica')}", index, step)


def unpin(world: World, *, index: int) -> None:
    """Every autoscaler is as it was noted; one that somebody else has changed meanwhile is named, and left as it is."""
    noted = _noted(world)
    if not noted.former:
        return
    now = {c.object: c for c in world.platform.contenders() if c.kind is ContenderKind.AUTOSCALER}
    ours: list[Contender] = []
    for was in noted.former.values():
        found = now.get(was.object)
        if found is None:
            _say(world, f"{was.object} has gone meanwhile: there is nothing to put back", index, "restore")
        elif not noted.ours(found):
            _say(world, noted.foreign(found), index, "restore")
        elif _kept(found) != _kept(was):
            ours.append(was)
    if ours:
        world.platform.unpin(ours)
        _act(world, "; ".join(f"{was.object} {was.does} again" for was in ours), index, "restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """Autoscalers as the object says they were, and the numbers that a run pins them at."""

    former: Mapping[str, Contender]
    numbers: frozenset[int]

    def ours(self, found: Contender) -> bool:
        """Whether it is as it was noted, or in a state that a run leaves: paused, or fixed at a number of ours."""
        was = self.former.get(found.object)
        if was is None:
            return False
        if _kept(found) == _kept(was):
            return True
        if found.paused:
            return (found.minimum, found.maximum) == (was.minimum, was.maximum)
        return found.minimum == found.maximum and found.maximum in self.numbers

    def foreign(self, found: Contender) -> str:
        """One that somebody else has set, in words."""
        was = self.former.get(found.object)
        before = f"before it: {was.does}" if was else "it was not there before"
        return f"{in_words(found)} now, set by {found.changed_by or 'somebody'} while the run lasted ({before}): left as it is"


def _noted(world: World) -> _Noted:
    notes = read_notes(world.platform.workload())
    former = notes.former.autoscalers if notes.former else ()
    wanted = [1, *((notes.former.replicas,) if notes.former else ()), *((notes.run.plan.replicas,) if notes.run else ())]
    return _Noted(former={c.object: c for c in former}, numbers=frozenset(wanted))


def _kept(contender: Contender) -> tuple[int | None, int | None, bool]:
    return contender.minimum, contender.maximum, contender.paused


# --- owners --------------------------------------------------------------------------------------------------------------


def hand_over(world: World, step: HandOver, hop: Hop, *, index: int, between: Between) -> None:
    """The owners have asked for what the step says; nothing of it is done by us.

    Raises ``HaltedError`` (LK556) naming what they have not asked for within the limit.
    """
    target, began = hop.to_release, world.clock.monotonic()
    if step.release != target and world.platform.workload().release == target:
        return
    if step.release == target and step.complete:
        raise_pins(world, step.replicas, index=index)
    if not _asked(world, step, hop):
        _say(world, wish(step), index, "hand-over")
        values = wish_as_values(world.profile, step)
        if values:
            _say(world, f"as values of its chart: {values}", index, "hand-over")

    def asked() -> bool | None:
        world.glimpse(f"waiting for {listed(step.owners)}: {world.clock.monotonic() - began:.0f} s")
        return True if _asked(world, step, hop) else None

    def too_late(waited: float) -> LockageError:
        workload = world.platform.workload()
        return HaltedError(
            f"after {waited:.0f} s {workload.name} is {workload.release} with {counted(workload.replicas, 'replica')}, and not "
            f"as it should be: {wish(step)}{_wants(world)}",
            code="LK556",
            hint=f"let the owner ask for that, then: lockage upgrade {world.deployment}",
        )

    wait_until(
        asked,
        clock=world.clock,
        limit_s=lambda: step.limit_s,
        pause_s=world.settings.watching.poll_s,
        too_late=too_late,
        between=between,
    )
    _name_differences(world, step, index=index)


def wish(step: HandOver) -> str:
    """What the owners are to ask for, in one sentence."""
    to_do = "must ask for" if len(step.owners) == 1 else "must all ask for"
    return (
        f"{listed(step.owners)} {to_do} {step.release} with {counted(step.replicas, 'replica')} and "
        f"{probe_in_words(step.liveness)}, in one change"
    )


def wish_as_values(profile: Profile, step: HandOver) -> str | None:
    """The same as values of the application's chart, on one line; None where the profile knows no such chart."""
    if profile.helm is None:
        return None
    shape = shape_of(profile.helm, chart_version(profile.helm, step.release))
    if shape is None:
        return None
    asked = overlay(shape, release=step.release, replicas=step.replicas, liveness=step.liveness)
    return ", ".join(f"{path}={msgspec.json.encode(value).decode()}" for path, value in asked.values.items())


def raise_pins(world: World, replicas: int, *, index: int) -> None:
    """Autoscalers that are pinned for the migration are pinned at the full number; they would take the others away."""
    former = read_notes(world.platform.workload()).former
    if former is not None and former.autoscalers:
        pin(world, replicas, index=index, step="raise-replicas")


def refuse_to_let_go(world: World, *, between: Between) -> None:
    """No owner wants another image than the one that runs: its next sync would put it over the schema.

    Raises ``HaltedError`` (LK557) naming the owner and both images.
    """

    def others() -> list[Contender]:
        image = world.platform.workload().image
        owners = [c for c in world.platform.contenders() if c.kind is ContenderKind.OWNER]
        return [c for c in owners if c.desired_image not in {None, image}]

    def too_late(waited: float) -> LockageError:
        found = others()
        workload = world.platform.workload()
        wanted = ", ".join(f"{c.object} wants {c.desired_image}" for c in found) or "an owner wanted another image"
        return HaltedError(
            f"{wanted} while {workload.image} runs, {waited:.0f} s on: its next sync would put it over the schema",
            code="LK557",
            hint=f"do not let it sync; change what it wants to {workload.image}, then: lockage upgrade {world.deployment}",
        )

    wait_until(
        lambda: None if others() else True,
        clock=world.clock,
        limit_s=lambda: world.settings.limits.look_s,
        pause_s=1.0,
        too_late=too_late,
        between=between,
    )


def _asked(world: World, step: HandOver, hop: Hop) -> bool:
    workload, target = world.platform.workload(), hop.to_release
    if workload.release != step.release:
        return False
    if not step.complete:
        return True
    if step.release == target and _keeps_waiting_long(workload.liveness, step.liveness, hop):
        return False
    enough = workload.replicas >= step.replicas if step.release == target else workload.replicas <= step.replicas
    return enough and complete(workload, world.platform.replicas())


def _keeps_waiting_long(probe: Probe | None, wanted: Probe | None, hop: Hop) -> bool:
    """Whether the probe is still the one that an owner was asked to migrate with; any other is the owner's own business."""
    asked = next((x for x in hop.steps if isinstance(x, HandOver) and x.release == hop.to_release and not x.complete), None)
    if probe is None or wanted is None or asked is None or asked.liveness is None:
        return False
    return probe.kill_budget_s >= asked.liveness.kill_budget_s > wanted.kill_budget_s


def _wants(world: World) -> str:
    desired = {c.object: c.desired_image for c in world.platform.contenders() if c.kind is ContenderKind.OWNER}
    said = [f"{name} wants {image}" for name, image in desired.items() if image is not None]
    return f"; {', '.join(said)}" if said else ""


def _name_differences(world: World, step: HandOver, *, index: int) -> None:
    workload = world.platform.workload()
    if workload.replicas != step.replicas:
        found = counted(workload.replicas, "replica")
        _say(world, f"the owner asks for {found}, and not for {step.replicas}", index, "hand-over")
    if workload.liveness != step.liveness:
        was, found = probe_in_words(step.liveness), probe_in_words(workload.liveness)
        _say(world, f"the owner asks for {found}, and not for {was}", index, "hand-over")


def _say(world: World, text: str, index: int, step: str) -> None:
    world.tell(RunEvent(at=world.clock.now(), kind="saw", hop=index, step=step, text=text))


def _act(world: World, text: str, index: int, step: str) -> None:
    world.tell(RunEvent(at=world.clock.now(), kind="acted", hop=index, step=step, text=text))
