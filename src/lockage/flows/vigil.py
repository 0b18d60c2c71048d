"""Notice what somebody else changes on the workload while a run lasts: image, replicas, probe, a paused rollout.

Not for putting it back: what another person did is named, and left to people. The surprising thing: a change is "another's"
when it is no act of this process, so the platform is watched through a wrapper that sees every act; what already stood when
the process began was accepted by whoever started it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from lockage.core.facts import Contender, Probe, Workload
from lockage.core.plan import steps as s
from lockage.core.plan.contending import autoscaled
from lockage.core.plan.wording import probe_in_words
from lockage.core.wording import counted
from lockage.errors import HaltedError, RefusedError
from lockage.ports import Clock, Platform, Rollout

Port = TypeVar("Port")

PAUSE_S = 0.5
"""Between two looks of the vigil's own, where the step itself does not look at the workload."""

NAMED_ONLY = (s.RollOut, s.GuardMigration)
"""Steps in which a change of anything but the release is named and no more: a migration keeps its guard."""

RAISED = (s.RaiseReplicas, s.LeaveWhen, s.Restore)
"""Steps in which an autoscaler may be free again: a chart that renders it has put it back with the raise."""

ACTS = frozenset({"scale", "roll_out"})
"""Methods that change what is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a workload is asked for: all that a run changes, and all that another could."""

    release: str
    replicas: int
    liveness: Probe | None
    paused: bool


def asked_for(workload: Workload) -> Asked:
    """What the workload is asked for now."""
    return Asked(release=workload.release, replicas=workload.replicas, liveness=workload.liveness, paused=workload.paused)


@dataclass(slots=True, kw_only=True)
class Vigil:
    """What this process left behind, and what it saw last."""

    platform: Platform
    clock: Clock
    known: Asked | None = None
    seen: Workload | None = None
    seen_at: float = 0.0
    pinned: int | None = None
    acted: bool = False

    def accept(self) -> None:
        """What stands there now is as it should be."""
        self.saw(self.platform.workload())
        assert self.seen is not None
        self.known = asked_for(self.seen)

    def expect(self, asked: int | Rollout) -> None:
        """What we have just asked for counts as ours, and not what another may have made of it before we looked again."""
        assert self.known is not None
        match asked:
            case Rollout():
                self.known = replace(self.known, release=asked.release, replicas=asked.replicas)
            case _:
                self.known = replace(self.known, replicas=asked)

    def saw(self, workload: Workload) -> None:
        """The workload was looked at."""
        self.seen, self.seen_at = workload, self.clock.monotonic()

    def look(self) -> Workload:
        """The workload, at most half a second old."""
        if self.seen is None or self.clock.monotonic() - self.seen_at >= PAUSE_S:
            self.saw(self.platform.workload())
        assert self.seen is not None
        return self.seen

    def notice(self, step: s.AnyStep, hop: s.Hop, *, changed: bool, deployment: str) -> str | None:
        """What another has changed and must only be said; None when nothing.

        Raises ``HaltedError`` (LK558), or ``RefusedError`` (LK325) while nothing was ``changed`` by the run, where going on
        would overwrite it. Of an owner's hop everything but the release is the owner's.
        """
        workload = self.look()
        said = self.change_of_another(workload, raised=isinstance(step, RAISED))
        if said is None:
            return None
        owned = any(isinstance(each, s.HandOver) for each in hop.steps)
        arrived = isinstance(step, NAMED_ONLY) or (self.known is not None and self.known.release == hop.to_release)
        fits = {hop.to_release} if arrived else {hop.from_release, hop.to_release}
        if workload.release in fits and (owned or isinstance(step, NAMED_ONLY)):
            return said
        if not changed:
            hint = f"lockage plan {deployment} --to {hop.to_release}"
            raise RefusedError(f"the plan no longer fits: {said}", code="LK325", hint=hint)
        raise HaltedError(
            said, code="LK558", hint=f"find out why; to go on from what stands there now: lockage upgrade {deployment}"
        )

    def change_of_another(self, workload: Workload, *, raised: bool = False) -> str | None:
        """What another has changed, in one sentence; None when everything is as this process left it.

        ``raised``: an autoscaler that is free by now does what it is for.
        """
        if self.known is None:
            return None
        known, now = self.known, asked_for(workload)
        said = [*_template_differences(known, now)]
        who = [workload.changed_by or "somebody"] if said else []
        if now.replicas not in {known.replicas, self.pinned} and not self._autoscaled(now.replicas, raised=raised):
            said.append(f"{counted(known.replicas, 'replica')} became {now.replicas}")
            who.append(workload.scaled_by or "somebody")
        if not said:
            return None
        names = " and ".join(dict.fromkeys(who))
        return f"{workload.name} was changed by {names}, not by this run: {', '.join(said)}"

    def _autoscaled(self, replicas: int, *, raised: bool) -> bool:
        # Between our first act and the raise whoever changes the number is in our way, pinned or not.
        return (raised or not self.acted) and autoscaled(self.platform.contenders(), replicas)


def _template_differences(known: Asked, now: Asked) -> Iterator[str]:
    if now.release != known.release:
        yield f"{known.release} became {now.release}"
    if now.liveness != known.liveness:
        yield f"{probe_in_words(known.liveness)} became {probe_in_words(now.liveness)}"
    if now.paused and not known.paused:
        yield "its rollout was paused"


def watched(platform: Port, vigil: Vigil) -> Port:
    """The same port; the vigil sees each look, and knows each change for ours."""
    return cast("Port", _Watched(platform, vigil))


class _Watched:
    def __init__(self, platform: object, vigil: Vigil) -> None:
        self._platform = platform
        self._vigil = vigil

    def workload(self) -> Workload:
        found = cast("Platform", self._platform).workload()
        self._vigil.saw(found)
        return found

    def pin(self, replicas: int, autoscalers: Sequence[Contender]) -> None:
        cast("Platform", self._platform).pin(replicas, autoscalers)
        self._vigil.pinned = replicas

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._platform, name)
        if name not in ACTS:
            return method

        def act(asked: int | Rollout) -> Any:
            result = method(asked)
            self._vigil.acted = True
            self._vigil.accept()
            self._vigil.expect(asked)
            return result

        return act
