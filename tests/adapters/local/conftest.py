"""One local deployment a test, ended whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.local_scene import LocalScene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[LocalScene]:
    """A local deployment that a test creates as it likes."""
    scene = LocalScene(tmp_path)
    yield scene
    scene.close()
