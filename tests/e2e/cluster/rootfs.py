"""What the test cluster's images are made of: a small Debian with Python, the wheels towpath needs, and towpath itself.

The surprising thing: there are two layers. The lower one takes a minute and changes when a version does; the upper one is the
demonstration's package as it stands in the working tree, packed anew at every start in less than a second.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from e2e.cluster.images import Image, write_archive
from e2e.cluster.layout import REPOSITORY, CannotError, cache_folder
from e2e.cluster.parts import PAUSE_IMAGE

SUITE = "bookworm"
"""Debian 12, whose Python is 3.11: the oldest that Lockage promises."""

PYTHON_VERSION = "3.11"
WHEELS = (
    "anyio",
    "click",
    "h11",
    "idna",
    "psycopg",
    "psycopg-binary",
    "psycopg-pool",
    "starlette",
    "typing-extensions",
    "uvicorn",
)
"""What `lockage.demo` imports, and what that needs; versions and hashes are those of requirements.lock."""

WHEELS_FOLDER = "usr/lib/python3/dist-packages"

UNUSED = ("usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/info", "var/cache/apt", "var/lib/apt/lists", "dev")
"""What no container reads; half the size of the layer."""

RELEASES = ("2.26.0", "2.26.6", "2.27.8", "2.27.9")

USER = "65532:65532"
"""Nobody in particular: charts that demand runAsNonRoot accept it."""

_REPRODUCIBLE_MTIME = 0


def towpath_images() -> tuple[Image, ...]:
    """Gives one image a release, and the pause image, which shares their layers."""
    variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    releases = (
        Image(
            name=f"docker.io/library/towpath:{release}",
            entrypoint=["python3", "-m", "lockage.demo.towpath", "--release", release],
            command=["server"],
            variables={**variables, "TOWPATH_RELEASE": release, "TOWPATH_HTTP_ADDRESS": "0.0.0.0:3000"},
            user=USER,
        )
        for release in RELEASES
    )
    return (*releases, Image(name=PAUSE_IMAGE, entrypoint=["sleep", "infinity"], variables=variables, user=USER))


def towpath_archive(*, say: Callable[[str], None]) -> Path:
    """Gives the archive with all images, of what is cached and of the demonstration as it stands now. Raises CannotError."""
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    python = python_layer(folder, say)
    towpath = folder / "towpath.tar"
    _pack_towpath(towpath)
    key = hashlib.sha256(python.name.encode() + towpath.read_bytes() + repr(towpath_images()).encode()).hexdigest()[:12]
    archive = folder / f"towpath-{key}.docker.tar"
    if not archive.exists():
        for old in folder.glob("towpath-*.docker.tar"):
            old.unlink()
        write_archive(archive, [python, towpath], towpath_images())
    return archive


def python_layer(folder: Path, say: Callable[[str], None]) -> Path:
    """Gives the layer with Debian, Python and towpath's wheels, made where it is missing. Raises CannotError."""
    requirements = "".join(_locked(WHEELS))
    key = hashlib.sha256(repr((SUITE, UNUSED, requirements, "compiled")).encode()).hexdigest()[:12]
    layer = folder / f"python-{key}.tar"
    if layer.exists():
        return layer
    say(f"making a root folder of Debian {SUITE} with Python (about a minute)")
    # Not under /tmp, which may be mounted without devices or programs.
    with tempfile.TemporaryDirectory(dir=folder, prefix="root-") as made:
        root = Path(made) / "root"
        _run(
            ["debootstrap", "--variant=minbase", "--include=python3", SUITE, str(root)]
        )  # from the mirror that debootstrap knows
        install_wheels(requirements, root / WHEELS_FOLDER, Path(made))
        # A pod cannot keep what it compiles, and each would compile it anew.
        _run(["chroot", str(root), "python3", "-m", "compileall", "-q", f"/{WHEELS_FOLDER}"])
        for unused in UNUSED:
            shutil.rmtree(root / unused, ignore_errors=True)
            (root / unused).mkdir(parents=True)
        fresh = layer.with_suffix(".new")
        _run(["tar", "--create", "--numeric-owner", f"--directory={root}", f"--file={fresh}", "."])
        fresh.rename(layer)
    return layer


def _locked(names: tuple[str, ...]) -> Iterator[str]:
    # An entry of the lock is a line that begins with the name, and every indented line behind it.
    entries = re.split(r"^(?=\S)", (REPOSITORY / "requirements.lock").read_text(), flags=re.MULTILINE)
    found = {entry.split("==")[0]: entry for entry in entries if "==" in entry.split("\n")[0]}
    for name in names:
        if name not in found:
            raise CannotError(f"requirements.lock does not pin {name}, which towpath's image needs")
        # Without its comments, which name whoever else wants it, and so change for no reason of ours.
        yield "".join(line for line in found[name].splitlines(keepends=True) if not line.lstrip().startswith("#"))


def install_wheels(requirements: str, target: Path, folder: Path) -> None:
    """Installs locked wheels for the image's Python into ``target``; ``folder`` is for passing notes. Raises CannotError."""
    file = folder / "requirements.txt"
    file.write_text(requirements)
    wanted = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", f"--target={target}", f"--requirement={file}"]
    machine = os.uname().machine
    if shutil.which("uv"):
        place = [f"--python-version={PYTHON_VERSION}", f"--python-platform={machine}-manylinux_2_28", "--link-mode=copy"]
        _run(["uv", "pip", "install", *place, *wanted])
        return
    platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in ("2_28", "2_17")]
    place = [f"--python-version={PYTHON_VERSION}", "--implementation=cp", *platforms, "--platform=manylinux2014_" + machine]
    _run([sys.executable, "-m", "pip", "install", *place, *wanted])


def _pack_towpath(target: Path) -> None:
    source = REPOSITORY / "src" / "lockage"
    files = [source / "__init__.py", *sorted((source / "demo").rglob("*"))]
    with tarfile.open(target, "w") as packed:
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                entry = packed.gettarinfo(file, arcname=f"{WHEELS_FOLDER}/lockage/{file.relative_to(source)}")
                add(packed, entry, file.read_bytes())
        # So that `towpath version`, run in the container, answers.
        add(packed, tarfile.TarInfo("usr/local/bin/towpath"), b'#!/bin/sh\nexec python3 -m lockage.demo.towpath "$@"\n', 0o755)


def add(packed: tarfile.TarFile, entry: tarfile.TarInfo, content: bytes, mode: int = 0o644) -> None:
    """Adds a file of root's, the same whenever and by whomever it is packed."""
    entry.size, entry.mode, entry.mtime, entry.uid, entry.gid = len(content), mode, _REPRODUCIBLE_MTIME, 0, 0
    entry.uname = entry.gname = ""
    packed.addfile(entry, io.BytesIO(content))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-15:])
        raise CannotError(f"{' '.join(command)} ended with {done.returncode}:\n{end}")
