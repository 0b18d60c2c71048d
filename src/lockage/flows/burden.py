"""What the migrating replica weighs on its node: memory and CPU against their limits, restarts, and being killed for memory.

Not for ending anything. The surprising thing: usage is asked for once a second at most and is as old as the platform's last
reading, so that four looks a second at the migration cost no more than before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lockage.core.facts import Replica, Usage
from lockage.ports import Clock, Platform

FULL_RATIO = 0.9
"""Of the memory limit: beyond it the kernel is about to end the process, and a person can still raise nothing but the alarm."""

EVERY_S = 1.0
"""Between two readings: a container's memory does not grow by much in less."""

OOM_KILLED = "OOMKilled"
"""Source: Kubernetes, ContainerStateTerminated.reason as the kubelet sets it."""


@dataclass(slots=True, kw_only=True)
class Burden:
    """What is remembered from look to look."""

    asked_at: float | None = None
    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])

    def look(self, platform: Platform, clock: Clock) -> None:
        """Ask anew, if the last time is long enough ago."""
        now = clock.monotonic()
        if self.asked_at is not None and now - self.asked_at < EVERY_S:
            return
        self.asked_at = now
        self.usage.update({usage.replica: usage for usage in platform.usage()})

    def tell(self, replicas: Sequence[Replica], say_once: Callable[[str, str], None]) -> None:
        """Say what a person must know, each thing once: ``say_once(key, text)``."""
        for replica in replicas:
            usage = self.usage.get(replica.name)
            if usage and _full(usage):
                say_once(
                    f"memory {replica.name}", f"{replica.name} uses {memory_in_words(usage)}: beyond its limit it is killed"
                )
            if replica.last_exit is not None and replica.last_exit.reason == OOM_KILLED:
                used = f", {memory_in_words(usage)} when last seen" if usage else ""
                text = (
                    f"{replica.name} was killed for its memory (OOMKilled, {replica.restarts} restarts{used}): raise its limit"
                )
                say_once(f"oom {replica.name} {replica.last_exit.at}", text)

    def glimpse(self, replicas: Sequence[Replica]) -> str:
        """One clause for a line of live figures; empty when there is nothing to say."""
        said = [part for replica in replicas for part in self._parts(replica)]
        return f"; {', '.join(said)}" if said else ""

    def _parts(self, replica: Replica) -> list[str]:
        usage = self.usage.get(replica.name)
        parts: list[str] = []
        if usage is not None and usage.memory_bytes is not None:
            parts.append(f"memory {memory_in_words(usage)}")
        if usage is not None and usage.cpu_cores is not None:
            limit = f" of {usage.cpu_limit_cores:g}" if usage.cpu_limit_cores is not None else ""
            parts.append(f"CPU {usage.cpu_cores:.1f}{limit}")
        if replica.restarts:
            parts.append(f"{replica.restarts} restarts")
        return parts


def _full(usage: Usage) -> bool:
    if usage.memory_bytes is None or not usage.memory_limit_bytes:
        return False
    return usage.memory_bytes >= FULL_RATIO * usage.memory_limit_bytes


def memory_in_words(usage: Usage) -> str:
    """``231 of 256 MiB``; without a limit only what is used."""
    used = (usage.memory_bytes or 0) / 2**20
    if not usage.memory_limit_bytes:
        return f"{used:.0f} MiB"
    return f"{used:.0f} of {usage.memory_limit_bytes / 2**20:.0f} MiB"
