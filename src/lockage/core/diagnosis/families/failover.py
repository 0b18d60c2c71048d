"""The server went away under the migration: restarted, crashed, or another one took over.

The surprising thing: nothing is lost by that, since a transaction that had not committed is rolled back whole; what fails is
the replica, which is started again and begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockage.core.diagnosis.evidence import LogText
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.log_lines import Complaint, complaints
from lockage.core.diagnosis.migrator_lines import Step, migrator_lines
from lockage.core.diagnosis.present import log_exhibit, log_of
from lockage.core.diagnosis.present import who as who_of
from lockage.core.diagnosis.rollout import SKEW_S, logged, newest_replicas, since, troubled, written
from lockage.core.diagnosis.server_entries import ServerEntry
from lockage.core.diagnosis.server_messages import Fault, fault_in
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import Voice, voices
from lockage.core.facts import ReplicaPhase
from lockage.core.wording import duration

GRAIN_S = 1.0
"""How much later than it says an object of Kubernetes may be made: its times are whole seconds, rounded down."""

_TOLD = re.compile(
    r"received (?:fast|immediate|smart) shutdown request|database system was (?:interrupted|not properly shut down)|"
    r"received promote request|selected new timeline ID|terminating any other active server processes|"
    r"all server processes terminated; reinitializing"
)
"""What a server says when it goes down, comes back, or takes over. Source: PostgreSQL 18, postmaster.c, xlog.c."""

_GONE = frozenset({"57P01", "57P02", "57P03", "08006", "08003"})
_NO_ANSWER = frozenset({Fault.REFUSED, Fault.UNREACHABLE, Fault.SILENT})

_AT_LOGIN = re.compile(
    r"(?i)(?:failed|failure|unable|could not|cannot|can't) (?:to )?connect|connection to server at .* failed|"
    r"error connecting|connection attempt failed"
)
"""How clients say that a connection never came to be. Source: libpq, pgx, pgjdbc, SQLAlchemy, sqlx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signs:
    """What speaks for it that the server went away."""

    now: bool  # our own connection is told that it is starting or stopping
    lost: tuple[Voice, ...]  # replicas whose last words are of a connection that they lost, or do not get
    told: tuple[ServerEntry, ...]
    restarted_at: datetime | None  # since the rollout began
    cut: tuple[tuple[Voice, Exhibit], ...] = ()  # replicas that had a connection and get none, where nothing else tells

    @property
    def of_the_server(self) -> bool:
        """Whether one is of the server itself: a backend that somebody ended says 57P01 as well."""
        said = any(voice.complaint.sqlstate in {"57P02", "57P03"} for voice in self.lost)
        return self.now or self.restarted_at is not None or bool(self.told) or said

    @property
    def why(self) -> str:
        """How it is known."""
        if self.cut:
            return "it had a connection and gets no answer since; a proxy or the network between would show the same"
        return "the server itself says so" if self.now or self.told or self.lost else "its start is younger than the rollout"

    @property
    def confidence(self) -> float:
        """0 to 1."""
        if self.now or (self.lost and (self.restarted_at or self.told)):
            return 0.9
        return 0.75 if self.told or self.lost or self.cut else 0.6


def server_went_away(case: Case) -> Iterator[Finding]:
    """F058: the server restarted or failed over since the rollout began, or does so now."""
    signs = _signs(case)
    if not signs.now and (troubled(case) == () or _is_over(case, signs) or not (signs.of_the_server or signs.cut)):
        return
    voices_of_it = (*signs.lost, *(voice for voice, _ in signs.cut))
    yield Finding(
        code="F058",
        cause=_cause(case, signs),
        confidence=signs.confidence,
        why=signs.why,
        evidence=tuple(dict.fromkeys(_exhibits(case, signs))),
        next=f"wait until it takes connections (pg_isready), then: {lockage(case, 'diagnose')}"
        if signs.now or (signs.cut and case.evidence.database.server is None)
        else lockage(case, "diagnose"),
        avoid="do not go back to the old image before the ledger was read: the migration may have been committed",
        rules_out=("F012", "F010", "F021", "F024"),
        about=tuple(dict.fromkeys(f"pod {voice.detail.name}" for voice in voices_of_it)),
    )


def _is_over(case: Case, signs: _Signs) -> bool:
    """Whether whatever ended for it has come back: every replica is ready, and none complains."""
    if signs.lost or signs.cut:
        return False
    staying = [r for r in case.evidence.platform.replicas or () if r.phase is not ReplicaPhase.TERMINATING]
    return bool(staying) and all(replica.ready for replica in staying)


