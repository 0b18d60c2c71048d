"""Deadlocks: two transactions wait for each other, and PostgreSQL ends one of them.

The surprising thing: who was ended is who waited longest before PostgreSQL looked, not who is to blame. When the migration was
ended everything of its transaction is rolled back, and it may simply be tried again once the other side is quiet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.diagnosis.findings import Case, Finding, Rule
from lockage.core.diagnosis.rollout import changes_schema, failed, logged, newest_replicas, troubled, written
from lockage.core.diagnosis.server_entries import ServerEntry
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import Voice, fresh_voices, voices

_STATEMENT = re.compile(r"Process (?P<pid>\d+): (?P<statement>[^\n]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deadlock:
    entry: ServerEntry
    victim: str  # its statement
    others: tuple[tuple[int, str], ...]  # (pid, statement) of the rest


def deadlocks(case: Case) -> Iterator[Finding]:
    """F038 and F039: the migration, or a replica beside it, was ended by a deadlock."""
    in_log = [_read(entry) for entry in logged(case, "40P01")]
    of_migration = [d for d in in_log if _is_migrations(case, d.victim)]
    beside = [d for d in in_log if d not in of_migration and any(_is_migrations(case, s) for _, s in d.others)]
    newest = {r.name for r in newest_replicas(case)}
    said = [v for v in failed(case, "40P01") if v.migrates or v.detail.name in newest]
    serving = [v for v in (*voices(case), *fresh_voices(case)) if v.complaint.sqlstate == "40P01" and v not in said]
    if said or (of_migration and troubled(case) != ()):
        yield _victim_migration(case, said, of_migration)
    elif serving or (beside and troubled(case) != ()):
        yield _victim_replica(case, serving, beside)


def _read(entry: ServerEntry) -> _Deadlock:
    parts = {int(m["pid"]): m["statement"] for m in _STATEMENT.finditer(entry.detail)}
    victim = entry.statement or parts.get(entry.pid or -1, "")
    return _Deadlock(entry=entry, victim=victim, others=tuple((p, s) for p, s in parts.items() if p != entry.pid))


def _is_migrations(case: Case, statement: str) -> bool:
    text = statement.strip()
    return bool(text) and (changes_schema(text) or any(text[:120] in migration.text for migration in case.script))


def _victim_migration(case: Case, said: list[Voice], found: list[_Deadlock]) -> Finding:
    other = next(iter(found[-1].others), None) if found else None
    with_whom = f" with pid {other[0]} ({' '.join(other[1].split())[:80]})" if other is not None else ""
    names = tuple(dict.fromkeys(v.detail.name for v in said))
    who = f" of {names[0]}" if names else ""
    return Finding(
        code="F038",
        cause=f"the migration{who} met a deadlock{with_whom} and was ended by PostgreSQL; its transaction is rolled back",
        confidence=0.95 if said and (found or any(v.migrates for v in said)) else 0.8,
        why="PostgreSQL's log names both sides" if found else "the replica's log has the server's error 40P01",
        evidence=(*(v.exhibit for v in said[:2]), *(written(d.entry) for d in found[-1:])),
        next=lockage(case, "diagnose") + " when the replica has tried again; it is tried anew when it starts",
        avoid=_not_again(case),
        rules_out=("F012", "F010", "F039"),
        about=tuple(f"pod {name}" for name in names),
    )


def _not_again(case: Case) -> str:
    if case.profile.migrations.advisory_lock is None and len(newest_replicas(case)) > 1:
        return (
            "do not start several replicas of the new release at once: its migrator was not seen to take a lock, and they may "
            "have met each other"
        )
    return "do not let the old replicas serve while it is tried again, where it met one of them: it may end the same way"


def _victim_replica(case: Case, serving: list[Voice], found: list[_Deadlock]) -> Finding:
    names = tuple(dict.fromkeys(v.detail.name for v in serving))
    statement = " ".join(found[-1].victim.split())[:80] if found else serving[0].complaint.message
    who = f"replica {names[0]}" if names else "a session of the application"
    return Finding(
        code="F039",
        cause=f"{who} met a deadlock{' with the migration' if found else ''} and lost its transaction: {statement}",
        confidence=0.9 if found else 0.6,
        why="PostgreSQL's log names both sides, the other one changes the schema"
        if found
        else "its log has the server's error 40P01; whom it met was not seen",
        evidence=(*(v.exhibit for v in serving[:2]), *(written(d.entry) for d in found[-1:])),
        next=lockage(case, "watch"),
        avoid="do not restart the migration for it: users' requests fail for a moment, and are tried again",
        about=tuple(f"pod {name}" for name in names),
    )


RULES: tuple[Rule, ...] = (deadlocks,)
