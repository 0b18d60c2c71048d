"""Memory and CPU: who was killed for want of memory, who is near it, and whether it was a replica, a node or PostgreSQL.

Pure. The surprising thing: exit code 137 is a kill by anybody; only the reason says that it was memory. And a node that runs
out of it evicts pods, which stay as objects for weeks, so that an eviction counts only while it is fresh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.evidence import LogText, Node
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.log_lines import Complaint, complaints, read_line
from lockage.core.diagnosis.migrator import migrator
from lockage.core.diagnosis.present import (
    RECENT_S,
    Ending,
    age_s,
    all_well,
    condition,
    details,
    endings,
    event_line,
    events,
    is_ready,
    kubectl,
    living,
    log_exhibit,
    noun,
    own_containers,
    pods,
    state_line,
    who,
)
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.under_migration import was_migrating
from lockage.core.diagnosis.voices import is_aftermath, voices
from lockage.core.facts import Usage
from lockage.core.wording import duration

NEAR_RATIO = 0.9
"""Share of its memory limit from which on a replica may be killed at any moment: a migration's next batch is 10 % soon."""

THROTTLED_RATIO = 0.95
"""Share of its CPU limit from which on a replica waits for CPU: usage is an average over many periods of 100 ms."""

EVICTED_S = 1800.0
"""How long an eviction is told of, if the replicas are not well."""

CRASH_S = 1800.0
"""How long a crash of PostgreSQL is told of, if the replicas are not well: what it broke off is not done yet."""


def out_of_memory(case: Case) -> Iterator[Finding]:
    """F006: a replica's container was killed at its memory limit."""
    said = set[str]()
    for ending in (*endings(case), *_just_over(case)):
        if ending.state.reason == "OOMKilled" and ending.detail.name not in said:
            said.add(ending.detail.name)
            yield _oom(case, ending)


def _just_over(case: Case) -> Iterator[Ending]:
    """Kills of replicas that are ready again: a limit that was reached once in these minutes will be again."""
    for detail in living(case):
        for container in own_containers(detail):
            last = container.last
            if is_ready(case, detail) and last is not None and last.finished_at and age_s(case, last.finished_at) < RECENT_S:
                yield Ending(detail=detail, container=container, state=last)


def _oom(case: Case, ending: Ending) -> Finding:
    container, name = ending.container, ending.detail.name
    limit = container.memory_limit_bytes
    at = f" of {mebibytes(limit)}" if limit is not None else ""
    ran = f" after {duration(ending.ran_s)}" if ending.ran_s is not None else ""
    proof = was_migrating(case, ending) if not is_ready(case, ending.detail) else None
    doing = f", and {proof.doing}" if proof is not None and proof.strength > 0.8 else ""
    times = f" (restart {container.restarts})" if container.restarts > 1 else ""
    node = [event_line(e) for e in events(case, "SystemOOM", "OOMKilling") if age_s(case, e.at) < RECENT_S]
    whole = "" if limit is not None else "; it has no limit of its own, so its node ran out"
    return Finding(
        code="F006",
        cause=f"{noun(case)} {name} was killed at its memory limit{at}{ran}{doing}{times}",
        confidence=0.95,
        why=f"the reason of its end is OOMKilled{whole}",
        evidence=(
            state_line(ending.detail, container, ending.state),
            *node[-1:],
            *(proof.exhibits if doing and proof is not None else ()),
        ),
        next=kubectl(case, "get", "pod", name, "-o", "jsonpath='{.spec.containers[*].resources}'"),
        avoid=(
            "do not raise the limit by editing the Deployment while a replica migrates: it would be replaced; "
            "raise it in the values of the next upgrade"
        ),
        rules_out=("F010",),
        about=(*pods(name), *(proof.about if proof is not None else ())),
    )


