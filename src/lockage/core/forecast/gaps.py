"""What a trace did not see: statements that failed or were never executed, and inner ones that did not run.

Not for what they would do: that is ``worst_case``. The surprising thing: a statement that did run can be a gap too, when the
exception of its block was caught, for its locks were given back before anyone could read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.lock_modes import worst
from lockage.core.forecast.names import meant, owner, resolve
from lockage.core.forecast.ran import changes_of, statements_inside
from lockage.core.forecast.rows import row_locks
from lockage.core.forecast.trace import Routine, Traced, Trigger
from lockage.core.forecast.trigger_events import EVENTS, fires
from lockage.core.forecast.worst_case import worst_case
from lockage.core.migration.procedure import Code, Inner, Place, read_code
from lockage.core.migration.shortened import shortened
from lockage.core.migration.statement import fingerprint
from lockage.core.migration.syntax import ChangeKind, Name, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that was not seen."""

    line: int
    reason: str
    statements: tuple[Statement, ...] | None  # what it would be; None: it can be anything


def find_gaps(step: Traced) -> tuple[Gap, ...]:
    """Everything of one statement that the trace did not see."""
    statement = step.statement
    if not step.succeeded:
        return tuple(_unseen(step))
    ran = _Ran(step)
    found: list[Gap] = []
    if statement.procedure is not None:
        code = read_code(statement.text, language=statement.procedure.language.lower())
        found.extend(_gaps_in_code(code, ran, first_line=statement.procedure.line, where="", seen=frozenset()))
    found.extend(_gaps_in_calls((statement,), ran, line=statement.line, seen=frozenset()))
    found.extend(_gaps_in_triggers(ran, line=statement.line))
    found.extend(_gaps_in_uses(ran, line=statement.line))
    return tuple(found)


def _unseen(step: Traced) -> Iterator[Gap]:
    statement = step.statement
    failure = step.observation.failure
    reason = f"not executed: it {step.skipped}" if step.skipped else "failed"
    if failure is not None and not step.skipped:
        reason = f"fails on the shadow: {failure.message} (SQLSTATE {failure.sqlstate})"
    if statement.procedure is None:
        yield Gap(line=statement.line, reason=reason, statements=(statement,))
        return
    code = read_code(statement.text, language=statement.procedure.language.lower())
    if not code.readable:
        yield Gap(line=statement.line, reason=reason, statements=None)
        return
    yield Gap(line=statement.line, reason=reason, statements=())
    for inner in code.inner:
        line = statement.procedure.line + inner.line - 1
        yield Gap(line=line, reason=f"did not run: its block {reason}", statements=inner.statements)


class _Ran:
    """Which statements ran inside one that was executed."""

    def __init__(self, step: Traced) -> None:
        self.step = step
        texts = [str(plan["Query Text"]) for plan in step.observation.plans if plan.get("Query Text")]
        self.told = step.observation.inner is not None
        self._texts = [*texts, *(step.observation.inner or ())]
        self._prints = {fingerprint(text) for text in self._texts}

    def sees(self, inner: Inner) -> bool:
        """Whether it ran to its end and kept its locks."""
        if inner.place is Place.STRAIGHT:
            return not inner.protected or self._kept(inner)
        if inner.dynamic:
            found = self._saw_dynamic(inner)
        elif not self.told and inner.place is Place.PROTECTED:
            found = self._kept(inner)
        else:
            found = fingerprint(inner.text) in self._prints
        return found and (not inner.protected or self._kept(inner))

    def _saw_dynamic(self, inner: Inner) -> bool:
        literal = inner.text.strip().split("'", 2)
        beginning = " ".join(literal[1].split("%")[0].split()).lower() if len(literal) > 1 else ""
        if inner.statements is not None and any(fingerprint(s.text) in self._prints for s in inner.statements):
            return True
        return bool(beginning) and any(" ".join(text.split()).lower().startswith(beginning) for text in self._texts)

    def _kept(self, inner: Inner) -> bool:
        """Whether the locks that it must have taken are there; a statement that takes none keeps them all."""
        held = self.step.observation.held.oids
        for statement in inner.statements or ():
            for name in statement.names:
                old = [r for r in resolve(name, self.step.before) if name not in statement.created]
                if old and not any(r.oid in held or owner(r, self.step.before).oid in held for r in old):
                    return False
        return True


