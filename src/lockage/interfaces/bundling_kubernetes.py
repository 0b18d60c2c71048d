"""The objects of a deployment on Kubernetes, found as its profile says, or by its name where no profile fits.

Part of ``wiring``, and like it no place for work. The surprising thing: it goes its own way to the API server, beside the
evidence, because that one may have found it deaf.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from lockage.adapters.kubernetes.finding import find_any
from lockage.adapters.kubernetes.raw_objects import KubernetesObjects
from lockage.adapters.password_command import password_of
from lockage.errors import RefusedError
from lockage.interfaces.deployments import Located
from lockage.interfaces.places import KubernetesPlace
from lockage.interfaces.wiring_kubernetes import (
    address_of,
    environment_of,
    found_workload,
    opened_client,
    reached_from_here,
)


def objects_on_kubernetes(located: Located, place: KubernetesPlace, stack: ExitStack) -> KubernetesObjects:
    """The objects of the deployment; what is open is closed by the stack. Raises as ``open_client`` and ``find_any`` do."""
    client = stack.enter_context(opened_client(place))
    try:
        workload = found_workload(client, located, place).workload
    except RefusedError:
        workload = find_any(client, selector=place.selector, name=located.name)
    return KubernetesObjects(client, workload)


def database_on_kubernetes(located: Located, place: KubernetesPlace, stack: ExitStack) -> tuple[str, tuple[str, ...]]:
    """The database's address on a way that makes nothing, and the command that gives its password, if any; as above."""
    client = stack.enter_context(opened_client(place))
    found = found_workload(client, located, place)
    address = address_of(client, found, located)
    command = located.password_command or address.command
    if located.database_url is not None and place.reach == "auto":
        return address.url, command
    password = password_of(command, url=address.url, environment=os.environ) if command else None
    url = reached_from_here(
        client,
        found.workload,
        environment_of(client, found),
        place,
        stack,
        url=address.url,
        password=password,
        say=lambda _: None,
        looking=True,
    )
    return url, command