def mebibytes(size: int) -> str:
    """Bytes as limits are written."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


# --- the node ---------------------------------------------------------------------------------------------------------


def node_under_pressure(case: Case) -> Iterator[Finding]:
    """F007: a node runs short of memory, or of disk, and evicts replicas."""
    gone = {d.name: d.message for d in details(case) if d.phase == "Failed" and d.reason == "Evicted"}
    fresh = [e for e in events(case, "Evicted") if age_s(case, e.at) < EVICTED_S and e.subject.startswith("Pod/")]
    nodes = tuple(n for n in case.evidence.platform.nodes or () if _pressure(n) and _ours(case, n))
    if not nodes and (all_well(case) or not fresh):
        return
    names = tuple(dict.fromkeys(e.subject.removeprefix("Pod/") for e in fresh))
    where = " and ".join(f"node {n.name} is under {_pressure(n)}" for n in nodes)
    evicted = f"{who(case, names)} evicted: {_lacks(fresh[-1].text)}" if names else ""
    status = gone.get(names[0], "") if names else ""
    describe = ("describe", "node", nodes[0].name) if nodes else ("get", "events", "--sort-by=.lastTimestamp")
    sources = " and ".join(source for source, said in (("the node", nodes), ("the eviction", names)) if said)
    yield Finding(
        code="F007",
        cause="; ".join(part for part in (where, evicted) if part),
        confidence=0.95 if nodes and names else (0.85 if names else 0.6),
        why=f"{sources} {'say' if nodes and names else 'says'} so",
        evidence=(
            *(event_line(e) for e in fresh[-2:]),
            *(_pressure_line(n) for n in nodes),
            *((Exhibit(source=f"status of Pod/{names[0]}", text=status),) if status else ()),
        ),
        next=kubectl(case, *describe),
        avoid="do not delete pods that migrate to make room: their backends would keep their locks",
        about=(*pods(*names), *(f"node {n.name}" for n in nodes)),
    )


def _lacks(text: str) -> str:
    """The first sentences of an eviction: the resource, the threshold, and who used it."""
    return " ".join(text.split())[:200]


def _pressure(node: Node) -> str | None:
    for kind, words in (
        ("MemoryPressure", "memory pressure"),
        ("DiskPressure", "disk pressure"),
        ("PIDPressure", "PID pressure"),
    ):
        found = condition(node.conditions, kind)
        if found is not None and found.status == "True":
            return words
    return None


def _pressure_line(node: Node) -> Exhibit:
    shown = next(c for c in node.conditions if c.type.endswith("Pressure") and c.status == "True")
    return Exhibit(
        source=f"conditions of Node/{node.name}", text=f"{shown.type} {shown.status}: {shown.message or shown.reason}"
    )


def _ours(case: Case, node: Node) -> bool:
    """Whether a replica runs there, or was evicted from there."""
    return any(d.node == node.name for d in details(case))


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_KILLED = re.compile(r"(?:server process|client backend|\w+ worker) \(PID (?P<pid>\d+)\) was terminated by signal 9")
"""Source: PostgreSQL 13 to 17, and 18 (LogChildExit in postmaster.c), which says what kind of process it was."""
LEAST_MAJOR = 15
"""From this version on the checkpointer begins with the server, also where it recovers from a crash first.

Source: PostgreSQL 15, release notes (E.17.3.1.8): run the checkpointer and bgwriter processes during crash recovery.
"""

STARTS_S = 2.0
"""How much later than the server its checkpointer may begin: it does within milliseconds."""

_SAID_BY_CLIENTS = frozenset({"57P02"})


def server_out_of_memory(case: Case) -> Iterator[Finding]:
    """F008: PostgreSQL's backend was killed for want of memory, and the server restarted itself; or was refused memory."""
    server = LogText(replica="", container="postgresql", lines=case.evidence.database.server_log or ())
    for raw in reversed(server.lines):
        line, found = read_line(raw), _KILLED.search(raw)
        fresh = line.at is None or age_s(case, line.at) < CRASH_S
        if found is not None and fresh and not all_well(case):
            yield _killed_backend(found["pid"], raw)
            return
    logs = case.evidence.platform.logs or ()
    said = [(log, c) for log in (server, *logs) for c in complaints((log,)) if _counts(case, c)]
    refused = [(log, c) for log, c in said if c.sqlstate == "53200" and "shared memory" not in c.message]
    crashed = [(log, c) for log, c in said if c.sqlstate in _SAID_BY_CLIENTS]
    if refused:
        yield _refused(*refused[-1])
    elif crashed:
        yield _crashed(case, *crashed[-1])
    else:
        yield from _came_back(case)


def _counts(case: Case, complaint: Complaint) -> bool:
    """Whether it is fresh, and something is not well."""
    recent = complaint.at is None or age_s(case, complaint.at) < CRASH_S
    return recent and not all_well(case)


def _killed_backend(pid: str, raw: str) -> Finding:
    return Finding(
        code="F008",
        cause=f"PostgreSQL's backend {pid} was killed by signal 9, mostly for want of memory, and the server restarted itself",
        confidence=0.85,
        why="the server's own log says so; that it was memory is what signal 9 from nobody mostly is",
        evidence=(Exhibit(source="PostgreSQL's log", text=raw.strip()[:400]),),
        next="journalctl -k --grep 'Out of memory|oom-kill' --since -1h   # on the database's host",
        avoid="do not restart the server again: it recovers by itself, and everything uncommitted is rolled back already",
        rules_out=("F058",),
        about=(),
    )


