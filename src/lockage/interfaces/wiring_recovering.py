"""What a recovery needs of the world beside what a run does: Helm's record of a stuck revision, and a look for restore points.

Not for the world itself (``wiring``). The surprising thing: heavy parts are imported where they are needed, as everywhere in
the wiring, so that ``lockage --help`` stays quick.
"""

# ruff: noqa: PLC0415 - see above
from __future__ import annotations

from collections.abc import Callable

from lockage.core.recovery.restore_points import RestorePoints
from lockage.errors import LockageError, RefusedError
from lockage.interfaces.deployments import Deployment, Located
from lockage.interfaces.places import KubernetesPlace
from lockage.settings import Watching


def helm_marker(located: Located) -> Callable[[int], None] | None:
    """Marks a revision of the deployment's Helm release as failed; None where nothing is Helm's.

    It raises ``RefusedError``: LK518 where the Deployment does not say whose it is, and as the API server refuses.
    """
    place = located.platform
    if not isinstance(place, KubernetesPlace):
        return None

    def mark(revision: int) -> None:
        from lockage.adapters.helm.stuck import mark_failed
        from lockage.interfaces.wiring_kubernetes import found_workload, opened_client

        with opened_client(place) as client:
            found = found_workload(client, located, place)
            name = (place.helm.release if place.helm else None) or (found.helm.release if found.helm else None)
            if name is None:
                raise RefusedError(
                    f"Deployment/{found.name} does not say which Helm release it belongs to",
                    code="LK518",
                    hint=f"lockage recover {located.name} --helm-release NAME --chart CHART",
                )
            mark_failed(name, revision, client=client.kube, namespace=client.namespace)

    return mark


def restore_points_of(deployment: Deployment) -> RestorePoints:
    """What can be seen of backups; what cannot be looked at is named, and nothing is raised."""
    from lockage.adapters.postgres.restore_points import read_restore_points

    try:
        found = read_restore_points(deployment.database_url, watching=Watching(), password=deployment.database_password)
    except LockageError as error:
        found = RestorePoints(missing=(f"the database ({error.message})",))
    place = deployment.platform
    return found.joined(_objects(place)) if isinstance(place, KubernetesPlace) else found


def _objects(place: KubernetesPlace) -> RestorePoints:
    from lockage.adapters.kubernetes.restore_points import read_backup_objects
    from lockage.interfaces.wiring_kubernetes import opened_client

    try:
        with opened_client(place) as client:
            return read_backup_objects(client)
    except LockageError as error:
        return RestorePoints(missing=(f"backup objects ({error.message})",))
