"""The two streams for people: the answer on standard output, everything else on standard error.

Not for ``--json`` (``output``). The surprising thing: in a pipe no sentence is wrapped and nothing is coloured, so that
``grep`` finds it whole, while tables fold at 80 columns; nowhere is anything cut. NO_COLOR is honoured by Rich itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_PERIOD_S = 1.0
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


@contextmanager
def narrated() -> Generator[Callable[[str], None]]:
    """Gives what says what goes on, on standard error, while the context lasts.

    On a terminal it is one line that changes and is gone at the end. In a pipe it is a sample: one line a second, because
    thousands of statements would bury what matters.
    """
    console = notes()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda line: status.update(Text(line, style="dim", overflow="ellipsis", no_wrap=True))
        return
    yield sampled(console)


def sampled(console: Console) -> Callable[[str], None]:
    """Gives what says one line a second at most, and drops the others: for progress where lines must stay."""
    last_at = -PIPE_PERIOD_S

    def sample(line: str) -> None:
        nonlocal last_at
        now = time.monotonic()
        if now - last_at >= PIPE_PERIOD_S:
            last_at = now
            say(console, line, style="dim")

    return sample


def plain_table(*columns: str) -> Table:
    """An empty table without lines, whose cells fold instead of being cut."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
