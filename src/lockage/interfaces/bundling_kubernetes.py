"""The objects of a deployment on Kubernetes, found as its profile says, or by its name where no profile fits.

Part of ``wiring``, and like it no place for work. The surprising thing: it goes its own way to the API server, beside the
evidence, because that one may have found it deaf.
"""

from __future__ import annotations

from contextlib import ExitStack

from lockage.adapters.kubernetes.finding import find_any
from lockage.adapters.kubernetes.raw_objects import KubernetesObjects
from lockage.errors import RefusedError
from lockage.interfaces.deployments import Located
from lockage.interfaces.places import KubernetesPlace
from lockage.interfaces.wiring_kubernetes import found_workload, opened_client


def objects_on_kubernetes(located: Located, place: KubernetesPlace, stack: ExitStack) -> KubernetesObjects:
    """The objects of the deployment; what is open is closed by the stack. Raises as ``open_client`` and ``find_any`` do."""
    client = stack.enter_context(opened_client(place))
    try:
        workload = found_workload(client, located, place).workload
    except RefusedError:
        workload = find_any(client, selector=place.selector, name=located.name)
    return KubernetesObjects(client, workload)
