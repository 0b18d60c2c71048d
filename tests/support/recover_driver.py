"""``lockage recover`` as a process that kills itself at a named effect: ``python recover_driver.py ORDER``.

The very world and the very judgement of the command; only its ports are mortal, and its lease is short, so that whoever goes on
need not wait for it.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from lockage.core.recovery.scene import Wishes
from lockage.core.run import RunEvent
from lockage.errors import LockageError
from lockage.flows.recover import recover
from lockage.flows.rescue import Means, goes_on, rescue
from lockage.interfaces.deployments import Wanted, find_deployment
from lockage.interfaces.folders import find_folders
from lockage.interfaces.recovering import judged
from lockage.interfaces.upgrading import new_run_id, this_host
from lockage.interfaces.wiring import open_deployment
from lockage.settings import Limits, Settings
from support.dying import Death, Mortal
from support.upgrade_driver import MortalJournals


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver is told, as JSON on its command line."""

    deployment: str
    at: int | None = None  # among the effects of that name, or among all; None: dies at none, and prints each
    effect: str | None = None  # None: any
    when: str = "before"
    lease_s: float = 3.0


class Telling(Death):
    """A death that writes down every effect that it lets happen, for the choice of moments."""

    def __call__(self, effect: object, name: str = "") -> object:  # type: ignore[override]
        sys.stderr.write(f"effect {name}\n")
        sys.stderr.flush()
        return super().__call__(effect, name)  # type: ignore[arg-type]


def main() -> int:
    """Carry out the order; the exit code is that of the command."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    folders = find_folders(os.environ)
    located = find_deployment(Wanted(name=order.deployment), folders=folders, here=Path.cwd(), environment={})
    death = Telling(
        at=order.at, of=order.effect, when="after" if order.when == "after" else "before",
        die=lambda: os.kill(os.getpid(), signal.SIGKILL),
    )  # fmt: skip
    with open_deployment(located, tell=_tell, settings=Settings(limits=Limits(lease_s=order.lease_s))) as opened:
        platform, database = Mortal(opened.world.platform, death), Mortal(opened.world.database, death)
        world = replace(opened.world, platform=platform, database=database)  # type: ignore[arg-type]
        journals = MortalJournals(folders.runs, death)
        try:
            if goes_on(world):
                recover(world, journals, host=this_host())
                return 0
            way = judged(
                located, replace(opened, world=world), Wishes(), folders=folders, applied=None, limit_s=10.0,
                say=lambda _: None, narrate=lambda _: None,
            )  # fmt: skip
            if not way.found.acts and not way.found.by_hand:
                return 0
            rescue(world, journals, way.found, way.scene, Means(host=this_host(), run_id=new_run_id()))
        except LockageError as error:
            sys.stderr.write(f"error {error.code}: {error.message}\n")
            return error.exit_code
    return 0


def _tell(event: RunEvent) -> None:
    sys.stderr.write(f"{event.kind} {event.hop} {event.step}: {event.text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
