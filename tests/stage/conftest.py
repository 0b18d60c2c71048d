"""One stage for each test process, put back before each test that wants it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.on_stage import OnStage, a_stage, at_home


@pytest.fixture(scope="session")
def _stage() -> Iterator[OnStage]:
    with a_stage() as put:
        yield put


@pytest.fixture
def on_stage(_stage: OnStage) -> Iterator[OnStage]:
    """The stage, seeded; a test puts it back to the release that it begins with. Its commands end with the test."""
    with at_home(_stage.home):
        yield _stage
        _stage.end_commands()
