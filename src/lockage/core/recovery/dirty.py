"""What a failed migration has done: for each statement of its file applied, not applied, or unprovable; and the ways out.

Not for executing anything. The surprising thing: most statements are judged without being looked at. A file's statements run in
order, and those of one transaction share their fate, so one that shows in the catalog speaks for its neighbours; only rows,
which no catalog shows, at the edge between applied and not applied stay unprovable, and come with the query that would tell.

Codes: LK578 what a person says of a statement contradicts the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import msgspec

from lockage.core.catalog.drift import Drift, drifts
from lockage.core.catalog.objects import Catalog, Key
from lockage.core.catalog.repair import drop_index, refuses_transaction
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.syntax import Control, Statement
from lockage.core.migration.telling import telling
from lockage.errors import UsageError


class Verdict(StrEnum):
    """What is known of one statement."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    UNPROVABLE = "unprovable"
    NEUTRAL = "neutral"  # it changes nothing that stays: whether it ran does not matter


class StatementVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of the failed file."""

    number: int  # from 1
    line: int
    text: str
    verdict: Verdict
    why: str  # a clause
    query: str | None = None  # read-only, that would tell
    means: str | None = None  # what its answer means
    first: tuple[str, ...] = ()  # what a half-made thing of it needs before it can be executed again


WayName = Literal["finish", "undo", "mark"]


class WayOut(msgspec.Struct, frozen=True, kw_only=True):
    """One way out of a dirty ledger, with everything that would be executed."""

    name: WayName
    possible: bool
    why: str  # a clause: what speaks for it, or why it cannot be
    sql: tuple[str, ...] = ()  # in order, the ledger's rows last
    together: bool = True  # all in one transaction
    leaves: int | None = None  # the ledger's version afterwards
    loses: tuple[str, ...] = ()  # what is lost by it, a clause each


class DirtyLedger(msgspec.Struct, frozen=True, kw_only=True):
    """A dirty ledger, judged."""

    table: str
    version: int
    previous: int  # 0: none
    name: str
    statements: tuple[StatementVerdict, ...]
    ways: tuple[WayOut, ...]
    advised: WayName | None  # None: a person must tell first which of the unprovable ones were applied
    assumptions: tuple[str, ...] = ()

    def way(self, name: WayName) -> WayOut:
        """The way of that name."""
        return next(way for way in self.ways if way.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One statement, executed on a shadow that had the schema before it."""

    statement: Statement
    after: Catalog
    failure: str | None = None  # the server's message, where it failed there; of one untried: why it is
    untried: bool = False  # it reaches out of the database, so that it was not executed


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The migration that the ledger calls dirty."""

    table: str  # of the ledger
    version: int
    previous: int
    name: str
    transaction: Transaction
    ledger_rows: Mapping[int, tuple[str, ...]]  # version to the statements that write it, clean
    down: tuple[str, ...] = ()  # statements of its own undoing, where it has one


def judged(
    failed: Failed, *, before: Catalog, trials: Sequence[Trial], actual: Catalog, told: int | None = None
) -> DirtyLedger:
    """The verdicts and the ways out. ``told``: a person says that so many statements of the file, from its first, were applied.

    Raises ``UsageError`` (LK578) where the catalog says otherwise.
    """
    proven = [_proven(number, trials, before, actual) for number in range(1, len(trials) + 1)]
    verdicts = _shared(_in_order(proven), _groups(trials, failed.transaction))
    if told is not None:
        verdicts = _as_told(verdicts, told, failed)
    ways = (_finish(failed, verdicts), _undo(failed, verdicts, before, trials, actual), _mark(failed, verdicts))
    advised: WayName | None = next((way.name for way in (ways[2], ways[0], ways[1]) if way.possible), None)
    return DirtyLedger(
        table=failed.table,
        version=failed.version,
        previous=failed.previous,
        name=failed.name,
        statements=tuple(verdicts),
        ways=ways,
        advised=advised,
        assumptions=tuple(f"statement {n} fails on a shadow: {t.failure}" for n, t in enumerate(trials, 1) if t.failure),
    )


# --- proof by the catalog ---------------------------------------------------------------------------------------------


Facet = tuple[Key, str]


def _facets(catalog: Catalog) -> dict[Facet, str]:
    found: dict[Facet, str] = {}
    for key, one in catalog.items():
        found[key, "is there"] = "yes"
        found.update({(key, trait): value for trait, value in one.traits.items()})
        found.update({(key, f"value {value}"): "yes" for value in one.values})
    return found


def _proven(number: int, trials: Sequence[Trial], before: Catalog, actual: Catalog) -> StatementVerdict:
    """What the catalog alone says of one statement."""
    trial = trials[number - 1]
    states = [_facets(before), *(_facets(each.after) for each in trials)]
    there = _facets(actual)
    was, became = states[number - 1], states[number]
    changed = sorted((f for f in was.keys() | became.keys() if was.get(f) != became.get(f)), key=str)
    if not changed:
        return _unseen(number, trial)
    votes: dict[Verdict, Facet] = {}
    for facet in changed:
        fitting = [place for place, state in enumerate(states) if state.get(facet) == there.get(facet)]
        if fitting and min(fitting) >= number:
            votes.setdefault(Verdict.APPLIED, facet)
        elif fitting and max(fitting) < number:
            votes.setdefault(Verdict.NOT_APPLIED, facet)
        elif not fitting:
            votes.setdefault(Verdict.UNPROVABLE, facet)
    half = next(
        (k for k, trait in changed if trait == "validity" and k.kind == "index" and there.get((k, trait)) == "invalid"), None
    )
    if half is not None:
        text, first = f"{half} is there and invalid: its build did not end", (drop_index(half.name),)
        return _verdict(number, trial, Verdict.NOT_APPLIED, text, first=first)
    if set(votes) == {Verdict.APPLIED}:
        return _verdict(number, trial, Verdict.APPLIED, f"the catalog shows it: {_in_words(votes[Verdict.APPLIED], there)}")
    if set(votes) == {Verdict.NOT_APPLIED}:
        facet = votes[Verdict.NOT_APPLIED]
        return _verdict(number, trial, Verdict.NOT_APPLIED, f"the catalog lacks it: {_in_words(facet, there)}")
    if not votes:
        return _unseen(number, trial)
    facet = votes.get(Verdict.UNPROVABLE) or next(iter(votes.values()))
    return _verdict(
        number, trial, Verdict.UNPROVABLE, f"the catalog is as it is neither before nor behind it: {_in_words(facet, there)}"
    )


def _in_words(facet: Facet, there: Mapping[Facet, str]) -> str:
    key, trait = facet
    if trait == "is there":
        return f"{key} is there" if facet in there else f"{key} is not there"
    if len(there.get(facet, "")) > 60 or trait in ("body", "query", "header"):  # what fits a line
        return f"the {trait} of {key}"
    return f"{key} has the {trait} {there.get(facet, '(none)')}"


def _unseen(number: int, trial: Trial) -> StatementVerdict:
    statement = trial.statement
    if trial.untried:
        return _verdict(number, trial, Verdict.UNPROVABLE, trial.failure or "it was not tried")
    if statement.control is not None or statement.reads_only or statement.node in _PASSING:
        return _verdict(number, trial, Verdict.NEUTRAL, "it changes nothing that stays")
    if statement.node in _REPEATABLE:
        return _verdict(number, trial, Verdict.NEUTRAL, "it can be executed again without harm")
    query = telling(statement.text)
    why = "it changes rows, which no catalog shows" if statement.changes else "it leaves no mark in the catalog"
    return _verdict(
        number,
        trial,
        Verdict.UNPROVABLE,
        why if trial.failure is None else f"{why}, and it fails on a shadow: {trial.failure}",
        query=query.sql if query else None,
        means=query.means if query else None,
    )


_PASSING = frozenset(
    {"variable_set_stmt", "variable_show_stmt", "vacuum_stmt", "check_point_stmt", "lock_stmt", "explain_stmt"}
)
_REPEATABLE = frozenset({"comment_stmt", "grant_stmt", "grant_role_stmt", "alter_owner_stmt", "sec_label_stmt"})
"""Statements whose second execution ends where the first one did."""


def _verdict(
    number: int,
    trial: Trial,
    verdict: Verdict,
    why: str,
    *,
    query: str | None = None,
    means: str | None = None,
    first: tuple[str, ...] = (),
) -> StatementVerdict:
    s = trial.statement
    return StatementVerdict(
        number=number, line=s.line, text=s.text, verdict=verdict, why=why, query=query, means=means, first=first
    )


# --- proof by the order -----------------------------------------------------------------------------------------------


def _in_order(verdicts: Sequence[StatementVerdict]) -> list[StatementVerdict]:
    """Statements before an applied one are applied, those behind one that is not are not, unless that contradicts itself."""
    applied = [v.number for v in verdicts if v.verdict is Verdict.APPLIED]
    lacking = [v.number for v in verdicts if v.verdict is Verdict.NOT_APPLIED]
    if applied and lacking and max(applied) > min(lacking):
        return list(verdicts)  # somebody has been at it by hand
    found: list[StatementVerdict] = []
    for v in verdicts:
        if v.verdict is not Verdict.UNPROVABLE:
            found.append(v)
        elif applied and v.number < max(applied):
            found.append(_because(v, Verdict.APPLIED, f"statement {max(applied)} behind it is applied"))
        elif lacking and v.number > min(lacking):
            found.append(_because(v, Verdict.NOT_APPLIED, f"statement {min(lacking)} before it is not applied"))
        else:
            found.append(v)
    return found


def _because(v: StatementVerdict, verdict: Verdict, why: str) -> StatementVerdict:
    return msgspec.structs.replace(v, verdict=verdict, why=why, query=None, means=None)


def _groups(trials: Sequence[Trial], transaction: Transaction) -> list[int]:
    """For each statement the number of the transaction that it is in."""
    group, open_block, found = 0, transaction != "statement", list[int]()
    for trial in trials:
        control = trial.statement.control
        if control is Control.BEGIN and not open_block:
            group, open_block = group + 1, True
        found.append(group)
        if control in (Control.COMMIT, Control.ROLLBACK):
            group, open_block = group + 1, transaction != "statement"
        elif not open_block:
            group += 1
    return found


def _shared(verdicts: Sequence[StatementVerdict], groups: Sequence[int]) -> list[StatementVerdict]:
    """Statements of one transaction share their fate."""
    found = list(verdicts)
    for group in set(groups):
        members = [v for v, g in zip(verdicts, groups, strict=True) if g == group]
        known = {v.verdict for v in members} & {Verdict.APPLIED, Verdict.NOT_APPLIED}
        if len(known) != 1:
            continue
        fate = known.pop()
        witness = next(v.number for v in members if v.verdict is fate)
        for v in members:
            if v.verdict is Verdict.UNPROVABLE:
                found[v.number - 1] = _because(v, fate, f"it is in one transaction with statement {witness}")
    return found


def _as_told(verdicts: Sequence[StatementVerdict], told: int, failed: Failed) -> list[StatementVerdict]:
    found: list[StatementVerdict] = []
    for v in verdicts:
        said = Verdict.APPLIED if v.number <= told else Verdict.NOT_APPLIED
        if v.verdict not in (said, Verdict.UNPROVABLE, Verdict.NEUTRAL):
            raise UsageError(
                f"not the first {told} statements of {failed.name} are applied: statement {v.number} is {v.verdict}, {v.why}",
                code="LK578",
                hint="lockage recover NAME --plan-only shows each statement",
            )
        found.append(_because(v, said, "as you said") if v.verdict is Verdict.UNPROVABLE else v)
    return found


# --- ways -------------------------------------------------------------------------------------------------------------


def _open(verdicts: Sequence[StatementVerdict]) -> str | None:
    """Which statements nobody can judge, as a clause; None where all are judged."""
    numbers = [str(v.number) for v in verdicts if v.verdict is Verdict.UNPROVABLE]
    if not numbers:
        return None
    word = "statement" if len(numbers) == 1 else "statements"
    return f"nobody can say yet whether {word} {', '.join(numbers)} ran: run the query, then say --applied N"


def _finish(failed: Failed, verdicts: Sequence[StatementVerdict]) -> WayOut:
    rest = [v for v in verdicts if v.verdict is not Verdict.APPLIED and _executable(v)]
    if rest and rest[0].verdict is Verdict.NEUTRAL:
        # Settings before the first statement that is missing belong to it.
        rest = [
            v for v in verdicts if v.verdict in (Verdict.NOT_APPLIED, Verdict.UNPROVABLE, Verdict.NEUTRAL) and _executable(v)
        ]
    sql = [statement for v in rest for statement in (*v.first, v.text)]
    missing = [v for v in rest if v.verdict in (Verdict.NOT_APPLIED, Verdict.UNPROVABLE)]
    undecided = _open(verdicts)
    count = f"{len(missing)} of {len(verdicts)} statements"
    return WayOut(
        name="finish",
        possible=undecided is None and bool(missing),
        why=undecided or (f"executes the {count} that are missing" if missing else "nothing of it is missing"),
        sql=(*sql, *failed.ledger_rows.get(failed.version, ())),
        together=not any(refuses_transaction(s) or " CONCURRENTLY " in f" {s.upper()} " for s in sql),
        leaves=failed.version,
    )


def _executable(v: StatementVerdict) -> bool:
    return not v.text.upper().startswith(("BEGIN", "COMMIT", "START TRANSACTION", "ROLLBACK", "END"))


def _undo(
    failed: Failed, verdicts: Sequence[StatementVerdict], before: Catalog, trials: Sequence[Trial], actual: Catalog
) -> WayOut:
    applied = [v for v in verdicts if v.verdict is Verdict.APPLIED or v.first]
    rows = failed.ledger_rows.get(failed.previous, ())
    undecided = _open(verdicts)
    if failed.down and not undecided and all(v.verdict in (Verdict.APPLIED, Verdict.NEUTRAL) for v in verdicts):
        return WayOut(
            name="undo", possible=bool(applied), why="executes the migration's own undoing: all of it is applied",
            sql=(*failed.down, *rows), leaves=failed.previous, loses=("what its own undoing drops",),
        )  # fmt: skip
    inverse = _inverse(before, trials, actual)
    left = [v.number for v in applied if trials[v.number - 1].statement.changes]
    loses = [d.text.removesuffix(", and no migration makes it") + ": dropped" for d in inverse if d.destructive]
    loses += [f"rows that statement {number} changed stay changed" for number in left]
    stuck = [d.text for d in inverse if not d.repair]
    sql = tuple(statement for d in inverse for statement in d.repair)
    why = undecided or (
        f"no statement undoes this: {'; '.join(stuck)}" if stuck else "makes the catalog as it was before the migration"
    )
    return WayOut(
        name="undo",
        possible=undecided is None and not stuck and bool(inverse),
        why=why if inverse or undecided else "nothing of it is applied",
        sql=(*sql, *rows),
        together=not any(refuses_transaction(s) for s in sql),
        leaves=failed.previous,
        loses=tuple(loses),
    )


def _inverse(before: Catalog, trials: Sequence[Trial], actual: Catalog) -> tuple[Drift, ...]:
    """What leads from the catalog as it is to how it was before the file, of the file's own objects only."""
    states = [before, *(trial.after for trial in trials)]
    touched = {key for state in states for key in state if any(state.get(key) != other.get(key) for other in states)}
    touched |= {key for other in states for key in other if key not in before}

    def of_the_file(catalog: Catalog) -> Catalog:
        return {key: one for key, one in catalog.items() if key in touched}

    return drifts(of_the_file(before), of_the_file(actual))


def _mark(failed: Failed, verdicts: Sequence[StatementVerdict]) -> WayOut:
    judged_ones = [v for v in verdicts if v.verdict is not Verdict.NEUTRAL]
    undecided = _open(verdicts)
    fates = {v.verdict for v in judged_ones}
    if undecided is None and fates <= {Verdict.APPLIED} and judged_ones:
        rows = failed.ledger_rows.get(failed.version, ())
        return WayOut(name="mark", possible=True, why="all of it is applied", sql=rows, leaves=failed.version)
    if undecided is None and fates <= {Verdict.NOT_APPLIED}:
        first = tuple(statement for v in judged_ones for statement in v.first)
        rows = failed.ledger_rows.get(failed.previous, ())
        why = f"nothing of it is applied: the next start runs migration {failed.version} from its beginning"
        return WayOut(name="mark", possible=True, why=why, sql=(*first, *rows), together=not first, leaves=failed.previous)
    applied = sum(1 for v in judged_ones if v.verdict is Verdict.APPLIED)
    why = undecided or f"{applied} of {len(judged_ones)} statements are applied: neither version would be true"
    return WayOut(name="mark", possible=False, why=why)
