"""Where everything of the test cluster lies, which versions it has, and which addresses.

Standard library only, as everything in this package: it runs before anything is installed. The surprising thing: the cluster
has namespaces of its own for processes, mounts and network, so its ports and paths are fixed and yet never in anybody's way;
only one interface and one route are on the host.
"""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent.parent
REPOSITORY = TESTS.parent

KUBERNETES_VERSION = "v1.33.13"
"""The version that kubernetes/go.mod requires; a newer one needs new ``replace`` lines too."""

HELM_VERSIONS = {3: "v3.22.0", 4: "v4.3.1"}
"""Helm by major, as helm/go.mod requires it: both are in use, and their flags differ."""

NODE = "lockage-e2e"
LINK = "lockage-e2e"
"""Name of the host's end of the only pair of interfaces; Linux allows 15 bytes."""

UPLINK = "uplink"
"""Name of the cluster's end."""

CGROUP = "lockage-e2e"

API_PORT = 6443

_NETWORKS = tuple(ipaddress.IPv4Network(f"10.{second}.0.0/16") for second in range(213, 254))


HIDDEN = (Path("/run"), Path("/var/log"), Path("/var/lib"))
"""Folders in which programs have fixed paths: the cluster sees empty ones of its own there, in memory."""


class CannotError(Exception):
    """What stands in the way, as one sentence that says what to do."""


def cache_folder() -> Path:
    """Gives the folder that keeps builds and images between starts: LOCKAGE_E2E_CACHE, or the system's usual place.

    Raises CannotError for a folder that the cluster could not see.
    """
    named = os.environ.get("LOCKAGE_E2E_CACHE")
    if not named:
        return Path("/var/cache/lockage-e2e") if os.geteuid() == 0 else Path.home() / ".cache" / "lockage-e2e"
    folder = Path(named).resolve()
    for hidden in HIDDEN:
        if folder.is_relative_to(hidden):
            raise CannotError(f"LOCKAGE_E2E_CACHE is {folder}, and the cluster sees a {hidden} of its own: name another folder")
    return folder


def state_folder() -> Path:
    """Gives the folder that holds everything of the running cluster, and that ends with it."""
    return cache_folder() / "cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One /16 of private addresses: a link to the host, Services and pods."""

    whole: str

    @property
    def _parts(self) -> list[ipaddress.IPv4Network]:
        return list(ipaddress.IPv4Network(self.whole).subnets(new_prefix=20))

    @property
    def host(self) -> str:
        """The host's address as pods see it: where a PostgreSQL on the host is reached."""
        return str(self._parts[0][1])

    @property
    def node(self) -> str:
        """The node's address as the host sees it: API server, kubelet."""
        return str(self._parts[0][2])

    @property
    def services(self) -> str:
        """Addresses of Services, routed from the host too."""
        return str(self._parts[1])

    @property
    def first_service(self) -> str:
        """The Service ``kubernetes`` itself."""
        return str(self._parts[1][1])

    @property
    def pods(self) -> str:
        """Addresses of pods, routed from the host too, unchanged on their way to it."""
        return str(self._parts[2])

    @property
    def api(self) -> str:
        """URL of the API server, from the host and from inside."""
        return f"https://{self.node}:{API_PORT}"


def free_network() -> Network:
    """Gives the first candidate that overlaps with no address and no route of the host."""
    taken: list[ipaddress.IPv4Network] = []
    for what, key in (("route", "dst"), ("address", "local")):
        done = subprocess.run(["ip", "-4", "-json", what, "show"], stdout=subprocess.PIPE, check=True)
        for line in json.loads(done.stdout):
            for entry in line.get("addr_info", [line]):
                text = entry.get(key, "default")
                if text != "default":
                    taken.append(ipaddress.IPv4Network(text, strict=False))
    for candidate in _NETWORKS:
        if not any(candidate.overlaps(other) for other in taken):
            return Network(whole=str(candidate))
    raise CannotError("none of 10.213.0.0/16 to 10.253.0.0/16 is free on this host, and the cluster needs one of them")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Every path under the state folder."""

    folder: Path

    @property
    def record(self) -> Path:
        """Who the cluster is: pid, start time, addresses, what to put back."""
        return self.folder / "cluster.json"

    @property
    def certificates(self) -> Path:
        """Certificates, keys, and a kubeconfig for each who speaks to the API server."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One log for each part."""
        return self.folder / "logs"

    @property
    def programs(self) -> Path:
        """Links to the programs by name, first on every part's PATH."""
        return self.folder / "bin"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.folder / "containerd.sock"
