"""One ground for each test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.ground import Ground, a_ground


@pytest.fixture(scope="session")
def _ground() -> Iterator[Ground]:
    with a_ground() as ground:
        yield ground


@pytest.fixture
def ground(_ground: Ground) -> Iterator[Ground]:
    """The ground; a fault begins by putting it in order, and what it left goes with the test."""
    yield _ground
    _ground.end_fault()
