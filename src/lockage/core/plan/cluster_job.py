"""A run of Lockage inside the cluster, as objects: a Job, and everything that ends with it.

Not for making them (``adapters.kubernetes.jobs``). The surprising things: Kubernetes is the engine that starts a run again,
and starting is resuming, so all it must know is which ends are final; and the pod's host name is fixed, because Lockage holds
its lease under that name, and a second pod must be able to take over from the first.

Source: Kubernetes documentation v1.33, "Jobs" (pod failure policy, pod replacement policy).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockage.core.plan.rights import Rule
from lockage.core.plan.roles import Holder, Json, objects_for
from lockage.core.plan.steps import Plan

DEPLOYMENT_LABEL = "lockage.dev/deployment"
"""On the Job and its pods: the name by which Lockage knows the deployment."""

PLAN_NOTE = "lockage.dev/plan"
"""Annotation on the Job: the digest of the plan that it carries out."""

FILES = "/etc/lockage"
"""Where lockage.toml, profile, plan and charts are mounted; the working directory too, so that they are found."""

HOME = "/var/lib/lockage"
USER = 65532

FINAL_ENDS = (1, 2, 4, 5)
"""Exit codes after which nobody starts it again: a defect, a wrong command, a run that waits for a person, a verdict.

Not 3, since what did not answer a moment ago may do so now, and what is refused is refused again without harm.
"""

RESTARTS = 6
"""How often it is started again after an end that is not final. Kubernetes waits 10 s, 20 s, … between: ten minutes in all."""

KEPT_S = 86_400
"""How long a Job that has ended stays to be read: a day."""

SLACK_S = 7_200.0
"""Added to what the plan's own limits allow. Each wait of a run has a limit, so this one is met by a run that hangs only."""

DATABASE_VARIABLE = "LOCKAGE_JOB_DATABASE_URL"

_NO_NAME = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """One run, with everything that it needs."""

    name: str  # of the Job and of all that goes with it
    namespace: str
    deployment: str
    image: str
    arguments: tuple[str, ...]  # of ``lockage``
    plan_digest: str
    limit_s: float
    files: Mapping[str, str] = field(default_factory=dict[str, str])  # name to content; nothing secret
    binary_files: Mapping[str, str] = field(default_factory=dict[str, str])  # name to base64
    private_files: Mapping[str, str] = field(default_factory=dict[str, str])  # beside them, from a Secret
    database_url: str | None = None  # None: as the replicas have it
    rules: tuple[Rule, ...] = ()
    service_account: str | None = None  # one that is there and has the rights; None: a new one
    storage_class: str | None = None  # of a volume for the journal, "": the cluster's default; None: no volume


def job_name(deployment: str, run: str) -> str:
    """A name for the objects of one run: at most 50 characters, so that pods' names stay whole."""
    return "lockage-" + _NO_NAME.sub("-", f"{deployment[:24]}-{run}".lower()).strip("-")


def limit_of(plan: Plan, *, waits_s: float = 0.0) -> float:
    """Seconds after which a run of this plan hangs for certain; ``waits_s`` until its window begins."""
    return waits_s + 2 * sum(hop.kill_budget_s for hop in plan.hops) + SLACK_S


def the_job(job: ClusterJob) -> Json:
    """The Job, suspended: it is let go when everything that it needs is there."""
    labels = _labels(job)
    final = {"action": "FailJob", "onExitCodes": {"containerName": "lockage", "operator": "In", "values": list(FINAL_ENDS)}}
    moved = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job.name,
            "namespace": job.namespace,
            "labels": labels,
            "annotations": {PLAN_NOTE: job.plan_digest},
        },
        "spec": {
            "suspend": True,
            "backoffLimit": RESTARTS,
            "activeDeadlineSeconds": round(job.limit_s),
            "ttlSecondsAfterFinished": KEPT_S,
            # Two pods of one run would have one name, and take its lease from each other.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [moved, final]},
            "template": {"metadata": {"labels": labels}, "spec": _pod(job)},
        },
    }


def beside(job: ClusterJob) -> tuple[Json, ...]:
    """Everything else, to be owned by the Job: files, rights, volume."""
    made: list[Json] = [
        {**_object(job, "v1", "ConfigMap"), "data": dict(job.files), "binaryData": dict(job.binary_files)},
    ]
    private = dict(job.private_files) | ({"database-url": job.database_url} if job.database_url is not None else {})
    if private:
        made.append({**_object(job, "v1", "Secret"), "stringData": private})
    if job.service_account is None:
        made += objects_for(job.rules, Holder(name=job.name, namespace=job.namespace))
    if job.storage_class is not None:
        made.append({**_object(job, "v1", "PersistentVolumeClaim"), "spec": _claim(job.storage_class)})
    return tuple(made)


def owned(thing: Json, *, job: str, uid: str) -> Json:
    """The object, which goes when the Job goes."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": uid}
    return {**thing, "metadata": {**thing["metadata"], "ownerReferences": [owner]}}


def _pod(job: ClusterJob) -> Json:
    mounts = [
        {"name": "files", "mountPath": FILES, "readOnly": True},
        {"name": "home", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
    ]
    home: Json = {"emptyDir": {}} if job.storage_class is None else {"persistentVolumeClaim": {"claimName": job.name}}
    volumes: list[Json] = [{"name": "files", "projected": {"sources": _sources(job)}}, {"name": "home", **home}]
    volumes.append({"name": "tmp", "emptyDir": {}})
    return {
        "restartPolicy": "Never",
        "hostname": job.name[:63].rstrip("-"),
        "serviceAccountName": job.service_account or job.name,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "lockage",
                "image": job.image,
                "imagePullPolicy": "IfNotPresent",
                "args": list(job.arguments),
                "workingDir": FILES,
                "env": list(_environment(job)),
                "volumeMounts": mounts,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
            }
        ],
        "volumes": volumes,
    }


def _sources(job: ClusterJob) -> list[Json]:
    sources: list[Json] = [{"configMap": {"name": job.name}}]
    if job.private_files:
        items = [{"key": name, "path": name} for name in job.private_files]
        sources.append({"secret": {"name": job.name, "items": items}})
    return sources


def _environment(job: ClusterJob) -> Sequence[Json]:
    said: list[Json] = [{"name": "LOCKAGE_HOME", "value": HOME}, {"name": "HOME", "value": HOME}]
    if job.database_url is not None:
        said.append({"name": DATABASE_VARIABLE, "valueFrom": {"secretKeyRef": {"name": job.name, "key": "database-url"}}})
    return said


def _claim(storage_class: str) -> Json:
    wanted: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {**wanted, "storageClassName": storage_class} if storage_class else wanted


def _labels(job: ClusterJob) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "lockage",
        "app.kubernetes.io/managed-by": "lockage",
        DEPLOYMENT_LABEL: job.deployment[:63],
    }


def _object(job: ClusterJob, version: str, kind: str) -> Json:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": job.name, "namespace": job.namespace, "labels": _labels(job)},
    }
