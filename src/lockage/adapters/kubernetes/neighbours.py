"""Other workloads that run the same application on the same database, told by where each has its address from.

Not for reading addresses: no Secret is opened. Two that refer to one key of one Secret have one address, and so have two with
the same host and database in plain text. The surprising thing: only the same image counts, because an exporter or a backup with
the same address does not migrate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from lockage.adapters.kubernetes.failure import ForbiddenError
from lockage.adapters.kubernetes.image import parse_image
from lockage.adapters.kubernetes.objects import Asking, ContainerObject, Variable, WorkloadKind, WorkloadObject, list_workloads
from lockage.core.release.profile import DatabaseProfile

KINDS: tuple[WorkloadKind, ...] = ("Deployment", "StatefulSet")

_Address: TypeAlias = tuple[object, ...]


class _Everywhere(msgspec.Struct):
    items: tuple[WorkloadObject, ...] | None = None


def neighbours_of(client: Asking, name: str, *, container: str, database: DatabaseProfile) -> tuple[str, ...]:
    """Kind, name and namespace of each: "Deployment/shop-copy in staging"; in other namespaces only where we may look.

    Raises as the client does, when the namespace's own Deployments cannot be listed.
    """
    there = [one for kind in KINDS for one in _workloads(client, kind)]
    own = next(
        (one for one in there if one.title == f"Deployment/{name}" and _namespace(one, client) == client.namespace), None
    )
    main = next((one for one in own.spec.template.spec.containers if one.name == container), None) if own is not None else None
    if own is None or main is None:
        return ()
    address, image = _address(main, database, client.namespace), parse_image(main.image).repository
    return tuple(
        f"{one.title} in {_namespace(one, client)}"
        for one in there
        if one is not own and one.spec.replicas > 0 and address is not None
        if any(
            parse_image(each.image).repository == image and _address(each, database, _namespace(one, client)) == address
            for each in one.spec.template.spec.containers
        )
    )


def _workloads(client: Asking, kind: WorkloadKind) -> tuple[WorkloadObject, ...]:
    """Those of the whole cluster where we may list them, else the namespace's own."""
    try:
        answer = client.send("GET", f"/apis/apps/v1/{kind.lower()}s")
    except ForbiddenError:
        if kind == "Deployment":
            return list_workloads(client, kind)
        try:
            return list_workloads(client, kind)
        except ForbiddenError:
            return ()
    found = msgspec.json.decode(answer, type=_Everywhere).items or ()
    return tuple(msgspec.structs.replace(one, kind=kind) for one in found)


def _namespace(one: WorkloadObject, client: Asking) -> str:
    return one.metadata.namespace or client.namespace


def _address(container: ContainerObject, database: DatabaseProfile, namespace: str) -> _Address | None:
    """What two containers with the same address have in common; None where it is not in the profile's variables."""
    if database.url_env is not None:
        return next(_references(container, database.url_env, namespace, url=True), None)
    if database.parts is None:
        return None
    names = (database.parts.host, database.parts.port, database.parts.database)
    found = [next(_references(container, name, namespace, url=False), None) for name in names if name and name[:1] != "/"]
    return tuple(found) if found and found[0] is not None else None


def _references(container: ContainerObject, name: str, namespace: str, *, url: bool) -> Iterator[_Address]:
    """Where the variable has its value from: the last definition wins, and ``env`` over ``envFrom``."""
    defined = [entry for entry in container.env if entry.name == name]
    if defined:
        yield _reference(defined[-1], namespace, url=url)
    for source in reversed(container.env_from):
        if not name.startswith(source.prefix):
            continue
        for kind, ref in (("Secret", source.secret_ref), ("ConfigMap", source.config_map_ref)):
            if ref is not None:
                yield kind, namespace, ref.name, name.removeprefix(source.prefix)


def _reference(entry: Variable, namespace: str, *, url: bool) -> _Address:
    source = entry.value_from
    if source is not None:
        for kind, ref in (("Secret", source.secret_key_ref), ("ConfigMap", source.config_map_key_ref)):
            if ref is not None:
                return kind, namespace, ref.name, ref.key
    if not url:
        return "value", entry.value
    try:
        parts = urlsplit(entry.value)
        host = parts.hostname or ""
        return "url", host if "." in host else f"{host}.{namespace}", parts.port or 5432, parts.path
    except ValueError:
        return "value", namespace, entry.value
