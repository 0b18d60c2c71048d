"""towpath's chart as its releases come: one archive for each, of the newer or the older shape.

Not for charts of others. The surprising thing: the chart comes with the package and has no version of its own; packing gives
it that of the release.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Sequence
from importlib import resources
from pathlib import Path

from lockage.demo.towpath.releases import releases
from lockage.errors import RefusedError

CHART = Path(str(resources.files("lockage.demo").joinpath("charts", "towpath")))
RELEASES = tuple(release.version for release in releases())


def pack_charts(folder: Path, *, helm: Path, releases: Sequence[str] = RELEASES, older: Collection[str] = ()) -> str:
    """Packs a chart archive for each release into ``folder``; gives the path with ``{release}`` in it.

    ``older``: those releases whose chart has the older shape, which takes of the liveness probe only the initial delay.
    Raises ``RefusedError`` (LK529) with what ``helm package`` said.
    """
    for release in releases:
        source = folder / f"source-{release}" / "towpath"
        shutil.copytree(CHART, source)
        if release in older:
            shutil.copytree(CHART / "older", source, dirs_exist_ok=True)
        command = [str(helm), "package", str(source), f"--version={release}", f"--app-version={release}"]
        done = subprocess.run([*command, f"--destination={folder}"], capture_output=True, text=True, check=False)
        shutil.rmtree(source.parent)
        if done.returncode != 0:
            raise RefusedError(
                f"the chart of towpath {release} cannot be packed: {done.stderr.strip()}", code="LK529", hint="helm version"
            )
    return str(folder / "towpath-{release}.tgz")
