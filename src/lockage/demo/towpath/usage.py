"""What requests leave behind for the background to write: keys that were used, and traffic of workspaces.

In memory only; what a killed replica had not flushed is lost, as in real control planes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One report of a workspace's agent."""

    user_id: str
    workspace_id: str
    rx_bytes: int
    tx_bytes: int


@dataclass(slots=True)
class Usage:
    """Collects between two flushes."""

    _keys: set[str] = field(default_factory=set[str])
    _traffic: list[Traffic] = field(default_factory=list[Traffic])

    def see_key(self, key_id: str) -> None:
        """Note that a request was let in by this key."""
        self._keys.add(key_id)

    def see_traffic(self, traffic: Traffic) -> None:
        """Note what an agent reported."""
        self._traffic.append(traffic)

    def take_keys(self) -> list[str]:
        """The keys seen since the last call, sorted."""
        keys, self._keys = sorted(self._keys), set()
        return keys

    def take_traffic(self) -> list[Traffic]:
        """The traffic seen since the last call."""
        traffic, self._traffic = self._traffic, []
        return traffic
