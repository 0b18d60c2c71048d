"""A liveness probe that kills a replica now and then: it is ready between two kills, and so it looks well.

Part of family ``probes``. Not for a replica that is in trouble now, nor for the kills of a start that has succeeded since. The
surprising thing: ready is no sign of health here. A process that answers for a quarter of an hour and then no more is ready
fourteen minutes of fifteen; only the kills, told apart from those of its start by how long it had run, show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lockage.core.diagnosis.evidence import Container, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.diagnosis.present import (
    CLOCK_S,
    KILL_S,
    Ending,
    age_s,
    budget_s,
    event_line,
    in_trouble,
    kubectl,
    living,
    noun,
    own_containers,
    pods,
    probe_kills,
    state_line,
)
from lockage.core.facts import Event
from lockage.core.wording import duration

TWICE = 2
"""Kills from which on they recur: one has a hundred harmless reasons."""

OVERDUE = 2.0
"""Times the interval between two kills after which the next one would have come, and the kills are over."""

BACK_OFF_S = 300.0
"""Kills of a start that fails are no further apart than this and the budget.

Source: Kubernetes documentation v1.33, Pod Lifecycle: the back-off between two restarts grows to five minutes.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kills:
    """How often, and how far apart."""

    last: Event
    count: int
    every_s: float


def killed_again(case: Case) -> Iterator[Finding]:
    """F003 of replicas that are ready at this moment, and were killed by the liveness probe again and again."""
    for detail in living(case):
        for container in own_containers(detail):
            kills = None if in_trouble(case, detail, container) else _kills(case, detail, container)
            if kills is not None and not _of_its_start(case, detail, container, kills):
                yield _relapsing(case, detail, container, kills)


def _kills(case: Case, detail: ReplicaDetail, container: Container) -> _Kills | None:
    """The kills of a container, where there are several and the next would not have come by now."""
    told = [kill for kill in probe_kills(case, detail, container) if "liveness" in kill.text]
    count = min(sum(kill.count for kill in told), container.restarts)
    if count < TWICE:
        return None
    first: datetime = min(kill.first_at or kill.at for kill in told)
    last = told[-1]
    every_s = (last.at - first).total_seconds() / (sum(kill.count for kill in told) - 1)
    if age_s(case, last.at) > OVERDUE * every_s + CLOCK_S:
        return None
    return _Kills(last=last, count=count, every_s=every_s)


def _of_its_start(case: Case, detail: ReplicaDetail, container: Container, kills: _Kills) -> bool:
    """Whether it was killed while it started, and has started since: that is over."""
    budget = budget_s(case, container, startup=False)
    if budget is None:
        return True
    grace_s = case.evidence.platform.workload.grace_s if case.evidence.platform.workload is not None else 30.0
    started_by = 2 * budget + grace_s + KILL_S
    ran = Ending(detail=detail, container=container, state=container.last).ran_s if container.last is not None else None
    return ran < started_by if ran is not None else kills.every_s < started_by + BACK_OFF_S


def _relapsing(case: Case, detail: ReplicaDetail, container: Container, kills: _Kills) -> Finding:
    ago, every = duration(max(0.0, age_s(case, kills.last.at))), duration(kills.every_s)
    ended = (state_line(detail, container, container.last),) if container.last is not None else ()
    return Finding(
        code="F003",
        cause=(
            f"{noun(case)} {detail.name} is ready now, and its liveness probe has killed it {kills.count} times, "
            f"every {every} or so, {ago} ago last: it answers for a while, and then no more"
        ),
        confidence=0.65 if kills.count == TWICE else 0.75,
        why="it recurs, and each time it had served before; it serves at this moment, so that the next kill is only likely",
        evidence=(event_line(kills.last), *ended),
        next=kubectl(case, "logs", detail.name, "-c", container.name, "--previous"),
        avoid="do not only lengthen the probe: it kills what is ill, and the illness stays",
        about=pods(detail.name),
    )
