"""Programs of the test cluster: Debian's packages, Kubernetes as one Go program, Helm 3 and 4; built once, then cached.

The surprising thing: Kubernetes is not downloaded but compiled, from the modules that the Go proxy serves, because that works
wherever Go works, and no release page has to be reached.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.layout import HELM_VERSIONS, HERE, KUBERNETES_VERSION, CannotError, cache_folder

KUBERNETES = HERE / "kubernetes"
HELM = HERE / "helm"
"""Both majors in one module, so that the libraries which they share are compiled once."""

PACKAGES: Mapping[str, str] = {
    "/usr/bin/containerd": "containerd",
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/bin/etcd": "etcd-server",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/debootstrap": "debootstrap",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "/usr/bin/openssl": "openssl",
    "/usr/bin/unshare": "util-linux",
    "/usr/sbin/ip": "iproute2",
}
"""Debian's packages by a file of each; Ubuntu has them under the same names."""

NAMES = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")
"""What the one program is called by."""

FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
"""For every program: nothing is debugged, so that nothing is written for it. A quarter of the compiler's time."""

COMPILER_VARIABLES = {"GOGC": "400"}
"""The compiler collects its own garbage less often: a fifth of its time, for some hundred megabytes. Go's default is 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Every program that we built, by the name it is called by."""

    by_name: Mapping[str, Path]


def missing() -> str | None:
    """Says in one sentence what keeps a cluster from being built here; None where nothing does."""
    if os.uname().sysname != "Linux":
        return f"the test cluster needs Linux, and this is {os.uname().sysname}"
    if os.geteuid() != 0:
        return "the test cluster needs root: it makes namespaces, mounts and a network interface"
    if not _built(_kubernetes_folder()).exists() and shutil.which("go") is None:
        return "the test cluster needs Go 1.26 or later to build Kubernetes, and there is no go on the PATH"
    lacking = [package for file, package in PACKAGES.items() if not Path(file).exists()]
    if lacking and shutil.which("apt-get") is None:
        return f"the test cluster needs what Debian packages as {', '.join(lacking)}, and there is no apt-get here"
    return None


def programs(*, say: Callable[[str], None]) -> Programs:
    """Builds what is missing, and gives it all. Raises CannotError."""
    with ThreadPoolExecutor(max_workers=1) as beside:  # a linker leaves one core to somebody else
        helms = beside.submit(lambda: {f"helm{major}": _helm(major, version, say) for major, version in HELM_VERSIONS.items()})
        by_name = dict.fromkeys(NAMES, _kubernetes(say)) | helms.result()
    return Programs(by_name=by_name | {"helm": by_name["helm3"]})


def install_packages(say: Callable[[str], None]) -> None:
    """Installs what is missing of Debian's packages. Raises CannotError."""
    if what := missing():
        raise CannotError(what)
    lacking = [package for file, package in PACKAGES.items() if not Path(file).exists()]
    if not lacking:
        return
    say(f"apt-get install {' '.join(lacking)}")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:  # without it Debian would start a containerd and an etcd of the system's
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *lacking]):
            _run(["apt-get", "-qq", *command], environment=environment)
    finally:
        if ours:
            policy.unlink()


def _kubernetes(say: Callable[[str], None]) -> Path:
    program = _built(_kubernetes_folder())
    if not program.exists():
        say(f"building Kubernetes {KUBERNETES_VERSION} (about 5 minutes on 2 cores)")
        major, minor, _patch = KUBERNETES_VERSION.removeprefix("v").split(".")
        version = "k8s.io/component-base/version"
        stamps = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        _build(KUBERNETES, ".", program, [f"-X {version}.{name}={value}" for name, value in stamps.items()])
    return program


def _kubernetes_folder() -> Path:
    key = _key(KUBERNETES, KUBERNETES_VERSION)
    return cache_folder() / "built" / f"kubernetes-{KUBERNETES_VERSION}-{key}"


def _key(module: Path, version: str) -> str:
    """What a cached program of a Go module is known by."""
    content = b"".join(file.read_bytes() for file in sorted(module.iterdir()))
    return hashlib.sha256(content + version.encode()).hexdigest()[:12]


def _built(folder: Path) -> Path:
    return folder / "kubernetes"


def _helm(major: int, version: str, say: Callable[[str], None]) -> Path:
    folder = cache_folder() / "built" / f"helm-{version}-{_key(HELM, version)}"
    if not (folder / "helm").exists():
        say(f"building Helm {version} (about a minute)")
        package = f"helm.sh/helm/v{major}"
        _build(HELM, f"{package}/cmd/helm", folder / "helm", [f"-X {package}/internal/version.version={version}"])
    return folder / "helm"


def _build(module: Path, package: str, program: Path, stamps: list[str]) -> None:
    """Compiles beside, and puts it where it belongs when it is whole."""
    fresh = program.parent.with_name(f"{program.parent.name}.new")
    fresh.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", *FLAGS, "-ldflags", " ".join(["-s", "-w", *stamps]), "-o", str(fresh / program.name), package]
    _run(command, environment={**os.environ, **COMPILER_VARIABLES}, folder=module)
    fresh.rename(program.parent)


def _run(command: list[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
    done = subprocess.run(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-15:])
        raise CannotError(f"{' '.join(command)} ended with {done.returncode}:\n{end}")
