"""Whether the API server would take what Helm rendered: a server-side dry run of every object.

Not for the merge that Helm makes: objects are *applied* here, which shows what admission, quota, schema and validation say, and
what the Deployment would be after them. The surprising thing: kinds that come from a chart's own definitions are not known to
our client; they are counted and named, never taken to be fine.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

from lightkube import ApiError, Client, codecs
from lightkube.core.exceptions import LoadResourceError
from lightkube.core.resource import GlobalResource, NamespacedResource
from lightkube.resources.apps_v1 import Deployment

from lockage.adapters.helm.manifest import Asked, Object, container, mismatches, name_of, title, within
from lockage.core.facts import Check
from lockage.core.release.chart_values import probe_numbers
from lockage.core.release.profile import WorkloadProfile
from lockage.errors import LockageError, UnreachableError

MANAGER = "lockage-dry-run"
"""Field manager of requests that are never carried out."""


def admission(
    client: Client, rendered: Sequence[Object], *, namespace: str, asked: Asked, profile: WorkloadProfile
) -> tuple[Check, ...]:
    """One check for each object that would not be taken, and one for the rest. Raises ``UnreachableError``."""
    faults: list[Check] = []
    unknown: list[str] = []
    for thing in rendered:
        try:
            taken = _dry_run(client, _explicit(thing, asked, profile), namespace)
        except LoadResourceError:
            unknown.append(title(thing))
            continue
        except UnreachableError:
            raise
        except (ApiError, LockageError) as error:
            faults.append(_refused(thing, str(error)))
            continue
        if thing.get("kind") == "Deployment" and name_of(thing) == asked.workload:
            faults += (
                Check(name="admission", ok=False, text=f"the API server would change it: {one}", hint=_WEBHOOK)
                for one in mismatches([taken], asked, profile)
                if not (one.field == "livenessProbe" and asked.liveness is None)  # applying takes nothing away that others set
            )
    if faults:
        return tuple(faults)
    text = f"the API server would take all {len(rendered) - len(unknown)} objects"
    return (Check(name="admission", ok=True, text=f"{text}; not asked: {', '.join(unknown)}" if unknown else text),)


_WEBHOOK = "kubectl get mutatingwebhookconfigurations"


def _dry_run(client: Client, thing: Object, namespace: str) -> Object:
    """The object as it would be stored."""
    metadata = within(thing, "metadata")
    # Helm leaves out the namespace of the release; a chart may name another.
    named = {**thing, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace}}
    made = cast("GlobalResource | NamespacedResource", codecs.from_dict(named))
    if isinstance(made, GlobalResource):
        made = cast("GlobalResource", codecs.from_dict(dict(thing)))
    taken = client.apply(made, field_manager=MANAGER, force=True, dry_run=True)
    return deployment_object(taken) if isinstance(taken, Deployment) else {}


def _explicit(thing: Object, asked: Asked, profile: WorkloadProfile) -> Object:
    """The same with what was asked for filled in: what is left out would stay as it is on the server.

    Helm takes away what it left out, but for the number of replicas, which is set afterwards where an autoscaler has it.
    """
    if thing.get("kind") != "Deployment" or name_of(thing) != asked.workload:
        return thing
    filled = copy.deepcopy(dict(thing))
    filled["spec"]["replicas"] = asked.replicas
    probe = container(filled, profile).get("livenessProbe")
    if isinstance(probe, dict) and asked.liveness is not None:
        numbers: dict[str, object] = {**probe_numbers(asked.liveness)}
        cast("dict[str, object]", probe).update(numbers)
    return filled


def deployment_object(seen: Deployment) -> Object:
    """A Deployment of the API server as a rendered one is."""
    content = cast("Object", seen.to_dict())  # pyright: ignore[reportUnknownMemberType] - lightkube's own annotation is partial
    return {**content, "kind": "Deployment"}


def _refused(thing: Object, told: str) -> Check:
    return Check(
        name="admission",
        ok=False,
        text=f"the API server would refuse {title(thing)}: {told}",
        hint="correct the values, or what forbids it; helm template shows the object",
    )
