"""What is inside a pod: its containers' lines, and the version that a command prints there.

Not for interactive use. The surprising thing: lightkube gives only the log of the container that runs now, so that the log is
asked for raw; ``kubectl`` is not needed for either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
from httpx2.websockets import HTTPXWSException
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import ContainerStatus, PodSpec, PodStatus
from lightkube.resources.core_v1 import Pod
from lightkube.types import ExecResponse

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.failure import MissingError, RejectedError
from lockage.adapters.kubernetes.texts import annotations_of
from lockage.adapters.kubernetes.workload import container_in
from lockage.core.facts import VersionReading, VersionSource
from lockage.core.release.profile import Profile
from lockage.errors import RefusedError, UnreachableError

VERSION_LIMIT_S = 20.0
"""For the version command: an interpreter under a tight CPU limit needs seconds to start, and a hung one must not hang us."""


class Inside:
    """The pods of one application, from inside."""

    def __init__(self, client: KubernetesClient, *, profile: Profile) -> None:
        self._client = client
        self._profile = profile

    def log(self, replica: str, *, previous: bool) -> str:
        """All lines of all containers: first the application's own, then the others', each under its name.

        ``previous``: of the process before the last restart; "" when there was none. Raises ``RefusedError`` (LK506) when there
        is no such pod.
        """
        pod = self._client.kube.get(Pod, replica)
        main = self._container(pod)
        parts: list[str] = []
        for name, status, once in _containers(pod, first=main):
            lines = self._lines(replica, name, status, previous=previous, once=once)
            if name == main:
                parts.insert(0, lines)
            elif lines:
                parts.append(f"==> {name} <==\n{lines}")
        return "\n".join(part.rstrip("\n") for part in parts if part) + ("\n" if any(parts) else "")

    def _lines(self, replica: str, container: str, status: ContainerStatus | None, *, previous: bool, once: bool) -> str:
        state = status.state if status else None
        before = status.lastState.terminated if status and status.lastState else None
        running, ended = (state.running, state.terminated) if state else (None, None)
        # Between two starts both words mean the process that ended last.
        earlier = previous and running is not None
        never = running is None and ended is None and before is None
        # An init container that has done its work has no process to come back.
        done = previous and once and ended is not None and ended.exitCode == 0
        if never or done or (earlier and before is None):
            return ""
        params = {"container": container, **({"previous": "true"} if earlier else {})}
        try:
            return self._client.get_text(f"/api/v1/namespaces/{self._client.namespace}/pods/{replica}/log", params=params)
        except (RejectedError, MissingError):  # it was replaced since we looked, or its log was rotated away
            return ""

    def version(self, replica: str) -> VersionReading:
        """What the profile's version command prints in the application's container; a problem when it does not tell."""
        command = self._profile.version.command
        if not command:
            return _no_version(replica, "the profile has no version command")
        try:
            container = self._container(self._client.kube.get(Pod, replica))
            done = self._client.kube.exec(
                replica,
                container=container,
                command=list(command),
                stdout=True,
                stderr=True,
                decode=None,
                timeout=VERSION_LIMIT_S,
            )
        except httpx2.TimeoutException:
            return _no_version(replica, f"the version command did not end within {VERSION_LIMIT_S:g} s")
        except UnreachableError:
            raise
        except RefusedError as error:
            return _no_version(replica, error.message)
        except ApiError as error:
            return _no_version(replica, f"the version command does not run: {' '.join(str(error.status.message).split())}")
        except (httpx2.HTTPError, HTTPXWSException) as error:
            return _no_version(replica, f"the connection to the version command broke off: {error or type(error).__name__}")
        return self._read(replica, done)

    def _read(self, replica: str, done: ExecResponse) -> VersionReading:
        out, err = _text(done.stdout), _text(done.stderr)
        found = re.search(self._profile.version.command_pattern, out)
        if done.exit_code != 0 or found is None:
            said = (err or out).strip()[-200:]
            return _no_version(replica, f"the version command ended with {done.exit_code} and said {said!r}")
        return VersionReading(source=VersionSource.COMMAND, where=replica, version=found[1])

    def _container(self, pod: Pod) -> str:
        spec = pod.spec
        assert spec is not None
        found = container_in(spec, self._profile.workload, annotations=annotations_of(pod.metadata))
        return (found or spec.containers[0]).name


def _containers(pod: Pod, *, first: str) -> Iterator[tuple[str, ContainerStatus | None, bool]]:
    """Names and statuses: the first, then the others beside it, then those that run once before them (True)."""
    spec, status = pod.spec, pod.status or PodStatus()
    assert isinstance(spec, PodSpec)
    both = [*(status.containerStatuses or []), *(status.initContainerStatuses or [])]
    by_name = {one.name: one for one in both}
    for name in dict.fromkeys([first, *(one.name for one in spec.containers)]):
        yield name, by_name.get(name), False
    for one in spec.initContainers or []:
        yield one.name, by_name.get(one.name), one.restartPolicy != "Always"


def _text(found: str | bytes | None) -> str:
    return found.decode("utf-8", errors="replace") if isinstance(found, bytes) else found or ""


def _no_version(replica: str, problem: str) -> VersionReading:
    return VersionReading(source=VersionSource.COMMAND, where=replica, version=None, problem=problem)
