"""Exits: a process that ends by itself, what it said last, and the loop in which the platform starts it again.

Pure. The surprising thing: an exit code says little. 143 is a termination that was honoured, 137 one that was not, or memory,
and 1 is whatever the log says; so nothing is called an exit by itself before probes and memory are excluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.evidence import Container, ContainerPhase, LogText, ReplicaDetail
from lockage.core.diagnosis.families.exit_beside import ends_beside, hook_failed
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.last_words import last_words
from lockage.core.diagnosis.log_lines import Complaint
from lockage.core.diagnosis.migrator import THE_LOCK
from lockage.core.diagnosis.motion import another_works
from lockage.core.diagnosis.present import (
    SIGKILL,
    SIGTERM,
    Ending,
    endings,
    event_line,
    in_trouble,
    kubectl,
    living,
    log_exhibit,
    log_of_ending,
    noun,
    own_containers,
    pod_events,
    pods,
    state_line,
    who,
)
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import Voice, voices
from lockage.core.wording import counted, duration

OWN_CAUSES = frozenset(
    (
        *("28P01", "28000", "3D000", "42501", "25006", "53300", "53100", "53200", "57014", "55P03", "40P01", "25P03"),
        *("25P04", "58P01", "57P01", "57P02", "57P03", "57P05", "26000", "42P05", "08P01"),
    )
)
"""SQLSTATEs that a cause of another family speaks of: what stands behind them is no fault of a statement."""

SIGNALS = {
    132: "SIGILL, an instruction that this processor does not have",
    134: "SIGABRT, it aborted itself",
    135: "SIGBUS",
    136: "SIGFPE",
    139: "SIGSEGV, a crash of the program itself",
}
"""What exit codes over 128 mean. Source: signal(7), and the shells' 128 + signal."""

_LOCK = re.compile(
    r"(?i)(?:can't|cannot|could not|couldn't|unable to|failed to|timed? ?out) .{0,40}\block\b|lock timeout|locked by|"
    r"another migration (?:process )?is (?:currently|already) running|"
    r"has locked this database|MigrationLocked|migration table is already locked|"
    r"concurrent migration|ConcurrentMigrationError|attempting to acquire \w+ advisory lock"
)
"""How migrators say that they did not get their lock.

Source: golang-migrate v4 (ErrLockTimeout), Liquibase, Prisma (P1002), Rails 8 (ConcurrentMigrationError), Knex 3.
"""

NEVER_RAN = frozenset({"StartError", "ContainerCannotRun", "ContainerStatusUnknown", "Unknown", "Evicted"})
"""Reasons of an end of a process that never began, or of which nobody knows."""


def has_own_cause(complaint: Complaint) -> bool:
    """Whether another family has a cause for what is complained of."""
    if complaint.sqlstate == "57014":  # else somebody cancelled it, which is all that is known
        return "statement timeout" in complaint.words
    if complaint.fault is not None or complaint.sqlstate in OWN_CAUSES:
        return True
    return complaint.sqlstate in {"0A000", "42704"} and "extension" in complaint.message


def ends_by_itself(case: Case) -> Iterator[Finding]:
    """F010: a process ends, and neither a probe nor memory is why."""
    said = {voice.detail.name: voice for voice in voices(case) if voice.ended}
    for ending in endings(case):
        if ending.kill is None and _by_itself(case, ending):
            yield _exited(case, ending, said.get(ending.detail.name))


def _by_itself(case: Case, ending: Ending) -> bool:
    state = ending.state
    if state.exit_code is None or state.exit_code < 0 or state.reason == "OOMKilled" or state.reason in NEVER_RAN:
        return False
    if state.exit_code == 0 and ending.container.init:
        return False
    # A container that was told to end is not known from one that was not where the events are out of sight.
    told = state.exit_code in {SIGKILL, SIGTERM}
    if told and (case.evidence.platform.events is None or pod_events(case, ending.detail.name, "Killing")):
        return False
    return not any("failed to start container" in e.text for e in pod_events(case, ending.detail.name, "Failed"))


def _exited(case: Case, ending: Ending, voice: Voice | None) -> Finding:
    log = log_of_ending(case, ending)
    quote = _quote(log, voice)
    particular = voice is not None and has_own_cause(voice.complaint)
    seen = [state_line(ending.detail, ending.container, ending.state), *([quote] if quote is not None else [])]
    restarted = [event_line(e) for e in pod_events(case, ending.detail.name, "BackOff")[-1:]]
    return Finding(
        code="F010",
        cause=f"{_who(case, ending.detail, ending.container)} {_how(ending)}{_last_said(quote, voice)}",
        confidence=0.5 if particular else (0.85 if quote is not None else 0.6),
        why=_why_exited(case, quote),
        evidence=(*seen, *restarted),
        next=kubectl(case, "logs", ending.detail.name, "-c", ending.container.name, "--previous"),
        avoid="do not delete it before its previous log is kept: that is where the reason stands",
        harmless=bool(_gave_up(quote)) and another_works(case, ending.detail.name),
        about=(*pods(ending.detail.name), *_gave_up(quote)),
    )


