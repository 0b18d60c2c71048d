"""Who owns a Deployment and would put its own desired state back: Argo CD, Flux, Terraform, an operator.

Not for stopping anybody. The surprising thing: ``app.kubernetes.io/instance`` is no evidence by itself, because Helm writes it
too; an Application counts when the object says that it tracks it, or when its own status lists the Deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError
from lockage.adapters.kubernetes.raw import Anything, Asking, Meta, allowed, at, found, sequence_at
from lockage.adapters.kubernetes.writers import image_field, owning
from lockage.core.facts import Contender, ContenderKind

TRACKING = "argocd.argoproj.io/tracking-id"
"""Annotation ``APPLICATION:GROUP/KIND:NAMESPACE/NAME``. Source: Argo CD 3.1, "Resource Tracking"."""

ARGO = "argoproj.io"
FLUX: Mapping[str, tuple[str, str]] = {
    "kustomize.toolkit.fluxcd.io": ("Kustomization", "kustomizations"),
    "helm.toolkit.fluxcd.io": ("HelmRelease", "helmreleases"),
}
"""API group, whose ``/name`` and ``/namespace`` are labels of what it makes, to kind. Source: Flux 2.6, API reference."""

MANAGERS: tuple[tuple[str, str], ...] = (
    ("argocd-controller", "Argo CD"),
    ("argocd-application-controller", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
    ("terraform", "Terraform"),
    ("hashicorp", "Terraform"),
    ("pulumi", "Pulumi"),
)
"""How the field managers of those begin that put their own state back, in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What of a Deployment decides who owns it."""

    metadata: Meta
    container: str  # the application's
    image: str  # that it runs
    groups: Mapping[str, str]  # API groups of the cluster, with the version that each prefers


def owners_of(client: Asking, owned: Owned) -> tuple[Contender, ...]:
    """Everybody who owns the Deployment, or may: what could not be read is said. Raises as the client does."""
    said = [*_argo(client, owned), *_flux(client, owned), *_operators(owned)]
    if not any(contender.kind is ContenderKind.OWNER for contender in said):
        said += _managers(owned)
    return tuple(said)


# --- Argo CD -------------------------------------------------------------------------------------------------------------


def _argo(client: Asking, owned: Owned) -> Iterator[Contender]:
    application = _tracked_by(owned.metadata)
    if ARGO not in owned.groups:
        if application is not None:
            yield _unseen(f"Application/{application}", "tracks it from another cluster (Argo CD)")
        return
    base = f"/apis/{ARGO}/v1alpha1"
    spaces = dict.fromkeys((client.namespace, "argocd"))
    there = allowed([f"{base}/applications", *(f"{base}/namespaces/{name}/applications" for name in spaces)], client)
    tracking = _narrowed([each for each in there or () if _is(application, each) or _lists(each, owned.metadata)], owned)
    yield from (_application(each, owned) for each in tracking)
    if tracking:
        return
    if application is not None:
        yield _unseen(f"Application/{application}", "tracks it (Argo CD); whether it syncs by itself cannot be read")
    elif there is None:
        yield Contender(
            kind=ContenderKind.UNKNOWN,
            object="Argo CD",
            does="may own it: our identity may not list applications.argoproj.io",
        )


def _tracked_by(metadata: Meta) -> str | None:
    """The Application that an object says it belongs to; None when it says another object's, which was copied."""
    name, _, resource = metadata.annotations.get(TRACKING, "").partition(":")
    return name if resource == f"apps/Deployment:{metadata.namespace}/{metadata.name}" else None


def _is(application: str | None, found: Anything) -> bool:
    # One outside Argo CD's own namespace is called NAMESPACE_NAME. Source: Argo CD 3.1, "Applications in any namespace".
    return application in {found.metadata.name, f"{found.metadata.namespace}_{found.metadata.name}"}


