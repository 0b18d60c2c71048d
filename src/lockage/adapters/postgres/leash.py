"""A small program that becomes another one which does not outlive its parent.

Run as ``python -I -S leash.py PARENT_PID PROGRAM ARGUMENT…``; not for servers (``launch``), which need a keeper. The surprising
thing: it asks Linux for SIGTERM at its parent's death, not SIGKILL, because at SIGTERM ``pg_dump`` cancels what its backend
does; a killed one would leave it waiting for a lock, with all its other locks held. Elsewhere the program ends at its next
write into the closed pipe.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Source: Linux ``prctl(2)``. The signal comes when the *thread* ends that started us, so that one must wait for us."""


def command() -> list[str]:
    """Gives the command line that is put before a program's own."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid())]


def main() -> None:
    """Ties itself to its parent, then becomes the program."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - 5 ms that our own process does not pay

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)  # it died before the signal was asked for
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a program of the wheel, by its full path


if __name__ == "__main__":
    main()
