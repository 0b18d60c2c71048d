"""Processes that the demo starts and leaves to nobody, whenever Ctrl-C comes.

Not for short programs that are waited for (``subprocess.run``). The surprising thing: a ``Popen`` that is interrupted has often
started its process already, and nobody knows it; so signals wait until somebody does. Masking them would not do: the process
would inherit the mask, and another thread of ours would take the signal and hand it to the main thread all the same.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, AnyStr

END_LIMIT_S = 20.0
"""For a process that was asked to end: the traffic generator waits 2 s for answers and writes its summary."""


@contextmanager
def started(start: Callable[[], subprocess.Popen[AnyStr]]) -> Generator[subprocess.Popen[AnyStr]]:
    """The process that ``start`` starts, which is ended with the context, also where a signal came while it was started."""
    with signals_held_back() as let_come:
        process = start()
        try:
            let_come()
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def signals_held_back() -> Generator[Callable[[], None]]:
    """While it lasts, what SIGINT and SIGTERM would raise waits: until what it gives is called, and else until its end.

    What ends or leaves this process without a word of ours (no handler of Python's) goes on doing so. Only the main thread is
    ever interrupted; for any other nothing is held back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)

    former = {number: handler for number in (signal.SIGINT, signal.SIGTERM) if callable(handler := signal.getsignal(number))}

    def let_come() -> None:
        while former:
            number, handler = former.popitem()
            signal.signal(number, handler)
        while came:
            signal.raise_signal(came.pop(0))

    for number in former:
        signal.signal(number, remember)
    try:
        yield let_come
    finally:
        let_come()
