"""Which replicas to make and which to end next, so that an update has the promised number ready all the time.

Pure, and not for doing it. The surprising thing: as on Kubernetes, replicas that are being ended count neither as available nor
against the surge, and unready replicas of old revisions go first, however many. Source: Kubernetes v1.33,
``pkg/controller/deployment/rolling.go``, ``recreate.go`` and ``util/deployment_util.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockage.core.facts import UpdateKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the decision needs to know of one replica."""

    name: str
    current: bool  # of the current revision
    ready: bool
    terminating: bool
    restarts: int
    created: float  # when, on any clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How many replicas of the current revision to make now, and which to end now."""

    create: int = 0
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """An update strategy in absolute numbers."""

    max_surge: int
    max_unavailable: int


def absolute(amount: int | str, *, wanted: int, round_up: bool) -> int:
    """An absolute number, or a percentage of the wanted replicas rounded up or down.

    Raises ``ValueError`` when it is neither, or negative.
    """
    if isinstance(amount, str) and not amount.endswith("%"):
        raise ValueError(f"{amount!r} is neither a number nor a percentage")
    number = amount if isinstance(amount, int) else int(amount.removesuffix("%"))
    if number < 0:
        raise ValueError(f"{amount!r} is negative")
    if isinstance(amount, int):
        return number
    return -(-number * wanted // 100) if round_up else number * wanted // 100


def bounds(*, wanted: int, max_surge: int | str, max_unavailable: int | str) -> Bounds:
    """Surge rounded up and unavailable rounded down; one unavailable where both would be zero, or nothing could ever move."""
    surge = absolute(max_surge, wanted=wanted, round_up=True)
    unavailable = min(absolute(max_unavailable, wanted=wanted, round_up=False), wanted)
    if surge == 0 and unavailable == 0 and wanted > 0:
        unavailable = 1
    return Bounds(max_surge=surge, max_unavailable=unavailable)


def decide(replicas: Sequence[Candidate], *, wanted: int, update: UpdateKind, limits: Bounds) -> Decision:
    """The next move; ask again when it was made, until nothing is to be done or something in the world must change first."""
    live = [replica for replica in replicas if not replica.terminating]
    new = [replica for replica in live if replica.current]
    old = [replica for replica in live if not replica.current]
    if len(new) > wanted:
        return Decision(remove=_names(_expendable(new)[: len(new) - wanted]))
    if update is UpdateKind.RECREATE:
        if old:
            return Decision(remove=_names(old))
        if any(not replica.current for replica in replicas):
            return Decision()  # an old one is still going: both must never run together
        return Decision(create=wanted - len(new))
    room = wanted + limits.max_surge - len(live)
    create = min(max(room, 0), wanted - len(new))
    if create > 0:
        return Decision(create=create)
    return Decision(remove=_names(_old_to_remove(new, old, wanted=wanted, limits=limits)))


def _old_to_remove(new: list[Candidate], old: list[Candidate], *, wanted: int, limits: Bounds) -> list[Candidate]:
    least_available = max(wanted - limits.max_unavailable, 0)
    new_unavailable = sum(not replica.ready for replica in new)
    spare = len(new) + len(old) - least_available - new_unavailable
    if spare <= 0:
        return []
    unready = _expendable(replica for replica in old if not replica.ready)[:spare]
    ready = _expendable(replica for replica in old if replica.ready)
    available = sum(replica.ready for replica in new) + len(ready)
    return unready + ready[: max(available - least_available, 0)]


def _expendable(replicas: Iterable[Candidate]) -> list[Candidate]:
    """Those that serve least first: not ready, often restarted, young."""
    return sorted(replicas, key=lambda replica: (replica.ready, -replica.restarts, -replica.created, replica.name))


def _names(replicas: Iterable[Candidate]) -> tuple[str, ...]:
    return tuple(replica.name for replica in replicas)


def next_back_off(previous_s: float, *, ran_s: float, scale: float) -> float:
    """Seconds to wait before the restart after the next one; the first restart is at once.

    10 s, doubled each time up to 300 s, and forgotten after ten minutes of running, all times ``scale``. Source: Kubernetes
    v1.33, ``pkg/kubelet/kubelet.go`` (``initialBackOff``, ``maxContainerBackOff``), ``client-go/util/flowcontrol/backoff.go``.
    """
    if previous_s <= 0 or ran_s > 600.0 * scale:
        return 10.0 * scale
    return min(previous_s * 2, 300.0 * scale)
