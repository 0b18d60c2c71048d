"""Container images without a registry: archives as ``docker save`` writes them, made here and imported into containerd.

Not for images that anyone ships. The surprising thing: an image is no more than a tar of a root folder, a JSON that says what
to run, and checksums; so no builder is needed, and releases that differ in one variable share every layer.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.cluster.layout import CannotError, State

EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One name, and what its containers run."""

    name: str
    """As Kubernetes resolves it: a plain ``towpath:1`` is ``docker.io/library/towpath:1``."""
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str = ""


def write_archive(archive: Path, layers: Sequence[Path], images: Sequence[Image]) -> None:
    """Writes one archive with all ``images``, which share all ``layers`` (uncompressed tar files, lowest first)."""
    digests = [_digest(layer) for layer in layers]
    manifest: list[dict[str, Any]] = []
    fresh = archive.with_suffix(".new")
    with tarfile.open(fresh, "w") as packed:
        for layer, digest in zip(layers, digests, strict=True):
            packed.add(layer, arcname=f"{digest}.tar")
        for image in images:
            configuration = json.dumps(_configuration(image, digests)).encode()
            name = f"{hashlib.sha256(configuration).hexdigest()}.json"
            _add(packed, name, configuration)
            manifest.append({"Config": name, "RepoTags": [image.name], "Layers": [f"{digest}.tar" for digest in digests]})
        _add(packed, "manifest.json", json.dumps(manifest).encode())
    fresh.rename(archive)


def import_images(pid: int, state: State, archives: Sequence[Path]) -> None:
    """Imports ``archives`` into the containerd of the cluster whose first process is ``pid``. Raises CannotError."""
    for archive in archives:
        command = ["nsenter", f"--target={pid}", "--mount", "--net", "--pid", "ctr", f"--address={state.containerd_socket}"]
        command += ["--namespace=k8s.io", "images", "import", str(archive)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise CannotError(f"the images in {archive} cannot be imported: {done.stdout.strip()}")


def _configuration(image: Image, digests: Sequence[str]) -> dict[str, Any]:
    return {
        "created": EPOCH,
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {
            "User": image.user,
            "Env": [f"{name}={value}" for name, value in image.variables.items()],
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": EPOCH} for _digest in digests],
    }


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _add(packed: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    packed.addfile(entry, io.BytesIO(content))
