"""``lockage upgrade`` as a process that kills itself at a named effect: ``python upgrade_driver.py ORDER``.

The very world that the command opens, joined as the command joins it; only its ports are mortal, and what the command line
does not offer (another machine's name and journals, a shorter lease, another transaction model) can be said.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from lockage.adapters.journal import SqliteJournals
from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import OnBlocker, Strategy
from lockage.core.run import RunEvent
from lockage.errors import LockageError
from lockage.flows.upgrade import Asking, Wanted, upgrade
from lockage.interfaces.deployments import Wanted as Named
from lockage.interfaces.deployments import find_deployment
from lockage.interfaces.folders import find_folders
from lockage.interfaces.forecasting import look, proposer
from lockage.interfaces.upgrading import new_run_id, this_host
from lockage.interfaces.wiring import open_deployment
from lockage.ports import Journal
from lockage.settings import Limits, Settings
from support.dying import Death, Mortal


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver is told, as JSON on its command line."""

    deployment: str = "demo"  # or one that the lockage.toml here describes
    target: str | None = None
    effect: str | None = None  # at which to die; None: at none
    number: int = 0
    when: str = "before"
    host: str | None = None  # None: this machine
    journals: str | None = None  # a folder; None: the one of this home
    lease_s: float = 30.0
    replicas_gone_margin_s: float = 30.0
    strategy: Strategy | None = None  # None: the planner's choice
    transaction: str | None = None  # None: as the profile says
    on_blocker: OnBlocker | None = None


class MortalJournals(SqliteJournals):
    """Journals whose appending is an effect to die at."""

    def __init__(self, folder: Path, death: Death) -> None:
        super().__init__(folder)
        self._death = death

    @contextmanager
    def create(self, deployment: str, *, run_id: str) -> Generator[Journal]:  # type: ignore[override]
        with super().create(deployment, run_id=run_id) as journal:
            yield Mortal(journal, self._death)  # type: ignore[misc]

    @contextmanager
    def open(self, run_id: str) -> Generator[Journal]:  # type: ignore[override]
        with super().open(run_id) as journal:
            yield Mortal(journal, self._death)  # type: ignore[misc]


def main() -> int:
    """Carry out the order; the exit code is that of the command."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    folders = find_folders(os.environ)
    located = find_deployment(Named(name=order.deployment), folders=folders, here=Path.cwd(), environment={})
    if order.transaction is not None:
        profile = located.profile
        assert profile is not None
        migrations = msgspec.structs.replace(profile.migrations, transaction=order.transaction)
        located = msgspec.structs.replace(located, profile=msgspec.structs.replace(profile, migrations=migrations))
    death = Death(
        at=None if order.effect is None else order.number,
        of=order.effect or "nothing",
        when="after" if order.when == "after" else "before",
        die=lambda: os.kill(os.getpid(), signal.SIGKILL),
    )
    settings = Settings(limits=Limits(lease_s=order.lease_s, replicas_gone_margin_s=order.replicas_gone_margin_s))
    with open_deployment(located, tell=_tell, settings=settings) as opened:
        platform, database = Mortal(opened.world.platform, death), Mortal(opened.world.database, death)
        world = replace(opened.world, platform=platform, database=database)  # type: ignore[arg-type]
        asking = Asking(
            propose=proposer(world, opened.deployment, narrate=lambda _: None),
            survey=lambda: look(world),
            confirm=lambda *_: True,
            stop=lambda: False,
            new_run_id=new_run_id,
            clear=lambda _: True,
        )
        journals = MortalJournals(Path(order.journals) if order.journals else folders.runs, death)
        wanted = Wanted(
            target=order.target,
            no_restore_point=True,
            host=order.host or this_host(),
            on_blocker=order.on_blocker,
            wishes=Wishes(strategy=order.strategy),
        )
        try:
            upgrade(world, journals, wanted, asking)
        except LockageError as error:
            sys.stderr.write(f"error {error.code}: {error.message}\n")
            return error.exit_code
    return 0


def _tell(event: RunEvent) -> None:
    sys.stderr.write(f"{event.kind} {event.hop} {event.step}: {event.text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
