"""Where the local platform keeps its files: one state folder a deployment, and two short socket paths.

Not for the application's own files. The surprising thing: sockets do not live in the state folder, because the kernel takes
at most 107 characters for their path (103 on macOS); they lie in a private folder of the user's under ``/tmp``, named by a
digest of the state folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lockage.errors import RefusedError

MARKER = "LOCKAGE_LOCAL"
"""Environment variable that every process of a deployment carries, with the deployment's digest: how lost ones are found."""

HOST = "127.0.0.1"
"""Where replicas and front listen: nothing of a local deployment is reachable from elsewhere."""

MEMBER = "LOCKAGE_MEMBER"
"""Environment variable that says which of them a process is: a replica's name and run, or `FRONT`."""

FRONT = "front"
"""The front's value of `MEMBER`; no replica's, since theirs have a slash."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one deployment."""

    state_dir: Path  # absolute, resolved

    @classmethod
    def of(cls, state_dir: Path) -> Layout:
        """The layout of a state folder, which need not exist yet."""
        return cls(Path(state_dir).resolve())

    @property
    def digest(self) -> str:
        """Twelve characters that stand for this state folder."""
        return hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:12]

    @property
    def state_file(self) -> Path:
        """The supervisor's document."""
        return self.state_dir / "local.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the living supervisor, and holding its pid."""
        return self.state_dir / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor and the front say."""
        return self.state_dir / "supervisor.log"

    @property
    def log_dir(self) -> Path:
        """A folder a replica, a file a process."""
        return self.state_dir / "logs"

    def log_file(self, replica: str, run: int) -> Path:
        """The log of a replica's ``run``-th process, from 0."""
        return self.log_dir / replica / f"{run}.log"

    @property
    def runtime_dir(self) -> Path:
        """The user's own folder for sockets."""
        return Path(f"/tmp/lockage-{os.getuid()}")  # noqa: S108 - ownership and mode are checked before use

    @property
    def api_socket(self) -> Path:
        """Where the supervisor answers."""
        return self.runtime_dir / f"{self.digest}.sock"

    @property
    def front_socket(self) -> Path:
        """Where the front takes its list of backends."""
        return self.runtime_dir / f"{self.digest}.front.sock"

    def make_runtime_dir(self) -> None:
        """Make the folder for sockets.

        Raises ``RefusedError`` (LK308) when it is there and others could write into it.
        """
        self.runtime_dir.mkdir(mode=0o700, exist_ok=True)
        check_private(self.runtime_dir)

    def remove_sockets(self) -> None:
        """Remove both sockets, and their folder when it is empty then."""
        self.api_socket.unlink(missing_ok=True)
        self.front_socket.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: other deployments
            self.runtime_dir.rmdir()


def check_private(folder: Path) -> None:
    """Make sure that nobody else could have put something into a folder, or that it is not there.

    Raises ``RefusedError`` (LK308).
    """
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RefusedError(
            f"{folder} is not a private folder of user {os.getuid()}",
            code="LK308",
            hint=f"look who made {folder}, and remove it",
        )
