"""Two deployments on one database: other workloads with the same address, and sessions of replicas that are not ours.

A part of the family ``ledger``. The surprising thing: another workload with the same address is normal (workers, exporters),
and so is a session whose client is dead. What gives a second deployment away is a session under the application's name that
begins something new, though no replica of ours is behind it: a dead client begins nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import ReplicaPhase, Session
from lockage.core.wording import listed

_NEIGHBOUR = re.compile(r"(?P<kind>\w+)/(?P<name>\S+) in (?P<namespace>\S+)")


def two_deployments(case: Case) -> Iterator[Finding]:
    """F065: another deployment of the same application uses the same database."""
    strangers, twins = _living_strangers(case), _twins(case)
    if not strangers and not twins:
        return
    names = tuple(dict.fromkeys(session.application_name for session in strangers))
    no_replica = f"{listed(names)}, which is no replica of {case.evidence.deployment}"
    shares = "has the same address" if len(twins) == 1 else "have the same address"
    who = f"{listed(twins)} {shares}" if twins else f"sessions of {no_replica}, work in it"
    yield Finding(
        code="F065",
        cause=f"two deployments share one database: {who}",
        confidence=0.95 if strangers and twins else 0.8,
        why="its sessions live, and no replica of this deployment is their client" if strangers
        else "it has the name of this deployment and the address of its database",
        evidence=(*(_shown(session) for session in strangers[:5]),
                  *(Exhibit(source="workloads with the same database address", text=twin) for twin in twins)),
        next=lockage(case, "survey"),
        avoid="do not upgrade or restart either before one of them has a database of its own: each migrates under the other",
    )  # fmt: skip


def _twins(case: Case) -> tuple[str, ...]:
    """Workloads of the same name in another namespace: workers and exporters have other names."""
    found: list[str] = []
    workload = case.evidence.platform.workload
    own = workload.name if workload is not None else case.evidence.deployment
    for text in case.evidence.platform.neighbours or ():
        match = _NEIGHBOUR.fullmatch(text)
        if match is not None and match["name"] == own and match["namespace"] != case.evidence.namespace:
            found.append(text)
    return tuple(found)


def _living_strangers(case: Case) -> tuple[Session, ...]:
    """Sessions under the application's name, of no replica of ours, that began something between the two looks."""
    looks, replicas = case.evidence.database.looks, case.evidence.platform.replicas
    if looks is None or len(looks) < 2 or replicas is None:
        return ()
    if any(replica.phase is ReplicaPhase.TERMINATING for replica in replicas):
        return ()  # one that has just gone may have begun something a moment before
    before, after = looks[0], looks[-1]
    gap_s = max(case.evidence.database.look_gap_s, (after.at - before.at).total_seconds())
    orphans = [owned.session for owned in case.evidence.database.owned or () if owned.orphan]
    return tuple(s for s in orphans if s.statement_age_s is not None and s.statement_age_s < gap_s and s.state != "disabled"
                 and before.session(s.pid) is not None)  # fmt: skip


def _shown(session: Session) -> Exhibit:
    name = session.application_name or "(no name)"
    address = session.client_address or "an address that is not shown"
    return Exhibit(
        source="pg_stat_activity",
        text=f"backend {session.pid}, {name}, from {address}: began a statement {session.statement_age_s:.1f} s ago",
    )
