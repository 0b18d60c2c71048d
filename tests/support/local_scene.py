"""A deployment of the scripted application on the local platform, for tests; everything is gone at its end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lockage.adapters.local.deployment import create, destroy
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.local.records import DeploymentSpec
from lockage.core.facts import Probe

APP = Path(__file__).with_name("scripted_app.py")
READINESS = Probe(period_s=0.1, timeout_s=0.5, failure_threshold=2)


class LocalScene:
    """A ``PlatformScene`` with real processes."""

    first = "1.0.0"
    second = "2.0.0"
    strict = Probe(period_s=0.2, timeout_s=0.2, failure_threshold=2)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.behaviour: dict[str, dict[str, object]] = {}
        self._platforms: list[LocalPlatform] = []
        self.spec = DeploymentSpec(
            name="app",
            image="app",
            release=self.first,
            releases=(self.first, self.second),
            replicas=2,
            command=(sys.executable, "-S", str(APP), "{release}", "{address}", str(folder)),
            environment={"REPLICA": "{replica}"},
            readiness=READINESS,
            grace_s=1.0,
            version_command=(sys.executable, "-S", "-c", "print('version v{release}')"),
            back_off_scale=0.05,
            drain_s=0.05,
        )

    def create(self, **changes: object) -> LocalPlatform:
        """Create the deployment, with changes to the spec, and wait for nothing."""
        platform = create(self.state_dir, msgspec.structs.replace(self.spec, **changes))
        self._platforms.append(platform)
        return platform

    def open(self, *, replicas: int = 2, liveness: Probe | None = None, **changes: object) -> LocalPlatform:
        platform = self.create(replicas=replicas, liveness=liveness, **changes)
        assert self.eventually(lambda: sum(replica.ready for replica in platform.replicas()) == replicas)
        return platform

    def again(self) -> LocalPlatform:
        platform = LocalPlatform(self.state_dir)
        self._platforms.append(platform)
        return platform

    def close(self) -> None:
        for platform in self._platforms:
            platform.close()
        destroy(self.state_dir, grace_s=0.0)

    @staticmethod
    def eventually(condition: Callable[[], bool], limit_s: float = 15.0) -> bool:
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def behave(self, release: str, **behaviour: object) -> None:
        """Replicas of a release behave so; see the application for the words."""
        self.behaviour.setdefault(release, {}).update(behaviour)
        file = self.folder / f"{release}.json"
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(self.behaviour[release]))
        beside.replace(file)

    def hang(self, release: str) -> None:
        self.behave(release, deaf=True)

    def answer(self, release: str) -> None:
        self.behave(release, deaf=False)

    def crash(self, release: str, code: int) -> None:
        self.behave(release, exit=code)

    def cling(self, release: str) -> None:
        self.behave(release, ignore_sigterm=True)
