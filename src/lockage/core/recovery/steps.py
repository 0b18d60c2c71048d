"""A recovery as data: which way it leads, and its steps in the order of least force (``lockage.recovery/1``).

Not for deciding (``of_run``, ``decide``) nor for doing (``flows``). The surprising thing: a step says for people what it does,
and carries for us what it does it to; a backend is named by its pid and its start, as another may have that pid by then.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from lockage.core.facts import Probe
from lockage.core.recovery.dirty import DirtyLedger
from lockage.core.recovery.restore_points import RestorePoints


class Direction(StrEnum):
    """Where a recovery leads."""

    NONE = "none"  # nothing is broken that Lockage could mend, or waiting mends it
    BACK = "back"  # to the release that fits the schema as it still is
    FORWARD = "forward"  # to the release that the schema is, or is on the way to


class Course(StrEnum):
    """What happens to the replicas."""

    NOTHING = "nothing"
    AWAIT = "await"  # they come by themselves once nobody stands in their way
    SCALE = "scale"  # the same revision gets its replicas again
    ROLL = "roll"  # the release is asked for while those of it that serve go on
    RESTART = "restart"  # all are taken down, and one starts alone, with a probe that lets it migrate


class RecoveryStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a recovery, for people and programs."""

    action: str
    target: str
    reason: str
    undo: str
    destructive: bool = False  # whether something ends that would not have ended by itself
    sql: tuple[str, ...] = ()  # what is executed in the database, in order
    together: bool = True  # in one transaction
    pid: int | None = None
    backend_start: datetime | None = None
    named: str | None = None  # what a person must name before it is done: a prepared transaction, the deployment
    revision: int | None = None  # of Helm's history
    replicas: int | None = None
    release: str | None = None
    liveness: Probe | None = None


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How a deployment gets out of a broken state (``lockage.recovery/1``)."""

    schema: Literal["lockage.recovery/1"] = "lockage.recovery/1"
    deployment: str
    direction: Direction
    because: str  # one sentence
    ledger: int | None = None  # its version, which decided
    release: str | None = None  # that runs in the end
    replicas: int | None = None
    liveness: Probe | None = None
    steps: tuple[RecoveryStep, ...] = ()
    code: str | None = None  # of the finding that it is made from
    course: Course = Course.NOTHING
    migrating_liveness: Probe | None = None  # that the one replica gets which migrates
    ends_at: int | None = None  # the ledger's version in the end; None: not known, or a run's
    warnings: tuple[str, ...] = ()
    vendor: str = ""  # whom to call when this does not help
    dirty: DirtyLedger | None = None
    restore_points: RestorePoints | None = None  # what can be seen of backups; None: not looked for

    @property
    def destroys(self) -> bool:
        """Whether any step ends something, or changes the database."""
        return any(step.destructive or step.sql for step in self.steps)

    @property
    def acts(self) -> bool:
        """Whether Lockage does anything in it."""
        return any(step.action not in ("wait", "by-hand") for step in self.steps)

    @property
    def by_hand(self) -> tuple[RecoveryStep, ...]:
        """What only a person can do."""
        return tuple(step for step in self.steps if step.action == "by-hand")
