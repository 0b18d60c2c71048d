"""Objects of the platform as it keeps them, for a bundle, and the secrets that must not get into it.

Not for deciding anything: runs and rules have records of their own. The surprising thing: Secrets are never among the objects,
and yet what they give the application is read, because a secret can only be kept out of every text by someone who knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenObject:
    """One object, as the platform writes it."""

    kind: str
    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVariable:
    """One variable or mounted file of the application, with its value."""

    name: str
    value: str
    secret: bool  # it is from a Secret


class ObjectReader(Protocol):
    """One deployment's objects. Only reads; every source may be deaf or refuse on its own.

    Raises ``UnreachableError`` for what does not answer, ``RefusedError`` for what may not be read.
    """

    def objects(self) -> Mapping[str, Callable[[], tuple[SeenObject, ...]]]:
        """Each source by what it is called ("the pods"), with how to ask it."""
        ...

    def variables(self) -> tuple[SeenVariable, ...]:
        """What the application is given; what may not be read is left out."""
        ...

    def credentials(self) -> tuple[str, ...]:
        """What we come in with ourselves: tokens and passwords of the way to the platform."""
        ...
