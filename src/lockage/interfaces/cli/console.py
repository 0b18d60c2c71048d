"""The two streams for people: the answer on standard output, everything else on standard error.

Not for ``--json`` (``output``). The surprising thing: in a pipe no sentence is wrapped and nothing is coloured, so that
``grep`` finds it whole, while tables fold at 80 columns; nowhere is anything cut. NO_COLOR is honoured by Rich itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

PIPE_PERIOD_S = 5.0
"""Between two lines of progress in a pipe: often enough to show that something goes on."""

PIPE_WIDTH = 80
"""Columns of a table in a pipe: what every terminal shows without scrolling sideways."""


def answers() -> Console:
    """The console for the answer itself."""
    return _console(sys.stdout)


def notes() -> Console:
    """The console for progress, warnings and errors."""
    return _console(sys.stderr)


@lru_cache(maxsize=4)
def _console(stream: TextIO) -> Console:
    # One console a stream: a line said while a status line stands must go above it, which only its own console can do.
    # Markup and emoji are off: SQL such as a[1] or '[red]' must come out as it went in.
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width)


def say(console: Console, line: str, *, style: str | None = None) -> None:
    """One line: folded at words on a terminal, whole in a pipe."""
    console.print(line, style=style, soft_wrap=not console.is_terminal)


class Narration:
    """Says what goes on, line by line, to whom a line of a second ago is of no interest.

    On a terminal it is one line that changes. In a pipe it is a sample, a line every five seconds, because thousands of
    statements would bury what matters.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._last_at = -PIPE_PERIOD_S

    def __call__(self, line: str) -> None:
        """Say it."""
        if self._console.is_terminal:
            text = Text(line, style="dim", overflow="ellipsis", no_wrap=True)
            if self._status is None:
                self._status = self._console.status(text)
                self._status.start()
            self._status.update(text)
        elif time.monotonic() - self._last_at >= PIPE_PERIOD_S:
            self._last_at = time.monotonic()
            say(self._console, line)

    def clear(self) -> None:
        """Take the line away, as before a question; the next one brings it back."""
        if self._status is not None:
            self._status.stop()
            self._status = None


@contextmanager
def narrated() -> Generator[Narration]:
    """Gives what says what goes on, on standard error, while the context lasts; nothing of it is left on a terminal."""
    narration = Narration(notes())
    try:
        yield narration
    finally:
        narration.clear()


def plain_table(*columns: str) -> Table:
    """An empty table without lines, whose cells fold instead of being cut."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
