"""Collect everything that a diagnosis may rest on, in a few seconds, from whatever answers.

Not for judging it (``core.diagnosis``), and it changes nothing. The surprising thing: nothing that fails here is an error. A
source that is deaf, refuses or breaks becomes one sentence among ``missing``, because it is the broken deployment that is
looked at; only a deployment that cannot be found at all is refused, before this begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from lockage.core.diagnosis.evidence import Evidence, Missing, PlatformEvidence
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import Replica, Usage, VersionReading
from lockage.core.progress import MigrationText
from lockage.core.release.profile import Profile
from lockage.flows.collect_database import DatabaseLooks, Reached
from lockage.flows.collect_logs import LogLooks
from lockage.flows.looks import Answer, Looks
from lockage.flows.survey import read_versions
from lockage.ports import Clock, Platform, PlatformExaminer, Service
from lockage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """One deployment and whom to ask about it."""

    deployment: str
    platform_kind: Literal["kubernetes", "local"]
    namespace: str | None
    platform: Platform
    closer: PlatformExaminer
    # Finding the way to a database takes its time, so that it is found while the platform is looked at. Whoever calls it closes
    # what it gives, in the thread that called it.
    reach: Callable[[], Reached]
    service: Service | None
    usage: Callable[[tuple[Replica, ...]], tuple[Usage, ...]] | None = None  # None: the platform's own, which a run keeps warm
    profile: Profile
    known: bool = True  # False: the profile is a sketch of an application that nobody has described
    script: tuple[MigrationText, ...] = ()
    unseen: tuple[Missing, ...] = ()  # what was not seen when the deployment was opened
    clock: Clock
    settings: Settings = field(default_factory=Settings)


def collect(
    witnesses: Witnesses,
    *,
    limit_s: float | None = None,
    say: Callable[[str], None] = lambda _: None,
    logs: bool = True,
) -> Case:
    """What everybody says who answers within ``limit_s`` (None: the settings'), with what one must know to judge it.

    ``logs`` False leaves them out, for looks again and again. ``say`` gets what goes on. Of an application that nobody has
    described the profile is as well as it could be sketched from what was seen.
    """
    clock, tunables = witnesses.clock, witnesses.settings.collecting
    begun_s, at = clock.monotonic(), clock.now()
    looks = Looks(clock=clock, limit_s=tunables.limit_s if limit_s is None else limit_s, look_s=tunables.look_s)
    platform = _PlatformLooks(witnesses, looks)
    log_looks = LogLooks(witnesses.closer, looks, tunables)
    database = DatabaseLooks(
        looks=looks,
        clock=clock,
        settings=tunables,
        profile=witnesses.profile,
        reach=witnesses.reach,
        replicas=witnesses.platform.replicas,
    )
    database.begin()
    platform.begin(then=log_looks.begin if logs else lambda _: None)
    looks.wait(say)
    evidence = Evidence(
        at=at,
        deployment=witnesses.deployment,
        platform_kind=witnesses.platform_kind,
        namespace=witnesses.namespace,
        platform=platform.evidence(log_looks, between=database.replicas),
        database=database.evidence(platform.workload.value),
        collected_s=round(clock.monotonic() - begun_s, 3),
        missing=(*witnesses.unseen, *platform.missing(), *log_looks.missing(), *database.missing()),
    )
    return Case(evidence=evidence, profile=database.profile, known=witnesses.known, script=witnesses.script)


class _PlatformLooks:
    """Each source of the platform, in a thread of its own."""

    def __init__(self, witnesses: Witnesses, looks: Looks) -> None:
        platform, closer = witnesses.platform, witnesses.closer
        self._witnesses = witnesses
        self._looks = looks
        self.workload = Answer("the workload", platform.workload)
        self._replicas = Answer("the replicas", platform.replicas)
        self._conditions = Answer("the workload's conditions", closer.conditions)
        self._details = Answer("the replicas' containers", closer.details)
        self._revisions = Answer("the revisions", closer.revisions)
        self._events = Answer("the events", closer.events)
        self._nodes = Answer("the nodes", closer.nodes)
        self._quotas = Answer("the quotas", closer.quotas)
        self._contenders = Answer("the controllers beside the workload", platform.contenders)
        self._usage = Answer("memory and CPU in use", self._used)
        self._releases = Answer("Helm's history", closer.releases)
        self._versions = Answer("the versions that replicas show", self._shown)
        self._neighbours = Answer("other workloads with the same database", closer.neighbours)
        self._all = (
            self.workload, self._replicas, self._conditions, self._details, self._revisions, self._events, self._nodes,
            self._quotas, self._contenders, self._usage, self._releases, self._versions, self._neighbours,
        )  # fmt: skip

    def begin(self, *, then: Callable[[PlatformEvidence], None]) -> None:
        """Ask all; ``then`` is given what is known of the replicas as soon as it is."""
        self._looks.ask(self._details, Answer("what comes after them", lambda: then(self._so_far())))
        for answer in self._all:
            if answer is not self._details:
                self._looks.ask(answer)

    def _so_far(self) -> PlatformEvidence:
        return PlatformEvidence(details=self._details.value, workload=self.workload.value)

    def evidence(self, logs: LogLooks, *, between: tuple[Replica, ...] | None) -> PlatformEvidence:
        """What was seen; the replicas are those between the two looks at the database, where there are any."""
        return PlatformEvidence(
            workload=self.workload.value,
            conditions=self._conditions.value,
            replicas=between if between is not None else self._replicas.value,
            details=self._details.value,
            revisions=self._revisions.value,
            events=self._events.value,
            logs=logs.texts(),
            nodes=self._nodes.value,
            quotas=self._quotas.value,
            contenders=self._contenders.value,
            usage=self._usage.value,
            releases=self._releases.value,
            versions=self._versions.value,
            neighbours=self._neighbours.value,
        )

    def missing(self) -> tuple[Missing, ...]:
        """What was not."""
        return tuple(missing for answer in self._all if (missing := answer.missing) is not None)

    def _used(self) -> tuple[Usage, ...]:
        witnesses = self._witnesses
        return witnesses.platform.usage() if witnesses.usage is None else witnesses.usage(witnesses.platform.replicas())

    def _shown(self) -> tuple[VersionReading, ...]:
        """What images say, and a few replicas of each release themselves; no command is run in any."""
        witnesses, most = self._witnesses, self._witnesses.settings.collecting.versions_most
        if witnesses.service is None:
            return ()
        asked: list[Replica] = []
        for replica in sorted(witnesses.platform.replicas(), key=lambda replica: not replica.ready):
            if sum(1 for one in asked if one.release == replica.release) < most:
                asked.append(replica)
        version = msgspec.structs.replace(witnesses.profile.version, command=())
        answering = replace(witnesses.settings.watching, answer_timeout_s=witnesses.settings.collecting.answer_timeout_s)
        return read_versions(
            profile=msgspec.structs.replace(witnesses.profile, version=version),
            platform=witnesses.platform,
            service=witnesses.service,
            replicas=asked,
            settings=replace(witnesses.settings, watching=answering),
        )
