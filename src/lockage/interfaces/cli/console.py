"""The two streams for people: the answer on standard output, everything else on standard error.

Not for ``--json`` (``output``). The surprising thing: in a pipe no sentence is wrapped and nothing is coloured, so that
``grep`` finds it whole, while tables fold at 80 columns; nowhere is anything cut. NO_COLOR is honoured by Rich itself.
"""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 80
"""Columns of a table in a pipe: what every terminal shows without scrolling sideways."""


def answers() -> Console:
    """The console for the answer itself."""
    return _console(sys.stdout)


def notes() -> Console:
    """The console for progress, warnings and errors."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    # Markup and emoji are off: SQL such as a[1] or '[red]' must come out as it went in.
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width)


def say(console: Console, line: str, *, style: str | None = None) -> None:
    """One line: folded at words on a terminal, whole in a pipe."""
    console.print(line, style=style, soft_wrap=not console.is_terminal)


def plain_table(*columns: str) -> Table:
    """An empty table without lines, whose cells fold instead of being cut."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
