"""Which deployment a bundle is about, in a few fields: releases, replicas, what its containers may use.

Not for evidence. The surprising thing: the release that served before is not written anywhere; it is what other replicas still
run, else what the revision before had, else what the plan began with.
"""

from __future__ import annotations

from lockage.core.bundle.manifest import Bundled, ContainerLimits
from lockage.core.diagnosis.evidence import PlatformEvidence
from lockage.core.diagnosis.findings import Case
from lockage.core.plan.steps import Plan


def bundled(case: Case, *, plan: Plan | None) -> Bundled:
    """The deployment of a case."""
    platform, evidence = case.evidence.platform, case.evidence
    workload, replicas = platform.workload, platform.replicas
    target = workload.release if workload is not None else None
    return Bundled(
        name=evidence.deployment,
        platform=evidence.platform_kind,
        namespace=evidence.namespace,
        application=case.profile.title,
        profile_known=case.known,
        source_release=_source(platform, target) or (plan.from_release if plan is not None else None),
        target_release=plan.to_release if plan is not None and target is None else target,
        replicas_wanted=workload.replicas if workload is not None else None,
        replicas_ready=sum(replica.ready for replica in replicas) if replicas is not None else None,
        limits=_limits(platform),
    )


def _source(platform: PlatformEvidence, target: str | None) -> str | None:
    others = [replica.release for replica in platform.replicas or () if replica.release != target]
    if others:
        return others[0]
    older = [one for one in platform.revisions or () if one.release != target]
    return max(older, key=lambda one: one.number).release if older else None


def _limits(platform: PlatformEvidence) -> tuple[ContainerLimits, ...]:
    newest = (platform.details or ())[-1:]
    return tuple(
        ContainerLimits(
            container=container.name,
            image=container.image,
            memory_request_bytes=container.memory_request_bytes,
            memory_limit_bytes=container.memory_limit_bytes,
            cpu_request_cores=container.cpu_request_cores,
            cpu_limit_cores=container.cpu_limit_cores,
        )
        for detail in newest
        for container in detail.containers
        if not container.init
    )
