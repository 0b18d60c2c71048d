"""Where configuration, state and cache live on this machine.

Not for making the folders: whoever writes makes its own. The surprising thing: ``LOCKAGE_HOME`` moves all three under one
folder, so that a test, a CI job or a second copy of Lockage leaves no trace elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

HOME_VARIABLE = "LOCKAGE_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The three folders; none of them need exist."""

    configuration: Path  # <name>.toml of each deployment that the user named
    state: Path  # journals, logs, the demo's data: worth keeping
    cache: Path  # shadows and what can be made again: may be deleted at any time

    @property
    def runs(self) -> Path:
        """Journals, one file a run."""
        return self.state / "runs"

    @property
    def logs(self) -> Path:
        """Logs, one file a command."""
        return self.state / "logs"

    @property
    def demo(self) -> Path:
        """Everything that the demo owns: its database, its supervisor, its replicas."""
        return self.state / "demo"


def find_folders(environment: Mapping[str, str]) -> Folders:
    """The folders that this environment asks for; by default those of the system for applications of a user."""
    home = environment.get(HOME_VARIABLE, "").strip()
    if home:
        root = Path(home).expanduser().absolute()
        return Folders(configuration=root / "config", state=root / "state", cache=root / "cache")
    return Folders(
        configuration=platformdirs.user_config_path("lockage", appauthor=False),
        state=platformdirs.user_state_path("lockage", appauthor=False),
        cache=platformdirs.user_cache_path("lockage", appauthor=False),
    )
