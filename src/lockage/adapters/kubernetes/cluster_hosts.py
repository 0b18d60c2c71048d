"""Which Service or Pod of the cluster has an address that the replicas use.

Not for addresses outside. The surprising thing: a name that means a Service in the cluster may mean another machine here (a
short name under this network's search domain), so it counts as reached directly only where it leads to the Service's addresses.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError
from lockage.adapters.kubernetes.objects import Asking, PodObject, ServiceObject, list_pods, list_services
from lockage.errors import RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What ``kubectl port-forward`` is told to lead to."""

    namespace: str
    object: str  # "service/db", "pod/db-0"
    addresses: tuple[str, ...] = ()  # that the name has in the cluster; none: not known
    alias: str | None = None  # the name that it stands for, outside
    problem: str | None = None  # why nothing can be forwarded to it


def is_loopback(host: str) -> bool:
    """Whether the address means the replica itself (a proxy beside it in the pod), or a socket in its file system."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def target_of(client: Asking, host: str) -> Target | None:
    """The Service or Pod behind an address or a name as the cluster's DNS has it; None when there is none to be seen."""
    if _address(host) is not None:
        return _by_address(client, host)
    labels = host.rstrip(".").split(".")
    if "svc" in labels:
        labels = labels[: labels.index("svc")]
    elif len(labels) > 2:
        return None
    match labels:
        case [service]:
            return _service(client, service, client.namespace)
        case [first, second]:
            # A pod of a StatefulSet under its Service's name, or a Service under its namespace's.
            return _service(client, first, second) or _pod(client, first, client.namespace)
        case [pod, _, namespace]:
            return _pod(client, pod, namespace)
        case _:
            return None


def leads_there(host: str, target: Target) -> bool:
    """Whether the name means the same here as in the cluster, as far as that can be known."""
    here = _resolved(host)
    there = _resolved(target.alias) if target.alias is not None else set(target.addresses)
    return bool(here) and (not there or here <= there)


def _resolved(name: str) -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except OSError:
        return set()


def _by_address(client: Asking, host: str) -> Target | None:
    try:
        for service in list_services(client):
            if host in service.spec.cluster_ips:
                return _of_service(client, service, client.namespace)
        for pod in list_pods(client):
            if pod.status.pod_ip == host and pod.runs:
                return _of_pod(pod, client.namespace)
    except ForbiddenError:
        return None
    return None


def _service(client: Asking, name: str, namespace: str) -> Target | None:
    body = _got(client, f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe='')}")
    return None if body is None else _of_service(client, msgspec.json.decode(body, type=ServiceObject), namespace)


def _pod(client: Asking, name: str, namespace: str) -> Target | None:
    body = _got(client, f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}")
    return None if body is None else _of_pod(msgspec.json.decode(body, type=PodObject), namespace)


def _of_service(client: Asking, service: ServiceObject, namespace: str) -> Target:
    own = tuple(ip for ip in service.spec.cluster_ips if ip != "None")
    problem = None
    if service.spec.type == "ExternalName":
        alias = service.spec.external_name
        return Target(
            namespace=namespace, object=f"service/{service.metadata.name}", alias=alias, problem=f"it stands for {alias}"
        )
    if not service.spec.selector:
        problem = "it has no pods of its own"
    elif not own:
        selector = ",".join(f"{name}={value}" for name, value in service.spec.selector.items())
        try:
            own = tuple(pod.status.pod_ip for pod in list_pods(client, selector=selector, namespace=namespace) if pod.runs)
        except ForbiddenError:
            own = ()
    return Target(namespace=namespace, object=f"service/{service.metadata.name}", addresses=own, problem=problem)


def _of_pod(pod: PodObject, namespace: str) -> Target:
    problem = None if pod.runs else "it does not run"
    return Target(namespace=namespace, object=f"pod/{pod.metadata.name}", addresses=(pod.status.pod_ip,), problem=problem)


def _got(client: Asking, path: str) -> bytes | None:
    try:
        return client.send("GET", path)
    except (MissingError, ForbiddenError):
        return None
    except RefusedError as error:
        if error.code == "LK508":  # no name that an object can have
            return None
        raise


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
