"""Lockage's own image for the test cluster: what `Containerfile` makes for people with a builder, packed without one.

The surprising thing: it can be imported into a cluster that is up, and replaces the one of that name there, so a changed source
needs no restart. Four layers, the rarest changed lowest: Debian with Python, the wheels, kubectl and Helm, Lockage itself.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from e2e.cluster.images import Image, import_images, write_archive
from e2e.cluster.layout import HELM_VERSIONS, REPOSITORY, cache_folder
from e2e.cluster.rootfs import USER, WHEELS_FOLDER, add, install_wheels, python_layer
from e2e.cluster.whole import Cluster

LOCK = REPOSITORY / "requirements-run.lock"
HOME = "/var/lib/lockage"
"""Where the container keeps journals, caches and shadows; a volume is mounted there."""

ACCOUNT = f"lockage:x:{USER}:lockage:{HOME}:/usr/sbin/nologin\n"
"""PostgreSQL starts only as a user that has a name."""

Say = Callable[[str], None]


def version() -> str:
    """The version in pyproject.toml."""
    found = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert found is not None
    return found[1]


def image_name() -> str:
    """What pods call it."""
    return f"lockage:{version()}"


def import_lockage(cluster: Cluster, *, say: Say) -> str:
    """Gives the name of the image, which is in the cluster as the working tree stands now. Raises CannotError."""
    archive = lockage_archive(cluster.programs, say=say)
    # What was imported is noted beside the images, so that it ends with the cluster's own folder.
    note = cluster.state.folder / "lockage-image"
    if not note.exists() or note.read_text() != archive.name:
        import_images(cluster.record.pid, cluster.state, [archive])
        note.write_text(archive.name)
    return image_name()


def lockage_archive(programs: Path, *, say: Say) -> Path:
    """Gives the archive of the working tree as it stands; ``programs`` has kubectl and helm3. Raises CannotError."""
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    python = python_layer(folder, say)
    layers = [python, _wheels_layer(folder, say), _programs_layer(folder, programs)]
    source = folder / "lockage.tar"
    _pack_lockage(source, python)
    key = hashlib.sha256("".join(layer.name for layer in layers).encode() + source.read_bytes()).hexdigest()[:12]
    archive = folder / f"lockage-{key}.docker.tar"
    if not archive.exists():
        for old in folder.glob("lockage-*.docker.tar"):
            old.unlink()
        write_archive(archive, [*layers, source], [_image()])
    return archive


def _image() -> Image:
    variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LOCKAGE_HOME": HOME, "HOME": HOME}
    quiet = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return Image(
        name=f"docker.io/library/{image_name()}",
        entrypoint=["lockage"],
        command=["--help"],
        variables=variables | quiet,
        user=USER,
    )


def _wheels_layer(folder: Path, say: Say) -> Path:
    requirements = LOCK.read_text()
    layer = folder / f"lockage-wheels-{hashlib.sha256(requirements.encode()).hexdigest()[:12]}.tar"
    if layer.exists():
        return layer
    say("installing Lockage's wheels for its image")
    with tempfile.TemporaryDirectory(dir=folder, prefix="wheels-") as made:
        target = Path(made) / "wheels"
        target.mkdir()
        install_wheels(requirements, target, Path(made))
        fresh = layer.with_suffix(".new")
        with tarfile.open(fresh, "w") as packed:
            for file in sorted(target.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
                    entry = packed.gettarinfo(file, arcname=f"{WHEELS_FOLDER}/{file.relative_to(target)}")
                    add(packed, entry, file.read_bytes(), mode)
        fresh.rename(layer)
    return layer


def _programs_layer(folder: Path, programs: Path) -> Path:
    files = {"kubectl": (programs / "kubectl").resolve(), "helm": (programs / "helm3").resolve()}
    key = hashlib.sha256(repr(sorted(map(str, files.values()))).encode()).hexdigest()[:12]
    layer = folder / f"lockage-programs-{HELM_VERSIONS[3]}-{key}.tar"
    if not layer.exists():
        fresh = layer.with_suffix(".new")
        with tarfile.open(fresh, "w") as packed:
            for name, file in files.items():
                add(packed, tarfile.TarInfo(f"usr/local/bin/{name}"), file.read_bytes(), 0o755)
        fresh.rename(layer)
    return layer


def _pack_lockage(target: Path, python: Path) -> None:
    source = REPOSITORY / "src" / "lockage"
    with tarfile.open(python) as lower:
        accounts = lower.extractfile("./etc/passwd")
        assert accounts is not None
        names = accounts.read().decode() + ACCOUNT
    with tarfile.open(target, "w") as packed:
        for file in sorted(source.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                entry = packed.gettarinfo(file, arcname=f"{WHEELS_FOLDER}/lockage/{file.relative_to(source)}")
                add(packed, entry, file.read_bytes())
        metadata = f"Metadata-Version: 2.4\nName: lockage\nVersion: {version()}\n"
        add(packed, tarfile.TarInfo(f"{WHEELS_FOLDER}/lockage-{version()}.dist-info/METADATA"), metadata.encode())
        starter = b"#!/usr/bin/python3\nfrom lockage.interfaces.cli.main import main\n\nmain()\n"
        add(packed, tarfile.TarInfo("usr/local/bin/lockage"), starter, 0o755)
        add(packed, tarfile.TarInfo("etc/passwd"), names.encode())
        home = tarfile.TarInfo(HOME.lstrip("/"))
        home.type, home.mode, home.uid, home.gid = tarfile.DIRTYPE, 0o770, *map(int, USER.split(":"))
        packed.addfile(home)
