"""towpath's chart as its releases come: one archive for each, of the newer or the older shape."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from e2e.cluster.layout import REPOSITORY

CHART = REPOSITORY / "charts" / "towpath"
RELEASES = ("2.26.0", "2.26.6", "2.27.8", "2.27.9")


def pack_charts(folder: Path, *, helm: Path, releases: Sequence[str] = RELEASES, older: Collection[str] = ()) -> str:
    """Packs a chart archive for each release into ``folder``; gives the path with ``{release}`` in it.

    ``older``: those releases whose chart has the older shape, which takes of the liveness probe only the initial delay.
    """
    for release in releases:
        source = folder / f"source-{release}" / "towpath"
        shutil.copytree(CHART, source)
        if release in older:
            shutil.copytree(CHART / "older", source, dirs_exist_ok=True)
        command = [str(helm), "package", str(source), f"--version={release}", f"--app-version={release}"]
        subprocess.run([*command, f"--destination={folder}"], check=True, capture_output=True)
        shutil.rmtree(source.parent)
    return str(folder / "towpath-{release}.tgz")
