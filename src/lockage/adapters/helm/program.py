"""The ``helm`` program: where it is, which version, and one run of it.

Not for knowing what to ask it. The surprising thing: every run has a deadline and a leash, reads too. A ``helm`` that outlives
us could make a revision when another run of Lockage already holds the lease.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockage.adapters.helm import leash
from lockage.errors import RefusedError, UnreachableError, UsageError

OLDEST = (3, 13)
"""The first with ``upgrade --labels`` and ``--dry-run=server``. Source: Helm's release notes of 3.13.0 (2023-09-28)."""

MAJORS = (3, 4)
"""What Lockage was tested with. Source: ``tests/e2e``."""

LOOK_S = 20.0
"""Deadline of a run that changes nothing: it may have to fetch a chart."""


ELSEWHERE = ("HELM_KUBE", "HELM_NAMESPACE")
"""How variables begin that would send ``helm`` to another cluster, or as another user, than Lockage itself has looked at. Where
it goes is always said by arguments. Source: Helm 3.22.0, ``helm env``."""

SHORTEST_S = 2.0
"""What a run must have left to be begun: an upgrade takes about half a second, on a busy machine two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a run of ``helm`` gave."""

    code: int
    out: str
    err: str

    @property
    def out_of_time(self) -> bool:
        """Whether its deadline ended it."""
        return self.code == leash.OUT_OF_TIME

    @property
    def complaint(self) -> str:
        """What it says went wrong, in one line, without ``Error:`` and warnings."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        told = [line for line in lines if not line.startswith(("WARNING", "level=", "I1", "W1", "E1"))] or lines
        begin = next((i for i, line in enumerate(told) if line.startswith("Error:")), 0)
        return re.sub(r"^Error:\s*", "", " ".join(told[begin:])) or f"exit code {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """One ``helm`` that was found."""

    path: str
    version: tuple[int, int, int]
    folder: Path  # relative paths in the user's arguments begin here
    environment: Mapping[str, str]
    until: float | None = None  # on the monotonic clock: no run lasts longer, and none begins that could not

    @property
    def major(self) -> int:
        """3 or 4."""
        return self.version[0]

    @property
    def title(self) -> str:
        """``Helm 3.22.0``."""
        return f"Helm {'.'.join(map(str, self.version))}"

    def run(
        self,
        arguments: Sequence[str],
        *,
        deadline_s: float = LOOK_S,
        variables: Mapping[str, str] | None = None,
        ours: Path | None = None,
    ) -> Done:
        """One run. Whoever is interrupted meanwhile takes the child along; who is killed, also the folder that is ``ours``.

        Raises ``UnreachableError`` (LK513) when too little time is left to begin.
        """
        if self.until is not None:
            deadline_s = min(deadline_s, self.until - time.monotonic())
        if deadline_s < SHORTEST_S:
            text = f"helm {arguments[0]} was not begun: what came before it took too long"
            raise UnreachableError(text, code="LK513", hint="try again; the API server or the machine is slow")
        environment = {**self.environment, **(variables or {})}
        return _run([self.path, *arguments], environment, self.folder, deadline_s, ours)


def find_helm(program: str, *, folder: Path, environment: Mapping[str, str]) -> Helm:
    """The program of that name or path; in its environment nothing says where the cluster is.

    Raises ``UsageError``: LK510 there is none, LK511 its version is not one that Lockage knows.
    """
    environment = {name: value for name, value in environment.items() if not name.startswith(ELSEWHERE)}
    path = shutil.which(str(folder / program)) if "/" in program else shutil.which(program, path=environment.get("PATH"))
    if path is None:
        raise UsageError(f"there is no program {program}", code="LK510", hint="install Helm 3 or 4, or name it: helm.program")
    path = str(Path(path).absolute())
    done = _run([path, "version", "--template", "{{.Version}}"], environment, folder, LOOK_S)
    found = re.search(r"v?(\d+)\.(\d+)\.(\d+)", done.out)
    if found is None:
        told = (done.out or done.err).strip()[:200]
        raise UsageError(f"{path} does not say which Helm it is: {told}", code="LK511", hint=f"{path} version")
    major, minor, patch = (int(part) for part in found.groups())
    if major not in MAJORS or (major, minor) < OLDEST:
        raise UsageError(
            f"{path} is Helm {major}.{minor}.{patch}; Lockage knows 3.13 and later, and 4",
            code="LK511",
            hint="install Helm 3.13 or later, or Helm 4, and name it: helm.program",
        )
    return Helm(path=path, version=(major, minor, patch), folder=folder, environment=environment)


_UNREACHABLE = re.compile(
    r"cluster unreachable|connection refused|connection reset|no such host|no route to host|i/o timeout|TLS handshake timeout"
    r"|(?<!unexpected )\bEOF\b|client connection lost|context deadline exceeded|request timed out|timeout awaiting"
    r"|Too Many Requests|server is currently unable|unable to return a response in the time|etcdserver|Internal error occurred"
    r"|bad gateway|service unavailable|leader changed",
    re.IGNORECASE,
)
"""How Helm words that nobody answered, or that a server failed; "unexpected EOF" is a template's.

Source: Go's ``net`` and ``text/template``; Kubernetes' ``api/errors``; etcd's errors."""

_BUSY = re.compile(r"another operation .* is in progress")
"""Somebody began an upgrade after we had looked. Source: Helm 3.22.0 and 4.3.1, ``action.errPending``."""


def refused(done: Done, what: str, *, code: str = "LK512", hint: str | None = None) -> RefusedError:
    """The error for a run that failed: out of reach, or refused."""
    text = done.complaint
    if done.out_of_time:
        return UnreachableError(f"{what}: helm did not end in time", code="LK513", hint=hint or "kubectl get --raw /readyz")
    if _UNREACHABLE.search(text):
        return UnreachableError(f"{what}: {text}", code="LK513", hint=hint or "kubectl get --raw /readyz")
    return RefusedError(f"{what}: {text}", code="LK516" if _BUSY.search(text) else code, hint=hint)


def _run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, deadline_s: float, ours: Path | None = None
) -> Done:
    leashed = [*leash.command(deadline_s, str(ours) if ours else None), *command]
    # Files, not pipes: a helm that is asked to end first prints so, and into a pipe of a dead parent it would die of it,
    # before it has written down that the upgrade failed.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # A session of its own: Ctrl-C in the terminal is for Lockage, which decides where to stop.
        child = subprocess.Popen(
            leashed,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
        with child:
            try:
                code = child.wait()
            except BaseException:
                child.terminate()
                raise
        out.seek(0)
        err.seek(0)
        return Done(code=code, out=out.read().decode(errors="replace"), err=err.read().decode(errors="replace"))
