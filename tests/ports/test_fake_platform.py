"""The fake platform of the flows' tests passes the port's suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockage.core.facts import Probe
from lockage.ports import Platform
from ports.platform_suite import STRICT, PlatformSuite
from support.fake_platform import FakePlatform
from support.fake_world import FakeClock, FakeWorld
from support.plans import app_profile


class FakeScene:
    """A simulated deployment; time passes only while a test waits."""

    first = "1.0.0"
    second = "1.1.0"
    strict = STRICT

    def __init__(self) -> None:
        self._clock = FakeClock()
        self._world: FakeWorld | None = None
        self._deaf: set[str] = set()
        self._clinging: set[str] = set()
        self._crashes: dict[str, int] = {}

    def open(self, *, replicas: int = 2, liveness: Probe | None = None) -> Platform:
        self._world = FakeWorld(
            profile=app_profile(),
            clock=self._clock,
            release=self.first,
            ledger=10,
            replicas=replicas,
            liveness=liveness,
            deaf=self._deaf,
            clinging=self._clinging,
            crashes=self._crashes,
        )
        return self.again()

    def again(self) -> Platform:
        assert self._world is not None
        return FakePlatform(self._world)

    def eventually(self, condition: Callable[[], bool], limit_s: float = 15.0) -> bool:
        until = self._clock.monotonic() + limit_s
        while not condition():
            if self._clock.monotonic() > until:
                return False
            self._clock.sleep(0.05)
        return True

    def hang(self, release: str) -> None:
        self._deaf.add(release)

    def answer(self, release: str) -> None:
        self._deaf.discard(release)

    def crash(self, release: str, code: int) -> None:
        self._crashes[release] = code

    def cling(self, release: str) -> None:
        self._clinging.add(release)


class TestFakePlatform(PlatformSuite):
    @pytest.fixture
    def scene(self) -> FakeScene:
        return FakeScene()