def _gaps_in_code(
    code: Code, ran: _Ran, *, first_line: int, where: str, seen: frozenset[str], fixed: bool = False
) -> Iterator[Gap]:
    if not code.readable:
        yield Gap(line=first_line, reason=f"{where or 'its block'} is not in a language that can be read here", statements=None)
        return
    for inner in code.expressions:
        line = first_line if fixed else first_line + inner.line - 1
        yield from _gaps_in_calls(inner.statements or (), ran, line=line, seen=seen)
    for inner in sorted(code.inner, key=lambda i: i.line):
        line = first_line if fixed else first_line + inner.line - 1
        if ran.sees(inner):
            yield from _gaps_in_calls(inner.statements or (), ran, line=line, seen=seen)
            continue
        if where and _harmless(inner, ran.step):
            yield from _gaps_in_calls(inner.statements or (), ran, line=line, seen=seen)
            continue
        what = shortened(inner.text, most=60)
        at = f"{where} line {inner.line}: " if where else ""
        reason = f"{at}{'dynamic SQL ' if inner.dynamic else ''}{inner.place} did not run: {what}"
        if inner.place is Place.STRAIGHT and not where:
            reason = f"its exception was caught, and its locks were given back: {what}"
        yield Gap(line=line, reason=reason, statements=inner.statements)


def _harmless(inner: Inner, step: Traced) -> bool:
    """Whether it can stop nobody, whatever the functions do that it calls."""
    if inner.statements is None:
        return False
    cases = [worst_case(s, mark=step.before, rules=step.rules) for s in inner.statements]
    return all(not case.everything and worst(case.blocks.values()) is Blocks.NONE for case in cases) and all(
        s.reads_only for s in inner.statements
    )


_KEEPS_FOR_LATER = frozenset(
    {
        "comment_stmt",
        "create_domain_stmt",
        "create_function_stmt",
        "create_policy_stmt",
        "create_stmt",
        "create_trig_stmt",
        "rule_stmt",
        "view_stmt",
    }
)
"""Statements whose expressions are written down and not computed: a new table has no rows to default, generate or check."""

_PARTITION_OF = re.compile(r"\bpartition\s+of\b", re.IGNORECASE)


def _keeps_for_later(statement: Statement) -> bool:
    """Whether no function runs that it names; the bounds of a partition are computed at once."""
    return statement.node in _KEEPS_FOR_LATER and not _PARTITION_OF.search(statement.text)


def _gaps_in_calls(statements: tuple[Statement, ...], ran: _Ran, *, line: int, seen: frozenset[str]) -> Iterator[Gap]:
    for statement in statements:
        if _keeps_for_later(statement):
            continue
        for call in dict.fromkeys(call for call in statement.calls if call not in statement.kept_calls):
            for routine in _routines(call, ran.step):
                if routine.routine not in seen:
                    given = statement is ran.step.statement and _calls_once(statement)
                    yield from _gaps_in_routine(
                        routine, ran, line=line, seen=seen | {routine.routine}, whose="function", given=given
                    )


_CONDITIONS = re.compile(r"\b(?:case|coalesce|and|or|where|nullif|limit|having)\b", re.IGNORECASE)


def _calls_once(statement: Statement) -> bool:
    """Whether the functions that it names run in any case, and with the same arguments on a shadow."""
    return statement.node in {"select_stmt", "call_stmt"} and not statement.names and not _CONDITIONS.search(statement.text)


def _routines(call: Name, step: Traced) -> Iterator[Routine]:
    for routine in step.rules.routine_list.by_name.get(call.name, ()):
        if call.schema in {None, routine.routine.partition(".")[0]}:
            yield routine


def _gaps_in_routine(
    routine: Routine,
    ran: _Ran,
    *,
    line: int,
    seen: frozenset[str],
    whose: str,
    event: str | None = None,
    given: bool = False,
    fired: bool = False,
) -> Iterator[Gap]:
    code = read_code(routine.definition, language=routine.language.lower(), event=event, given=given)
    place = f"{whose} {routine.routine}"
    code = code if given or fired else _uncertain(code)
    yield from _gaps_in_code(code, ran, first_line=line, where=place, seen=seen, fixed=True)


