"""A shadow that is there already, for a flow that would have one made.

Not for making any. The surprising thing: whoever asks it for the shadow of a database gets this one, whatever the address,
because a file that a survey was saved in has none.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from lockage.ports import Shadow


class OneShadow:
    """The shadow that it was given, as the protocol ``Shadows`` asks for one; good for one forecast."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow

    @contextmanager
    def of_database(self, url: str) -> Generator[Shadow]:
        """Gives the shadow."""
        del url
        yield self._shadow

    @contextmanager
    def empty(self, *, major: int | None = None) -> Generator[Shadow]:
        """Never asked: an empty shadow is of no database."""
        raise NotImplementedError(f"an empty shadow of major {major} is no survey's")