def _gave_up(quote: Exhibit | None) -> tuple[str, ...]:
    """That it waited for the migration lock, where its last words say so: then it follows from whoever has it."""
    return (THE_LOCK,) if quote is not None and _LOCK.search(quote.text) else ()


def _why_exited(case: Case, quote: Exhibit | None) -> str:
    unseen = "" if case.evidence.platform.events is not None else "; the events were not seen"
    return (
        "its own last words are quoted" if quote is not None else "no probe killed it; its last words were not seen"
    ) + unseen


def _who(case: Case, detail: ReplicaDetail, container: Container) -> str:
    if container.init:
        return f"init container {container.name} of {noun(case)} {detail.name}"
    several = sum(1 for c in detail.containers if not c.init) > 1
    return f"container {container.name} of {noun(case)} {detail.name}" if several else f"{noun(case)} {detail.name}"


def _how(ending: Ending) -> str:
    code = ending.state.exit_code
    ran = f" after {duration(ending.ran_s)}" if ending.ran_s is not None else ""
    if code == 0:
        return f"ended by itself{ran} with exit code 0, and a replica must not end"
    if code == SIGKILL:
        return f"was killed{ran} (exit code 137), by neither a probe nor its own memory limit"
    if code == SIGTERM:
        return f"was told to end{ran} (exit code 143), by something that left no event"
    signal = f", {SIGNALS[code]}" if code in SIGNALS else ""
    return f"ended by itself{ran} with exit code {code}{signal}"


def _quote(log: LogText | None, voice: Voice | None) -> Exhibit | None:
    if voice is not None:
        return voice.exhibit
    if log is None:
        return None
    line = last_words(log)
    return log_exhibit(log, line.raw) if line is not None else None


def _last_said(quote: Exhibit | None, voice: Voice | None) -> str:
    if voice is not None:
        return f": {voice.complaint.message}"
    return f", and said last: {quote.text[:200]}" if quote is not None else ""


def crash_loop(case: Case) -> Iterator[Finding]:
    """F011: replicas wait to be started again; always an effect."""
    looping = [
        (detail, container)
        for detail in living(case)
        for container in own_containers(detail)
        if container.state.phase is ContainerPhase.WAITING
        and container.state.reason == "CrashLoopBackOff"
        and in_trouble(case, detail, container)
    ]
    if not looping:
        return
    names = tuple(detail.name for detail, _ in looping)
    most = max(container.restarts for _, container in looping)
    first, container = looping[0]
    back_offs = [event_line(e) for e in pod_events(case, first.name, "BackOff")[-1:]]
    wait = "waits" if len(names) == 1 else "wait"
    gave_up = all(f.harmless for f in ends_by_itself(case) if set(f.about) & set(pods(*names)))
    yield Finding(
        code="F011",
        harmless=gave_up and any(ends_by_itself(case)),
        cause=f"{who(case, names)} {wait} in CrashLoopBackOff to be started again, after {counted(most, 'restart')}",
        confidence=0.9,
        why="that is what the platform says; why its process ends is a cause of its own",
        evidence=(state_line(first, container), *back_offs),
        next=kubectl(case, "logs", first.name, "-c", container.name, "--previous"),
        avoid="do not delete it to get rid of the wait: its previous log goes with it, and the next one ends the same way",
        about=pods(*names),
    )


def failed_migration(case: Case) -> Iterator[Finding]:
    """F012: a migration failed on an error of its own statement."""
    for voice in voices(case):
        complaint = voice.complaint
        if not complaint.is_servers or has_own_cause(complaint) or not voice.migrates:
            continue
        who = f"{noun(case)} {voice.detail.name}"
        read = "" if complaint.stated else ", read from the server's words"
        yield Finding(
            code="F012",
            cause=f"the migration of {who} failed: {complaint.message}"
            + (f" (SQLSTATE {complaint.sqlstate})" if complaint.sqlstate else ""),
            confidence=0.95 if complaint.stated else 0.85,
            why=f"the replica's log has the server's error with its SQLSTATE{read}"
            if complaint.sqlstate
            else "the replica's log has an error that the server has sent while it migrated",
            evidence=(voice.exhibit, *_detail_of(voice)),
            next=lockage(case, "recover", "--plan-only"),
            avoid="do not mark it as done by hand, nor go back to the old image, before the schema was compared",
            rules_out=("F010",),
            about=pods(voice.detail.name),
        )


def _detail_of(voice: Voice) -> tuple[Exhibit, ...]:
    if not voice.complaint.detail:
        return ()
    return (Exhibit(source=voice.exhibit.source, text=voice.complaint.detail[:400]),)


RULES: tuple[Rule, ...] = (ends_by_itself, ends_beside, hook_failed, crash_loop, failed_migration)
