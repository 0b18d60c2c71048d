"""The small program between us and a PostgreSQL server: starts it, and ends it when we are gone.

Run as ``python -I -S launch.py keep|detach …``; not to be imported for its functions. It knows nothing of the package and
imports next to nothing, so that it starts in about 10 ms, and it reads its orders from standard input:

* ``keep PARENT_PID FOLDER [alone]``: starts the servers that it is told to, and when the pipe closes (or PARENT_PID is no
  longer its parent) stops the server at once and removes FOLDER. Every end of a throw-away server, calm or not, takes this way.
  A server that is ``alone`` can start no other program and write to no file outside FOLDER, where Linux can forbid it
  (Landlock, since 5.13), and call no other server over TCP (since 6.7).
* ``detach``: starts one server in a session of its own and leaves it alone.

The surprising thing: the server is a child of this program, so that where this program is itself killed, Linux ends the
server (``PR_SET_PDEATHSIG``); asking that of our own process would end the server with the *thread* that started it.

An order is the length of the rest as eight digits, then fields with a NUL between them: uid or ``-``, gid or ``-``, log
file, program, arguments. The answers are lines: ``started PID``, ``exited STATUS``, ``failed REASON``.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # typing's own takes 10 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""Source: Linux ``prctl(2)``."""

PR_SET_NO_NEW_PRIVS = 38
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_CREATE_RULESET_VERSION = LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_ACCESS_FS_EXECUTE, LANDLOCK_ACCESS_FS_WRITE_FILE = 1 << 0, 1 << 1
LANDLOCK_ACCESS_FS_CHANGE = 0x1FF << 4
"""Removing (2 kinds) and making (7 kinds) of what stands in a folder."""
LANDLOCK_ACCESS_FS_REFER, LANDLOCK_ACCESS_FS_TRUNCATE = 1 << 13, 1 << 14
LANDLOCK_ACCESS_NET_CONNECT_TCP = 1 << 1
PT_INTERP = 3
"""Source: Linux ``prctl(2)``, ``landlock(7)``, ``elf(5)``; the calls' numbers are the same for every processor."""

