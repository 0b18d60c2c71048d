"""The archive of a chart, fetched once: what is checked is what is upgraded to, and no registry is needed in an outage.

Not for folders and archives, which are there. The surprising thing: without this, each look and each upgrade of Helm 3 would
fetch the chart anew, and a mutable tag could bring another one in the middle.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from lockage.adapters.helm.arguments import UserArguments
from lockage.adapters.helm.program import Helm, refused
from lockage.errors import RefusedError


def is_here(chart: str, folder: Path) -> bool:
    """Whether a chart is a folder or an archive, or is meant to be one."""
    return chart.startswith((".", "/")) or chart.endswith((".tgz", ".tar.gz")) or (folder / chart).exists()


def is_tagged(chart: str) -> bool:
    """Whether a reference to a registry names the version itself."""
    return chart.startswith("oci://") and (":" in chart.rpartition("/")[2] or "@" in chart)


class Charts:
    """Archives that were fetched, as long as this object lives."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._fetched: dict[tuple[str, str | None], str] = {}

    def archive(self, helm: Helm, chart: str, version: str | None, user: UserArguments) -> str:
        """The path of the chart's archive. Raises ``RefusedError`` (LK512) when it is not to be had."""
        key = (chart, version)
        if key not in self._fetched:
            folder = self._new_folder()
            words = ["pull", chart, f"--destination={folder}", *user.fetching]
            done = helm.run([*words, f"--version={version}"] if version is not None else words)
            if done.code != 0:
                hint = "helm repo update; helm search repo, or helm show chart, tells which versions there are"
                raise refused(done, f"chart {chart} {version or ''}".rstrip() + " cannot be fetched", hint=hint)
            found = sorted(folder.glob("*.tgz"))
            if len(found) != 1:
                raise RefusedError(f"helm pull {chart} brought {len(found)} archives", code="LK512", hint=f"helm pull {chart}")
            self._fetched[key] = str(found[0])
        return self._fetched[key]

    def _new_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="lockage-charts-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._folder))