def _signs(case: Case) -> _Signs:
    trouble, server = case.evidence.database.trouble, case.evidence.database.server
    lost = tuple(v for v in voices(case) if _is_lost(v.complaint))
    told = tuple(e for e in logged(case) if _TOLD.search(e.message))
    # A restart just before the rollout disturbs nobody; so near to it, only a replica that lost its connection tells.
    began = since(case) + timedelta(seconds=SKEW_S if lost else SKEW_S + GRAIN_S)
    restarted = server is not None and server.started_at is not None and server.started_at > began
    restarted = restarted and (bool(lost or told) or _one_ran(case))
    signs = _Signs(
        now=trouble is not None and trouble.sqlstate == "57P03",
        lost=lost,
        told=told,
        restarted_at=server.started_at if restarted and server is not None else None,
    )
    return signs if signs.of_the_server else replace(signs, cut=tuple(_cut_off(case)))


def _exhibits(case: Case, signs: _Signs) -> Iterator[Exhibit]:
    trouble = case.evidence.database.trouble
    if trouble is not None and (signs.now or signs.cut):
        yield Exhibit(source="the answer to a connection of our own", text=trouble.text[:300])
    yield from (exhibit for _, exhibit in signs.cut[:2])
    yield from (voice.exhibit for voice in (signs.lost or tuple(voice for voice, _ in signs.cut))[:2])
    yield from map(written, signs.told[-2:])
    if signs.restarted_at is not None:
        yield Exhibit(source="pg_postmaster_start_time()", text=f"{signs.restarted_at:%Y-%m-%d %H:%M:%S} UTC")


def _cut_off(case: Case) -> Iterator[tuple[Voice, Exhibit]]:
    """Replicas of the rollout that get no answer now and had a connection before, each with the line that shows it.

    What only asks for a connection, and never had one, has a wrong address, or a server that was down before.
    """
    newest, began = {r.name for r in newest_replicas(case)}, since(case)
    trouble = case.evidence.database.trouble
    silent = case.evidence.database.server is None and trouble is not None and fault_in(trouble.text) in _NO_ANSWER
    for voice in voices(case):
        if silent and voice.detail.name in newest and _had_one(voice.complaint):
            yield voice, voice.exhibit  # it has not asked again yet, and we have
            continue
        if voice.complaint.fault not in _NO_ANSWER or voice.detail.name not in newest:
            continue
        for previous in (True, False):
            log = log_of(case, voice.detail.name, voice.container.name, previous=previous)
            line = _connected(case, log, began) if log is not None else None
            if log is not None and line is not None:
                yield voice, log_exhibit(log, line)
                break


def _connected(case: Case, log: LogText, began: datetime) -> str | None:
    """The last line that shows a connection: one that was lost, or, while the server is out of sight, a named migration."""
    lost = [c.raw for c in complaints((log,)) if _had_one(c) and (c.at is None or c.at >= began)]
    if lost or case.evidence.database.server is not None:
        return lost[-1] if lost else None
    begun = [m for m in migrator_lines(log) if m.name is not None or m.step is Step.LOCKED]
    return begun[-1].raw if begun and (begun[-1].at is None or begun[-1].at >= began) else None


def _had_one(complaint: Complaint) -> bool:
    if _AT_LOGIN.search(complaint.raw):
        return False
    return complaint.sqlstate in _GONE or complaint.fault is Fault.LOST


def _one_ran(case: Case) -> bool:
    """Whether a replica has had a process whose migration could have been interrupted: one without an image has not."""
    replicas = case.evidence.platform.replicas
    return replicas is None or any(r.started_at is not None or r.restarts or r.last_exit for r in replicas)


def _is_lost(complaint: Complaint) -> bool:
    return complaint.sqlstate in _GONE or complaint.fault in {Fault.LOST, Fault.REFUSED}


def _cause(case: Case, signs: _Signs) -> str:
    if signs.now:
        return "the database server is starting, recovering or shutting down at this moment, and takes no connections"
    rolled = "what the migration had not committed is rolled back"
    if signs.restarted_at is not None:
        ago = duration(max(0.0, (case.evidence.at - signs.restarted_at).total_seconds()))
        return f"the database server was restarted {ago} ago, after the rollout had begun; {rolled}"
    if signs.cut:
        who = who_of(case, tuple(dict.fromkeys(voice.detail.name for voice, _ in signs.cut)))
        return f"the database went away in the middle of the rollout: {who} had a connection, and then got none; {rolled}"
    promoted = any("promote" in entry.message or "timeline" in entry.message for entry in signs.told)
    what = "another server took over" if promoted else "it went down"
    return f"the database went away in the middle of the rollout ({what}); {rolled}"


RULES: tuple[Rule, ...] = (server_went_away,)
