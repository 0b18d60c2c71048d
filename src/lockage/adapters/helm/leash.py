"""A small program that runs another one, which ends when its parent ends, or when its time is up.

Run as ``python -I -S leash.py PARENT_PID DEADLINE_S FOLDER PROGRAM ARGUMENT…``; not for programs that a person answers. FOLDER
(or ``-``) goes too when the parent is dead: it may hold secrets. The surprising thing: it stays, instead of becoming the
program. ``helm`` takes SIGTERM as "write down that it failed, then end", which is worth a moment, and must be gone after that
moment even if the API server does not answer; so somebody has to wait and then kill. Should this program be killed itself,
Linux kills the other one.
"""

from __future__ import annotations

import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
"""Source: Linux ``prctl(2)``."""

LOOK_S = 0.02
"""Between two looks at child and parent: small beside the third of a second that ``helm`` takes to start."""

GRACE_S = 2.0
"""For ``helm`` to write down that it failed. It is one request; the lease outlives deadline and grace together."""

OUT_OF_TIME = 124
"""Exit code for a child that was ended by its deadline, as ``timeout(1)`` has it."""


def command(deadline_s: float, folder: str | None = None) -> list[str]:
    """What is put before a program's own command line, which must begin with a full path."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(deadline_s), folder or "-"]


def main() -> None:
    """Run the program, and end with its exit code."""
    parent, deadline_s, folder, program = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]
    asked_to_end: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked_to_end.append(number))
    ourselves = os.getpid()
    child = os.fork()
    if child == 0:
        _become(program, ourselves)
    until = time.monotonic() + deadline_s
    killed_at: float | None = None
    late = False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            if os.getppid() != parent and folder != "-":
                import shutil  # noqa: PLC0415 - hardly ever needed

                shutil.rmtree(folder, ignore_errors=True)
            os._exit(OUT_OF_TIME if late else os.waitstatus_to_exitcode(status) % 256)
        late = late or time.monotonic() > until
        if killed_at is None and (late or asked_to_end or os.getppid() != parent):
            os.kill(child, signal.SIGTERM)
            killed_at = time.monotonic() + GRACE_S
        elif killed_at is not None and time.monotonic() > killed_at:
            os.kill(child, signal.SIGKILL)
        time.sleep(LOOK_S)


def _become(program: list[str], ourselves: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only here, and only in the child

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() == ourselves:  # else it died before the signal was asked for
        try:
            os.execv(program[0], program)  # noqa: S606 - a full path, as the caller promises
        except OSError as error:
            sys.stderr.write(f"{program[0]}: {error.strerror}\n")
            sys.stderr.flush()
    os._exit(127)


if __name__ == "__main__":
    main()
