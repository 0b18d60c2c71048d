"""The supervisor's own document, for a bundle; and what its replicas are given.

Not for knowing what it means (``platform``). The surprising thing: the file is read as it lies on disk, so that it is there
also when the supervisor is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from lockage.adapters.local.layout import Layout
from lockage.adapters.local.store import load_state
from lockage.ports.objects import SeenObject, SeenVariable


class LocalObjects:
    """The document of one local deployment, behind ``lockage.ports.objects.ObjectReader``."""

    def __init__(self, state_dir: Path) -> None:
        self._layout = Layout.of(state_dir)

    def objects(self) -> Mapping[str, Callable[[], tuple[SeenObject, ...]]]:
        """The document."""
        return {"the supervisor's document": self._document}

    def variables(self) -> tuple[SeenVariable, ...]:
        """What every replica is given."""
        environment = load_state(self._layout).spec.environment
        return tuple(SeenVariable(name=name, value=value, secret=False) for name, value in environment.items())

    def credentials(self) -> tuple[str, ...]:
        """None: the socket lies in a private folder."""
        return ()

    def _document(self) -> tuple[SeenObject, ...]:
        state = load_state(self._layout)
        return (SeenObject(kind="Deployment", name=state.spec.name, data=msgspec.to_builtins(state)),)