def _crashed(case: Case, log: LogText, complaint: Complaint) -> Finding:
    return Finding(
        code="F008",
        cause="a backend of PostgreSQL was killed or crashed, and the server ended every session and restarted itself",
        confidence=0.5,
        why="a client was told so; by which signal stands only in the server's log, which was not seen",
        evidence=(log_exhibit(log, complaint.raw),),
        next=lockage(case, "survey"),
        avoid="do not restart the server again: it recovers by itself, and everything uncommitted is rolled back already",
        about=pods(log.replica) if log.replica else (),
    )


def _came_back(case: Case) -> Iterator[Finding]:
    """F008 where nobody says so: the server's own processes are younger than the server, as behind a crash alone."""
    server = case.evidence.database.server
    if server is None or server.major < LEAST_MAJOR or server.recovered_at is None or server.started_at is None:
        return
    later_s = (server.recovered_at - server.started_at).total_seconds()
    lost = [voice for voice in voices(case) if is_aftermath(voice.complaint)]
    if later_s < STARTS_S or age_s(case, server.recovered_at) > CRASH_S or all_well(case) or not lost:
        return
    ago = duration(age_s(case, server.recovered_at))
    times = f"the checkpointer began at {server.recovered_at:%H:%M:%S} UTC, the postmaster at {server.started_at:%H:%M:%S} UTC"
    yield Finding(
        code="F008",
        cause=f"a backend of PostgreSQL was killed or crashed {ago} ago, and the server ended all sessions and began anew",
        confidence=0.75,
        why="its own processes are younger than the server, and replicas lost their connections; whether it was for want of "
        "memory stands in the server's log and its host's",
        evidence=(Exhibit(source="pg_stat_activity", text=times), *(voice.exhibit for voice in lost[:2])),
        next="journalctl -k --grep 'Out of memory|oom-kill' --since -1h   # on the database's host",
        avoid="do not restart the server again: it recovers by itself, and everything uncommitted is rolled back already",
        rules_out=("F058", "F010", "F012"),
        about=pods(*(voice.detail.name for voice in lost)),
    )


def _refused(log: LogText, complaint: Complaint) -> Finding:
    own = Exhibit(source="PostgreSQL's log", text=complaint.raw.strip()[:400])
    return Finding(
        code="F008",
        cause=f"PostgreSQL was refused memory by its host: {complaint.message}",
        confidence=0.85,
        why="the server's own error says so (SQLSTATE 53200)",
        evidence=(log_exhibit(log, complaint.raw) if log.replica else own,),
        next="psql -c \"SELECT name, setting, unit FROM pg_settings WHERE name ~ 'work_mem|shared_buffers|max_connections'\"",
        avoid="do not raise work_mem: each sort of each session may take that much",
        rules_out=("F010",),
        about=pods(log.replica) if log.replica else (),
    )


# --- while it migrates ------------------------------------------------------------------------------------------------


def near_its_limits(case: Case) -> Iterator[Finding]:
    """F009: the replica that migrates is near its memory limit, or waits for CPU."""
    found = migrator(case)
    if found is None or found.owned.replica is None:
        return
    for usage in case.evidence.platform.usage or ():
        if usage.replica != found.owned.replica:
            continue
        short = tuple(_short_of(usage))
        if short:
            yield Finding(
                code="F009",
                cause=f"{noun(case)} {usage.replica} migrates, and {' and '.join(text for text, _ in short)}",
                confidence=max(sure for _, sure in short),
                why="measured while its backend migrates",
                evidence=tuple(Exhibit(source=f"usage of {usage.replica}", text=text) for text, _ in short),
                next=lockage(case, "watch"),
                avoid="do not raise its limits now: that would replace the migrating " + noun(case),
                about=(*pods(usage.replica), f"backend {found.session.pid}"),
            )


def _short_of(usage: Usage) -> Iterator[tuple[str, float]]:
    used, limit = usage.memory_bytes, usage.memory_limit_bytes
    if used is not None and limit and used >= NEAR_RATIO * limit:
        yield f"uses {mebibytes(used)} of the {mebibytes(limit)} of memory that it may", 0.8
    cores, cores_limit = usage.cpu_cores, usage.cpu_limit_cores
    if cores is not None and cores_limit and cores >= THROTTLED_RATIO * cores_limit:
        yield f"uses {cores:.2f} of the {cores_limit:g} CPUs that it may, and is throttled", 0.6


RULES: tuple[Rule, ...] = (out_of_memory, node_under_pressure, server_out_of_memory, near_its_limits)
