"""What a view prints, as text: on a console of our width without colour, on a terminal or in a pipe."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console


def printed(show: Callable[[Console], None], *, terminal: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    show(
        Console(
            file=stream,
            width=width,
            markup=False,
            emoji=False,
            highlight=False,
            force_terminal=terminal,
            color_system=None,
            legacy_windows=False,
        )
    )
    return stream.getvalue()
