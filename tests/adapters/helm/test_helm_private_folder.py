"""Where a user's values lie while helm reads them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lockage.adapters.helm.private_folder import private_folder


@pytest.mark.real
def test_it_is_ours_alone_gone_at_the_end_and_takes_along_what_dead_processes_left(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    left = tmp_path / f"lockage-helm-{dead.pid}-x"
    alive = tmp_path / f"lockage-helm-{os.getppid()}-x"
    for folder in (left, alive):
        folder.mkdir()
        (folder / "values.json").touch()
    with private_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(tmp_path.iterdir()) == sorted([folder, alive])
    assert list(tmp_path.iterdir()) == [alive]
