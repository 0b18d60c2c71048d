"""Is this deployment healthy, whole and consistent now: version by every source, ledger, health, service.

Not for finding out why it is not (``diagnose``). The surprising thing: health is not service, so the profile's own requests
are made on each replica, past the Service that would hide one bad replica behind two good ones.
"""

from __future__ import annotations

from collections.abc import Callable

from lockage.core.facts import Check, LedgerState, Replica, ReplicaPhase
from lockage.core.plan.steps import GuardMigration, Verify
from lockage.core.release.version import normalised
from lockage.errors import HaltedError
from lockage.flows.survey import read_versions
from lockage.flows.waiting import wait_until
from lockage.flows.world import World

PAUSE_S = 0.5
"""Between two verifications: each makes several requests to every replica."""

REQUEST_TIMEOUT_S = 5.0
"""A proof of service that takes longer is a failure for the person who waits for it."""


def verify(
    world: World,
    *,
    release: str | None = None,
    ledger: int | None = None,
    ledger_before: int | None = None,
    foreign: bool = False,
) -> tuple[Check, ...]:
    """All checks; ``release`` None: the one the workload asks for; ``ledger`` None: that release's last migration.

    Where that is not known either, a clean ledger that is not below ``ledger_before`` is all that can be asked for;
    ``foreign``: nothing at all of one in a format that is not read here.
    """
    workload = world.platform.workload()
    wanted = release or workload.release
    last = ledger if ledger is not None else world.profile.migrations.releases.get(wanted)
    serving = tuple(r for r in world.platform.replicas() if r.phase is ReplicaPhase.RUNNING and r.release == wanted)
    checks = [_replicas(world, serving, wanted)]
    checks += _versions(world, serving, wanted)
    for replica in serving:
        checks += [_health(world, replica), *_service(world, replica)]
    checks.append(_ledger(world, last, ledger_before, foreign=foreign))
    return tuple(checks)


def fits(version: int | None, step: GuardMigration | Verify) -> bool:
    """Whether the ledger is where a step wants it; where that is not known, whether it has not gone back."""
    if step.ledger is not None:
        return version == step.ledger
    return version is not None and (step.ledger_before is None or version >= step.ledger_before)


def await_verified(
    world: World,
    *,
    release: str,
    ledger: int | None,
    limit_s: float,
    between: Callable[[], None],
    ledger_before: int | None = None,
    foreign: bool = False,
) -> None:
    """Every check holds, now or within the limit; raises ``HaltedError`` (LK340) with those that do not."""
    failed: list[str] = []

    def all_well() -> bool | None:
        checks = verify(world, release=release, ledger=ledger, ledger_before=ledger_before, foreign=foreign)
        failed[:] = [c.text for c in checks if not c.ok]
        return None if failed else True

    wait_until(
        all_well,
        clock=world.clock,
        limit_s=lambda: limit_s,
        pause_s=PAUSE_S,
        too_late=lambda waited: HaltedError(
            f"{release} does not verify after {waited:.0f} s: {'; '.join(failed)}",
            code="LK340",
            hint=f"lockage verify {world.deployment}",
        ),
        between=between,
    )


def soak(world: World, *, between: Callable[[], None]) -> None:
    """Every check holds for a while, without a break; raises ``HaltedError`` (LK343) with those that do not.

    An answer that comes late once, from a machine that is full, begins the while anew; it is over when the step's time is.
    """
    limits, monotonic = world.settings.limits, world.clock.monotonic
    well_since, until = monotonic(), monotonic() + limits.soak_s + limits.look_s
    while True:
        failed = [c.text for c in verify(world) if not c.ok]
        now = monotonic()
        between()  # whatever somebody else has changed names the cause better than what came of it
        if failed:
            if now >= until:
                raise HaltedError(
                    f"{world.deployment} did not stay healthy: {'; '.join(failed)}",
                    code="LK343",
                    hint=f"lockage verify {world.deployment}",
                )
            world.glimpse(failed[0])
            well_since = now
        elif now - well_since >= limits.soak_s:
            return
        world.clock.sleep(PAUSE_S)


def _replicas(world: World, serving: tuple[Replica, ...], wanted: str) -> Check:
    workload = world.platform.workload()
    everyone = world.platform.replicas()
    ready = sum(1 for r in serving if r.ready)
    others = [r.name for r in everyone if r.release != wanted]
    text = f"{ready} of {workload.replicas} replicas of {wanted} ready"
    if others:
        text += f"; of another release: {', '.join(others)}"
    return Check(name="replicas", ok=ready == workload.replicas > 0 and not others, text=text)


def _versions(world: World, serving: tuple[Replica, ...], wanted: str) -> list[Check]:
    """What every source says; an image, a buildinfo page or a command that disagrees is one check each."""
    readings = read_versions(
        profile=world.profile,
        platform=world.platform,
        service=world.service,
        replicas=serving,
        settings=world.settings,
    )
    return [
        Check(
            name="version",
            ok=reading.version == normalised(wanted),
            text=f"{reading.where}: {reading.problem or f'{reading.source} says {reading.version}'}",
        )
        for reading in readings
    ]


def _health(world: World, replica: Replica) -> Check:
    url = world.platform.replica_url(replica.name) + world.profile.service.health_path
    answer = world.service.get(url, headers={}, timeout_s=REQUEST_TIMEOUT_S)
    text = f"{replica.name}: {world.profile.service.health_path} answers {answer.status or answer.problem}"
    return Check(name="health", ok=answer.status == 200, text=text)


def _service(world: World, replica: Replica) -> list[Check]:
    checks: list[Check] = []
    for request in world.profile.service.requests:
        url = world.platform.replica_url(replica.name) + request.path
        answer = world.service.get(url, headers=request.headers, timeout_s=REQUEST_TIMEOUT_S)
        ok = answer.status == request.status and request.contains in answer.body
        text = f"{replica.name}: {request.path} answers {answer.status or answer.problem}, expected {request.status}"
        checks.append(Check(name="service", ok=ok, text=text))
    return checks


def _ledger(world: World, wanted: int | None, before: int | None, *, foreign: bool) -> Check:
    reading = world.database.ledger(world.profile)
    if foreign and reading.foreign:
        return Check(name="ledger", ok=True, text=f"not looked at: {reading.problem}")
    says = f"{reading.version}{' (dirty)' if reading.dirty else ''}" if reading.state is LedgerState.READ else reading.state
    clean = reading.state is LedgerState.READ and reading.version is not None and not reading.dirty
    if wanted is not None:
        ok = clean and reading.version == wanted
        return Check(name="ledger", ok=ok, text=f"{reading.table} says {says}, expected {wanted}")
    if world.profile.restricting is not None:
        return Check(name="ledger", ok=False, text=f"{reading.table}: no expected migration known for this release")
    ok = clean and (before is None or (reading.version or 0) >= before)
    least = "" if before is None else f", at least {before} expected"
    return Check(name="ledger", ok=ok, text=f"{reading.table} says {says}{least}; where this release ends is not known")
