"""What a run acts upon, and one combined look at it.

Not for acting. The surprising thing: a session is called an orphan only when two looks apart agree, because replicas and
sessions are read at different moments, and a connection that was just opened has no owner yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lockage.core.facts import Activity, OwnedSession, Replica, Workload
from lockage.core.progress import MigrationText
from lockage.core.release.profile import Profile
from lockage.core.run import RunEvent
from lockage.core.sessions import confirmed, owned_sessions
from lockage.ports import Clock, Database, Platform, Service
from lockage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One deployment and what is needed to look at it and act upon it."""

    deployment: str
    profile: Profile
    platform: Platform
    database: Database
    service: Service
    clock: Clock
    settings: Settings
    migrations: tuple[MigrationText, ...]  # of all releases, oldest first; empty when not known
    tell: Callable[[RunEvent], None]
    glimpse: Callable[[str], None] = lambda _: None  # what is seen right now; of no interest a second later


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look at everything: the workload, its replicas, and the database's sessions with their owners."""

    workload: Workload
    replicas: tuple[Replica, ...]
    activity: Activity
    judged: tuple[OwnedSession, ...]  # by this look alone; for the next look to confirm
    owned: tuple[OwnedSession, ...]  # confirmed; a session that may be an orphan, or just new, is left out


def see(world: World, previous: Sight | None = None) -> Sight:
    """Look now; a session is an orphan only if it was one in ``previous`` too."""
    activity = world.database.activity()
    replicas = world.platform.replicas()
    workload = world.platform.workload()
    judged = owned_sessions(
        activity.sessions,
        replicas,
        pattern=world.profile.workload.application_name,
        workload=workload.name,
        migration_lock=world.profile.replicas_lock,
        ahead_s=activity.ahead_s,
    )
    both = confirmed(previous.judged if previous else (), judged)
    owned = tuple(now for now, alone in zip(both, judged, strict=True) if now.orphan == alone.orphan)
    return Sight(workload=workload, replicas=replicas, activity=activity, judged=judged, owned=owned)


def without_ready_target(replicas: tuple[Replica, ...], target: str) -> bool:
    """Whether no replica of the target release is ready."""
    return not any(r.ready and r.release == target for r in replicas)
