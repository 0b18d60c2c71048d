"""Keep a window: wait until it begins, and begin nothing that would not end in it.

Not for choosing one (``windows``). The surprising thing: the wall clock decides, looked at once a second, because a machine
that sleeps, is suspended or has its clock set must neither begin early nor go on as if no time had passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC

from lockage.core.plan.length import plan_high_s
from lockage.core.plan.steps import Plan
from lockage.core.plan.window import Window
from lockage.core.plan.window_wording import length
from lockage.core.run import RunEvent
from lockage.errors import HaltedError, RefusedError
from lockage.flows.world import World

_PACE_S = ((86_400.0, 21_600.0), (7_200.0, 3_600.0), (600.0, 600.0), (60.0, 60.0), (0.0, 10.0))
"""How long still is said anew every so often, by how long it still is: (from, every)."""


def refuse_over(window: Window, world: World) -> None:
    """Nothing, unless the window is over. Raises ``RefusedError`` (LK547)."""
    now = world.clock.now()
    if window.end is None and now > window.begin:
        raise RefusedError(
            f"{window.id} is {length((now - window.begin).total_seconds())} ago",
            code="LK547",
            hint=f"a time to come, or a window that is open: {window.id}/PT45M",
        )
    if window.end is not None and now >= window.end:
        raise RefusedError(
            f"the window {window.id} is over since {length((now - window.end).total_seconds())}",
            code="LK547",
            hint=f"lockage window {world.deployment}",
        )


def refuse_too_short(plan: Plan, window: Window, world: World) -> None:
    """Nothing, unless the plan would not end in the window even if it began with it. Raises ``RefusedError`` (LK547)."""
    if window.end is None:
        return
    begin = max(window.begin.astimezone(UTC), world.clock.now())
    _refuse_unless_it_ends(plan, 0, (window.end - begin).total_seconds(), window, world)


def begins_in(window: Window | None, world: World) -> Callable[[Plan, int], None]:
    """What lets a hop begin only when it will end in the window; the first one only when all will.

    It raises ``RefusedError`` (LK547) before the first hop, ``HaltedError`` (LK548) before a later one.
    """

    def check(plan: Plan, index: int) -> None:
        if window is not None and window.end is not None:
            left_s = (window.end - world.clock.now()).total_seconds()
            _refuse_unless_it_ends(plan, index, left_s, window, world)

    return check


def _refuse_unless_it_ends(plan: Plan, index: int, left_s: float, window: Window, world: World) -> None:
    margin_s = world.settings.windows.margin_s
    hops = plan.hops if index == 0 else plan.hops[index : index + 1]
    high_s = plan_high_s(hops, unknown_s=world.profile.max_kill_budget_s)
    if high_s + margin_s <= left_s:
        return
    to_release = hops[-1].to_release
    unknown = any(hop.forecast.total_s.high is None for hop in hops)
    takes = f"takes up to {length(high_s)}" + (" (its high end is unknown: the profile's maximum counts)" if unknown else "")
    left = f"{length(left_s)} of the window {window.id} are left" if left_s > 0 else f"the window {window.id} is over"
    if index == 0:
        raise RefusedError(
            f"the upgrade to {to_release} {takes}, with a margin of {length(margin_s)}; {left}",
            code="LK547",
            hint=f"a window that is long enough: lockage window {plan.deployment} --for {to_release}",
        )
    raise HaltedError(
        f"the hop to {to_release} {takes}, with a margin of {length(margin_s)}; {left}",
        code="LK548",
        hint=f"nothing is down; to go on: lockage upgrade {plan.deployment} --at WINDOW, or without --at at once",
    )


def await_begin(window: Window, world: World, *, stop: Callable[[], bool]) -> None:
    """Return when the window begins; at once when it has begun. Says now and then how long it still is.

    Raises ``RefusedError``: LK347 when asked to stop meanwhile, LK547 when it is over by then, as after a suspend.
    """
    if _left_s(window, world) > 0:
        # Nothing of ours need stay open for days.
        world.database.close()
        _say(
            world,
            f"waiting until {_moment(window)}, in {length(_left_s(window, world))}; Ctrl-C leaves, and nothing is changed",
        )
        _wait(window, world, stop)
        if window.end is not None:
            refuse_over(window, world)
        _say(world, f"the window {window.id} has begun")


def _wait(window: Window, world: World, stop: Callable[[], bool]) -> None:
    said_s, due_s = math.inf, math.inf
    while (left_s := _left_s(window, world)) > 0:
        if stop():
            raise RefusedError(
                f"stopped as asked, {length(left_s)} before the window; nothing was changed",
                code="LK347",
                hint=f"lockage upgrade {world.deployment} … --at {window.id}",
            )
        if left_s <= due_s or left_s > said_s + 60:  # the latter: the clock was set back
            world.glimpse(f"waiting until {_moment(window)}, in {length(left_s)}")
            said_s, due_s = left_s, left_s - next(every for limit, every in _PACE_S if left_s > limit)
        world.clock.sleep(min(world.settings.windows.look_s, left_s))


def _left_s(window: Window, world: World) -> float:
    return (window.begin - world.clock.now()).total_seconds()


def _moment(window: Window) -> str:
    return f"{window.begin:%a %Y-%m-%d %H:%M} {window.begin.isoformat()[-6:]}"


def _say(world: World, text: str) -> None:
    world.tell(RunEvent(at=world.clock.now(), kind="saw", text=text))