def _uncertain(code: Code) -> Code:
    """The same code where nothing is sure to run: a call may stand under a condition, or meet no row."""
    inner = tuple(
        Inner(
            line=i.line,
            place=Place.CALLED if i.place is Place.STRAIGHT else i.place,
            text=i.text,
            statements=i.statements,
            dynamic=i.dynamic,
            protected=i.protected,
        )
        for i in code.inner
    )
    return replace(code, inner=inner)


def _gaps_in_triggers(ran: _Ran, *, line: int) -> Iterator[Gap]:
    step = ran.step
    events = _events_of_rows(step)
    done: set[tuple[int, str, ChangeKind]] = set()
    for named, found in ((True, _named_events(step)), (False, (*events, *_events_of_views(step)))):
        for oid, event, columns in found:
            for trigger in step.rules.triggers:
                if trigger.table_oid != oid or (named and trigger.row_level) or not fires(trigger, event, columns):
                    continue
                if (oid, trigger.name, event) not in done:
                    done.add((oid, trigger.name, event))
                    yield from _gaps_in_trigger(trigger, event, ran, line=line, fired=named and not trigger.conditional)


def _gaps_in_trigger(trigger: Trigger, event: ChangeKind, ran: _Ran, *, line: int, fired: bool) -> Iterator[Gap]:
    whose = f"trigger {trigger.name}, function"
    only = EVENTS[event][0] if len(EVENTS[event]) == 1 else None
    for routine in ran.step.rules.routines:
        if routine.routine == trigger.routine:
            seen = frozenset({routine.routine})
            yield from _gaps_in_routine(routine, ran, line=line, seen=seen, whose=whose, event=only, fired=fired)


_EVENTS_OF_USES = {"WRITE": {"INSERT", "UPDATE"}, "INSERT": {"INSERT"}}
"""Which changes of rows run what checks, generated columns and defaults name."""


def _gaps_in_uses(ran: _Ran, *, line: int) -> Iterator[Gap]:
    """What did not run of the functions that a table's own checks, defaults and generated columns run for changed rows."""
    step = ran.step
    uses = [use for use in step.rules.uses if use.routine is not None and use.event in _EVENTS_OF_USES]
    changed = {(oid, name) for oid, event, _ in (_events_of_rows(step) if uses else ()) for name in EVENTS[event]}
    for use in uses:
        if not any((use.relation_oid, event) in changed for event in _EVENTS_OF_USES[use.event]):
            continue
        for routine in step.rules.routines:
            if routine.routine == use.routine:
                yield from _gaps_in_routine(
                    routine, ran, line=line, seen=frozenset({routine.routine}), whose=f"{use.by}, function"
                )


def _events_of_rows(step: Traced) -> list[tuple[int, ChangeKind, tuple[str, ...]]]:
    locks = row_locks(changes_of(step), mark=step.before, rules=step.rules, held=step.observation.held.oids)
    return [(lock.oid, lock.event, lock.columns) for lock in locks]


def _named_events(step: Traced) -> Iterator[tuple[int, ChangeKind, tuple[str, ...]]]:
    """Changes of tables that statements name, whether they meet rows or not: triggers of a statement fire in any case."""
    for statement in (step.statement, *statements_inside(step)):
        for change in statement.changes:
            for each in change.merges or (change,):
                for relation in meant(each.relation, step.before, step.observation.held.oids):
                    yield relation.oid, each.kind, each.columns
                    if each.upserts:
                        yield relation.oid, ChangeKind.UPDATE, each.updates


def _events_of_views(step: Traced) -> Iterator[tuple[int, ChangeKind, tuple[str, ...]]]:
    """Changes of views, in whose place triggers may do something else."""
    for statement in (step.statement, *statements_inside(step)):
        for change in statement.changes:
            for relation in resolve(change.relation, step.before):
                if relation.kind == "v":
                    yield relation.oid, change.kind, change.columns
