"""The text of a ticket for the vendor: all that is asked for first, so that nobody writes it at night.

Not for deciding whether to call (``vendor``). The surprising thing: it is made from the evidence alone, so that a ticket
written from a bundle on another machine is the same, letter for letter.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from lockage.core.diagnosis.evidence import Container, Evidence
from lockage.core.diagnosis.findings import Case, Finding, Migrating
from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.redaction import mask_values
from lockage.core.run import Notes, read_notes
from lockage.core.wording import counted, duration, listed
from lockage.errors import HaltedError

WIDTH = 76
"""Columns of a line: mail and ticket systems break longer ones where they like."""

MOST_EXHIBITS = 5
"""Lines of evidence a finding in the ticket; the bundle has all of them."""

MOST_FINDINGS = 8
"""Findings with their evidence: one of each code before a second of any, since 200 replicas may die of one cause."""

MOST_ENTRIES = 12
"""Entries of any other list. Who reads a ticket reads a page of it; the bundle has the rest."""

MOST_CHARS = 600
"""Of one entry: seven lines."""


def ticket(case: Case, *, findings: Sequence[Finding], migrating: Migrating | None, reasons: Sequence[str], bundle: str) -> str:
    """The whole text, in lines of at most 76 columns, without secrets and without values in statements."""
    parts = (
        _lines("", _head(case)),
        _lines("Why we call", _some(reasons)),
        _lines("What was found", _found(findings)),
        _lines("Under way", (migrating.text,) if migrating is not None else ()),
        _lines("Versions", _some(_versions(case))),
        _lines("Replicas and limits", (*_replicas(case.evidence), *_some(_all_limits(case.evidence)))),
        _lines("Migration ledger", (ledger_in_words(case.evidence.database.ledger),)),
        _lines("What was tried", _tried(case.evidence)),
        _lines("What could not be seen", _some(f"{one.source}: {one.why}" for one in case.evidence.missing)),
        _lines("You ask to be called when", _some(case.profile.vendor.call_when)),
        _lines("Attached", _attached(case, bundle)),
    )
    return "\n".join(line for part in parts for line in part).strip() + "\n"


def _lines(heading: str, said: Iterable[str]) -> Iterator[str]:
    entries = tuple(_short(mask_values(entry)) for entry in said)  # before a line break can split a name from its value
    if not entries:
        return
    if heading:
        yield ""
        yield f"{heading}:"
    for entry in entries:
        marker, rest = ("    ", "    ") if entry.startswith(" ") else ("* ", "  ")
        yield from _wrapped(entry.strip(), first=marker if heading else "", rest=rest if heading else "")


def _some(said: Iterable[str]) -> Iterator[str]:
    entries = tuple(said)
    yield from entries[:MOST_ENTRIES]
    if left := len(entries[MOST_ENTRIES:]):
        yield f"and {left} more, which the bundle has"


def _short(entry: str) -> str:
    return entry if len(entry) <= MOST_CHARS else f"{entry[:MOST_CHARS]} …"


def _wrapped(text: str, *, first: str, rest: str) -> list[str]:
    plain = " ".join(text.split())
    return textwrap.wrap(
        plain, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _head(case: Case) -> tuple[str, ...]:
    evidence = case.evidence
    where = f", namespace {evidence.namespace}" if evidence.namespace else ""
    jump = jump_of(evidence)
    title = case.profile.title or case.profile.name
    upgrade = f"Upgrade from {jump[0] or 'an unknown release'} to {jump[1]}" if jump else "No upgrade was seen"
    return (
        f"{title}: deployment {evidence.deployment}{where} ({evidence.platform_kind})",
        f"{upgrade}.",
        f"Seen {evidence.at:%Y-%m-%d %H:%M:%S} UTC.",
        *_times(evidence),
    )


def jump_of(evidence: Evidence) -> tuple[str | None, str] | None:
    """The releases that the deployment leaves (None: not seen) and goes to; None where it goes nowhere, or was not seen.

    By the note of a run where one stands, else by the revisions, else by what the replicas run.
    """
    workload = evidence.platform.workload
    if workload is None:
        return None
    run = notes_of(evidence).run
    if run is not None and run.hop < len(run.plan.hops):
        return run.plan.hops[run.hop].from_release, run.plan.hops[run.hop].to_release
    others = [r for r in evidence.platform.revisions or () if r.release != workload.release and r.number < workload.revision]
    before = max(others, key=lambda revision: revision.number, default=None)
    if before is not None:
        return before.release, workload.release
    running = {r.release for r in evidence.platform.replicas or ()} - {workload.release}
    return (running.pop(), workload.release) if len(running) == 1 else None


def notes_of(evidence: Evidence) -> Notes:
    """The notes on the object; none where they cannot be read, which a rule of its own says."""
    workload = evidence.platform.workload
    if workload is None:
        return Notes()
    try:
        return read_notes(workload)
    except HaltedError:
        return Notes()


def _times(evidence: Evidence) -> Iterator[str]:
    newest = max(evidence.platform.revisions or (), key=lambda revision: revision.number, default=None)
    if newest is not None and newest.created_at is not None:
        age = duration(max(0.0, (evidence.at - newest.created_at).total_seconds()))
        yield f"Rolled out {newest.created_at:%Y-%m-%d %H:%M:%S} UTC, {age} before."
    server = evidence.database.server
    if server is not None and server.started_at is not None:
        yield f"PostgreSQL runs since {server.started_at:%Y-%m-%d %H:%M:%S} UTC."


def _found(findings: Sequence[Finding]) -> Iterator[str]:
    first = {finding.code: index for index, finding in reversed(tuple(enumerate(findings)))}
    ranked = sorted(range(len(findings)), key=lambda index: (index != first[findings[index].code], index))
    shown, rest = sorted(ranked[:MOST_FINDINGS]), Counter(findings[index].code for index in ranked[MOST_FINDINGS:])
    for finding in (findings[index] for index in shown):
        because = f", because of {finding.because}" if finding.because else ""
        mild = ", harmless" if finding.harmless else ""
        yield f"{finding.code} ({finding.confidence:.0%} sure{because}{mild}): {finding.cause}"
        for exhibit in finding.evidence[:MOST_EXHIBITS]:
            yield f" {exhibit.source}: {exhibit.text}"
    if rest:
        what = _some(f"{count} times {code}" for code, count in sorted(rest.items()))
        yield f"and {counted(rest.total(), 'finding')} more: {', '.join(what)}"


def _versions(case: Case) -> Iterator[str]:
    platform, server = case.evidence.platform, case.evidence.database.server
    if platform.workload is not None:
        yield f"image that is asked for: {platform.workload.image}"
    if server is not None:
        role = "standby" if server.in_recovery else "primary"
        yield f"PostgreSQL {server.version}, {role}, {server.connections} of {server.max_connections} connections"
    else:
        yield "PostgreSQL: not seen"
    newest = platform.releases[-1] if platform.releases else None
    if newest is not None:
        yield f"Helm: revision {newest.revision}, {newest.status}, chart {newest.chart}"
    for reading in platform.versions or ():
        yield f"{reading.source} of {reading.where}: {reading.version or reading.problem or 'not read'}"


def _replicas(evidence: Evidence) -> Iterator[str]:
    platform = evidence.platform
    if platform.workload is not None:
        ready = sum(replica.ready for replica in platform.replicas or ())
        seen = "not seen" if platform.replicas is None else f"{len(platform.replicas)} there, {ready} ready"
        yield f"{counted(platform.workload.replicas, 'replica')} wanted, {seen}"
    alike: dict[str, list[str]] = {}
    for replica in platform.replicas or ():
        ended = f", last ended with {replica.last_exit.reason} ({replica.last_exit.code})" if replica.last_exit else ""
        ready = ", ready" if replica.ready else ""
        restarted = ", restarted" if replica.restarts else ""
        alike.setdefault(f"{replica.release}, {replica.phase}{ready}{restarted}{ended}", []).append(replica.name)
    most = max((replica.restarts for replica in platform.replicas or ()), default=0)
    yield from _some(f"{how}: {_names(tuple(names))}" for how, names in alike.items())
    if most:
        yield f"restarts of one replica: {most} at most"


def _names(names: tuple[str, ...]) -> str:
    return f"{len(names)}, {listed(names, most=2)}" if names[1:] else listed(names)


def _all_limits(evidence: Evidence) -> Iterable[str]:
    details = evidence.platform.details or ()
    return dict.fromkeys(_limits(c) for detail in details for c in detail.containers if c.main and not c.init)


def _limits(container: Container) -> str:
    memory = f"{container.memory_limit_bytes / 2**20:.0f} MiB" if container.memory_limit_bytes is not None else "none"
    cpu = f"{container.cpu_limit_cores:g} cores" if container.cpu_limit_cores is not None else "none"
    return f"container {container.name}: memory limit {memory}, CPU limit {cpu}"


def ledger_in_words(ledger: LedgerReading | None) -> str:
    """Where the ledger stands, in a clause."""
    if ledger is None:
        return "not seen"
    match ledger.state:
        case LedgerState.READ:
            return f"{ledger.table} is at {ledger.version}, {'dirty' if ledger.dirty else 'clean'}"
        case LedgerState.MIGRATING:
            return f"{ledger.table} is being migrated by backend {ledger.holder_pid}"
        case LedgerState.MISSING:
            return f"there is no table {ledger.table}"
        case LedgerState.EMPTY:
            return f"{ledger.table} is empty"
        case LedgerState.UNREADABLE:
            return f"{ledger.table} cannot be read: {ledger.problem or 'not said why'}"


def _tried(evidence: Evidence) -> Iterator[str]:
    run = notes_of(evidence).run
    if run is None:
        yield "nothing by Lockage: no run of it stands on the Deployment"
        return
    route = " → ".join(hop.to_release for hop in run.plan.hops)
    yield f"run {run.id} of Lockage, by {run.holder}: {run.plan.from_release} → {route}"
    if run.hop < len(run.plan.hops):
        hop = run.plan.hops[run.hop]
        yield f"it stands in hop {run.hop + 1} of {len(run.plan.hops)}, {hop.from_release} → {hop.to_release}, {hop.strategy}"


def _attached(case: Case, bundle: str) -> Iterator[str]:
    yield f"the bundle that `{bundle}` writes: without secrets, with logs, events, sessions and locks"
    if case.profile.vendor.send:
        yield f"in it, as you ask: {'; '.join(case.profile.vendor.send)}"
