"""A deployment as a command line names it: its name, and flags that win over what a file says.

Not for files (``deployments``) nor for the options themselves (``cli.options``). The surprising thing: flags that only
Kubernetes knows also say that Kubernetes is meant, so that nothing needs to be described beforehand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

Reach: TypeAlias = Literal["auto", "direct", "port-forward", "pod"]
"""The way from here to a database that the replicas have an address of.

* ``direct``: the address as the replicas have it
* ``port-forward``: by ``kubectl port-forward`` to the Service or Pod that has the address
* ``pod``: by ``kubectl port-forward`` to a short-lived pod of ours that relays to it
* ``auto``: the first of these that works
"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as a command line names it: flags win over what a file says."""

    name: str
    profile: Path | str | None = None  # a file, or the name of a profile that Lockage brings
    database: str | None = None
    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    selector: str | None = None
    reach: Reach | None = None
    relay_image: str | None = None
    chart: str | None = None
    helm_release: str | None = None
    helm_program: str | None = None
    helm_arguments: tuple[str, ...] = ()  # what stands after "--"
    advisories: tuple[Path, ...] = ()  # files of the user's own
    migrations: Path | None = None  # the folder of those of the release gone to

    @property
    def kubernetes_flags(self) -> tuple[str, ...]:
        """Those given flags that only a deployment on Kubernetes knows."""
        flags = {
            "--namespace": self.namespace,
            "--context": self.context,
            "--kubeconfig": self.kubeconfig,
            "--selector": self.selector,
            "--reach": self.reach,
            "--relay-image": self.relay_image,
            **self.helm_flags,
        }
        return tuple(flag for flag, given in flags.items() if given)

    @property
    def helm_flags(self) -> dict[str, object]:
        """Helm's flags with what was given."""
        return {
            "--chart": self.chart,
            "--helm-release": self.helm_release,
            "--helm": self.helm_program,
            "arguments after --": self.helm_arguments,
        }

    @property
    def means_kubernetes(self) -> bool:
        """Whether the flags alone say where the deployment is."""
        return any((self.namespace, self.context, self.kubeconfig, self.selector))
