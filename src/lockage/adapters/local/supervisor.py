"""``python -m lockage.adapters.local.supervisor STATE_DIR``: start the supervisor of one deployment, detached.

Not for the work itself (`supervision`), whose imports take a quarter of a second: who starts us waits for the parent of the
fork only. The surprising thing: the lock is taken before the fork and goes over to the child, so exit
code 3 says for sure that another one holds it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from lockage.adapters.local.layout import Layout
from lockage.adapters.local.store import try_lock, write_holder

ALREADY_RUNS = 3
"""Exit code when another supervisor holds the lock."""


def main() -> int:
    """Entry point; gives the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--foreground", action="store_true", help="do not detach")
    arguments = parser.parse_args()
    layout = Layout.of(arguments.state_dir)
    lock = try_lock(layout.lock_file)
    if lock is None:
        return ALREADY_RUNS
    if not arguments.foreground and not _detach(layout):
        return 0
    write_holder(lock, os.getpid())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return _work(layout)


def _detach(layout: Layout) -> bool:
    """Go on in a child with a session of its own; gives whether we are it."""
    if os.fork() != 0:
        return False
    os.setsid()
    log = os.open(layout.supervisor_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)
    return True


def _work(layout: Layout) -> int:
    import asyncio  # noqa: PLC0415 - late, after the fork: see above

    from lockage.adapters.local.supervision import supervise  # noqa: PLC0415 - the same

    log = logging.getLogger("lockage.adapters.local.supervisor")
    log.info("supervisor %d of %s begins", os.getpid(), layout.state_dir)
    try:
        asyncio.run(supervise(layout))
    except Exception:
        log.exception("the supervisor ends by a defect")
        return 1
    log.info("supervisor %d ends; its replicas go on", os.getpid())
    return 0


if __name__ == "__main__":
    sys.exit(main())
