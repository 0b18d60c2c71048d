"""An upgrade of a deployment with everything joined: what both ``lockage upgrade`` and the demonstration call.

Not for asking or showing: both are handed in. The surprising thing: the first Ctrl-C is not an interruption but a wish, which
the run grants at the next place where nothing is down; only the second one interrupts.
"""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

from lockage.core.blockers import Blocker
from lockage.core.plan.steps import Plan
from lockage.core.run import RunReport
from lockage.flows.score import past_runs
from lockage.flows.unfinished import Unfinished
from lockage.flows.upgrade import Asking, Wanted, upgrade
from lockage.flows.world import World
from lockage.interfaces.deployments import Deployment
from lockage.interfaces.folders import Folders
from lockage.interfaces.forecasting import look, proposer
from lockage.interfaces.wiring import journals
from lockage.ports import Narrate


def run_upgrade(
    world: World,
    deployment: Deployment,
    folders: Folders,
    *,
    wanted: Wanted,
    confirm: Callable[[Plan, Unfinished | None], bool],
    stop: Callable[[], bool],
    narrate: Narrate,
    clear: Callable[[tuple[Blocker, ...]], bool] = lambda _: False,
) -> RunReport:
    """The report of a run, begun or gone on with; raises as ``flows.upgrade`` does.

    ``clear``: whether backends of dead clients may be ended before there is a plan, because none can be made beside them.
    """
    asking = Asking(
        propose=proposer(world, deployment, narrate=narrate, past=past_runs(journals(folders), deployment.name)),
        survey=lambda: look(world),
        confirm=confirm,
        stop=stop,
        new_run_id=new_run_id,
        clear=clear,
    )
    return upgrade(world, journals(folders), wanted, asking)


def new_run_id() -> str:
    """An identity that sorts by time and is not made twice: UTC to the second, and four random letters."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def this_host() -> str:
    """The name under which this machine holds a lease."""
    return socket.gethostname()


@contextmanager
def patient_interrupt(told: Callable[[], None]) -> Generator[Callable[[], bool]]:
    """While it lasts, the first Ctrl-C only makes what it gives answer True, and calls ``told``; the second interrupts."""
    asked: list[bool] = []

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        told()

    former = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, former)