def _narrowed(applications: list[Anything], owned: Owned) -> list[Anything]:
    """Of several of one name those that go to our namespace, where any says so."""
    ours = [each for each in applications if at(each.spec, "destination", "namespace") == owned.metadata.namespace]
    return ours if len(applications) > 1 and ours else applications


def _lists(application: Anything, metadata: Meta) -> bool:
    return _resource(application, metadata) is not None


def _resource(application: Anything, metadata: Meta) -> Mapping[str, object] | None:
    wanted = ("apps", "Deployment", metadata.namespace, metadata.name)
    for each in sequence_at(application.status, "resources"):
        if tuple(at(each, key) for key in ("group", "kind", "namespace", "name")) == wanted:
            return each
    return None


def _application(application: Anything, owned: Owned) -> Contender:
    automated = at(application.spec, "syncPolicy", "automated")
    by_itself = automated is not None and at(automated, "enabled") is not False
    heals = by_itself and at(automated, "selfHeal") is True
    synced = at(_resource(application, owned.metadata), "status") == "Synced"
    does = "syncs when it is told to" if not by_itself else "syncs by itself" + (" and puts changes back" if heals else "")
    return Contender(
        kind=ContenderKind.OWNER,
        object=f"Application/{application.metadata.name} in {application.metadata.namespace}",
        does=does,
        paused=not by_itself,
        desired_image=_wanted_image(application, owned) or (owned.image if synced else None),
    )


def _wanted_image(application: Anything, owned: Owned) -> str | None:
    """The image that an Application's own spec asks for, where it does."""
    repository, _, _ = owned.image.rpartition(":")
    for each in sequence_at(application.spec, "source", "kustomize", "images"):
        name, _, new = str(each).rpartition("=")
        if (name or new.rpartition(":")[0]) == repository or new.rpartition(":")[0] == repository:
            return new
    for each in sequence_at(application.spec, "source", "helm", "parameters"):
        if str(at(each, "name")).endswith("image.tag"):
            return f"{repository}:{at(each, 'value')}"
    return None


# --- Flux, operators, managers -------------------------------------------------------------------------------------------


def _flux(client: Asking, owned: Owned) -> Iterator[Contender]:
    for group, (kind, plural) in FLUX.items():
        name = owned.metadata.labels.get(f"{group}/name")
        if name is None:
            continue
        namespace = owned.metadata.labels.get(f"{group}/namespace", owned.metadata.namespace)
        what, version = f"{kind}/{name} in {namespace}", owned.groups.get(group)
        if version is None:
            yield _unseen(what, "applies it from another cluster (Flux)")
            continue
        try:
            each = found(client, f"/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}")
        except (ForbiddenError, MissingError):
            yield _unseen(what, "applies it (Flux); whether it is suspended cannot be read")
            continue
        suspended = each.spec.get("suspend") is True
        does = "applies it when it is resumed" if suspended else "applies it again and again"
        yield Contender(kind=ContenderKind.OWNER, object=what, does=f"{does} (Flux)", paused=suspended)


def _operators(owned: Owned) -> Iterator[Contender]:
    for owner in owned.metadata.ownerReferences:
        if owner.controller:
            yield _unseen(f"{owner.kind}/{owner.name}", "controls it (an operator)")


def _managers(owned: Owned) -> Iterator[Contender]:
    """Who owns the image or the number of replicas by its field manager alone."""
    fields = owned.metadata.managedFields
    images = owning(fields, image_field(owned.container))
    for manager in dict.fromkeys((*images, *owning(fields, ("f:spec", "f:replicas")))):
        title = next((title for start, title in MANAGERS if manager.lower().startswith(start)), None)
        if title is not None:
            yield Contender(
                kind=ContenderKind.OWNER,
                object=title,
                does=f"set what it is asked for (field manager {manager})",
                # Whoever still owns the field wants what stands there.
                desired_image=owned.image if manager in images else None,
            )


def _unseen(what: str, does: str) -> Contender:
    return Contender(kind=ContenderKind.OWNER, object=what, does=does)