WRITTEN_BEYOND = (("/dev/shm", -1), ("/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE))  # noqa: S108
"""What a server writes to outside its folder, and with which rights. Source: PostgreSQL 18, dsm_impl.c, shm_open(3)."""

PARENT_LOOK_S = 1.0
"""How often a changed parent is looked for, where a forked copy of the parent keeps the pipe open."""

STOP_LIMIT_S = 8.0
"""An immediate shutdown kills what does not end within 5 s (``SIGKILL_CHILDREN_AFTER_SECS``). Source: postmaster.c, 18."""


def _say(line: str) -> None:
    try:
        os.write(1, line.encode() + b"\n")
    except OSError:
        return  # nobody listens any more


def _start(order: bytes, *, mortal: Callable[[], object] | None, alone: Callable[[str], object] | None = None) -> int:
    uid, gid, log, *command = (field.decode() for field in order.split(b"\0"))
    child = os.fork()
    if child:
        return child
    answers = os.dup(1)  # closed by a successful exec; otherwise tells why it failed
    try:
        _become_server(uid, gid, log, mortal=mortal)
        if alone is not None:
            alone(command[0])
        os.execv(command[0], command)  # noqa: S606 - a list, and a program that we found ourselves
    except BaseException as error:  # noqa: BLE001 - a fork must never return into its parent's code
        os.write(answers, f"failed {error}\n".encode())
    os._exit(127)


def _mortality() -> Callable[[], object] | None:
    """Gives what makes the calling process end with its parent, loaded while we may still read our own library."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - 5 ms that a detached server's start does not pay

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)


def _solitude(folder: str) -> Callable[[str], object] | None:
    """Gives what lets the calling process and its children execute one program, write to one folder and call nobody, for ever.

    It stops what no reading of a text can find: a command, a file or an address that code puts together. Where the kernel does
    not know how, or the program is none that it loads by itself, everything stays as it is.
    """
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - as above

    system = ctypes.CDLL(None)

    def forbid(program: str) -> None:
        loader = _loader_of(program)
        version = system.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION)
        if loader is None or version < 1:
            return
        writing = _rights_to_write(version)
        handled = _number(LANDLOCK_ACCESS_FS_EXECUTE | writing)
        if version >= 4:
            handled += _number(LANDLOCK_ACCESS_NET_CONNECT_TCP)
        rules = system.syscall(LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
        executed = [(path, LANDLOCK_ACCESS_FS_EXECUTE) for path in (program, loader) if path]
        written = [(folder, writing), *((path, writing & rights) for path, rights in WRITTEN_BEYOND if os.path.lexists(path))]
        for path, rights in executed + written:
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
            beneath = _number(rights) + file.to_bytes(4, sys.byteorder)
            if system.syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_RULE_PATH_BENEATH, beneath, 0):
                return
        if system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            system.syscall(LANDLOCK_RESTRICT_SELF, rules, 0)

    return forbid


def _rights_to_write(version: int) -> int:
    """Those that this version of Landlock knows."""
    rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_CHANGE
    if version >= 2:
        rights |= LANDLOCK_ACCESS_FS_REFER
    if version >= 3:
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE
    return rights


def _number(number: int) -> bytes:
    return number.to_bytes(8, sys.byteorder)


def _loader_of(program: str) -> str | None:
    """The program that the kernel executes to load another; "" where it needs none, None where it is no program of 64 bits.

    Source: elf(5), Elf64_Ehdr and Elf64_Phdr.
    """
    with open(program, "rb") as file:  # noqa: PTH123 - pathlib takes 10 ms to import
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return None

        def number(data: bytes, start: int, size: int) -> int:
            return int.from_bytes(data[start : start + size], "little" if head[5] == 1 else "big")

        for place in range(number(head, 56, 2)):
            file.seek(number(head, 32, 8) + place * number(head, 54, 2))
            part = file.read(56)
            if number(part, 0, 4) == PT_INTERP:
                file.seek(number(part, 8, 8))
                return file.read(number(part, 32, 8)).rstrip(b"\0").decode()
    return ""


def _become_server(uid: str, gid: str, log: str, *, mortal: Callable[[], object] | None) -> None:
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    os.dup2(1, 2)
    if uid != "-":
        os.fchown(1, int(uid), int(gid))
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if mortal is not None:
        mortal()  # after setuid, which would undo it
    # What is ignored or blocked stays so across exec.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


class Keeper:
    """Holds at most one server, and ends it."""

    def __init__(self, parent_pid: int, folder: str, *, alone: bool) -> None:
        self.parent_pid = parent_pid
        self.folder = folder
        self.server_pid = 0
        self.buffer = b""
        self.mortal = _mortality()
        self.alone = _solitude(folder) if alone else None

    def run(self) -> None:
        """Obeys orders until the pipe closes, then ends everything."""
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, self.reap)
        signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
        try:
            while os.getppid() == self.parent_pid:
                if not select.select([0], [], [], PARENT_LOOK_S)[0]:
                    continue
                data = os.read(0, 65536)
                if not data:
                    break
                self.obey(data)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.end()

    def obey(self, data: bytes) -> None:
        """Carries out every order that is complete."""
        self.buffer += data
        while len(self.buffer) >= 8 and len(self.buffer) >= 8 + int(self.buffer[:8]):
            size = int(self.buffer[:8])
            order, self.buffer = self.buffer[8 : 8 + size], self.buffer[8 + size :]
            # Blocked, so that the exit of a server that dies at once is not reaped before its pid is known.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
            self.server_pid = _start(order, mortal=self.mortal, alone=self.alone)
            _say(f"started {self.server_pid}")
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])

    def reap(self, _signal: int, _frame: object) -> None:
        """Notes and tells that the server has exited, if it has."""
        if self.server_pid and os.waitpid(self.server_pid, os.WNOHANG)[0]:
            self.server_pid = 0
            _say("exited")

    def end(self) -> None:
        """Stops the server at once, then removes the folder."""
        limit = time.monotonic() + STOP_LIMIT_S
        if self.server_pid:
            os.kill(self.server_pid, signal.SIGQUIT)
        while self.server_pid and time.monotonic() < limit:
            time.sleep(0.002)  # the handler of SIGCHLD reaps
        if self.server_pid:
            os.kill(self.server_pid, signal.SIGKILL)
        import shutil  # noqa: PLC0415 - 10 ms that the start does not pay

        for _ in range(20):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.lexists(self.folder):
                break
            time.sleep(0.05)  # a backend may write its last file while the tree goes


def main() -> None:
    """Takes the mode from the command line and the orders from standard input."""
    if sys.argv[1] == "keep":
        Keeper(int(sys.argv[2]), sys.argv[3], alone="alone" in sys.argv[4:]).run()
    else:
        order = sys.stdin.buffer.read()
        _say(f"started {_start(order[8:], mortal=None)}")


if __name__ == "__main__":
    main()
