"""What is held from which statement to which: relation by relation, transaction by transaction.

Not for seconds: positions in the script are enough here. The surprising thing: a lock ends before its transaction when the
script rolls back to a savepoint, and what the script itself made in the open transaction holds up nobody, since nobody sees it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.gaps import Gap
from lockage.core.forecast.held import HeldLock, HeldLocks
from lockage.core.forecast.lock_modes import badness, blocks_of
from lockage.core.forecast.names import LISTED_KINDS, ancestors, meant, owner
from lockage.core.forecast.own_rows import GoneRows, OwnRows, deleted_again, gone_rows, of_own_row, only_own, own_rows
from lockage.core.forecast.ran import every_change_of, plans_of, told_by_texts
from lockage.core.forecast.rows import Followed, row_locks
from lockage.core.forecast.rows_of_plans import as_doubted, row_locks_of_plans, targets_of
from lockage.core.forecast.trace import CatalogMark, CatalogRelation, Trace, Traced
from lockage.core.forecast.views_below import below_views
from lockage.core.forecast.worst_case import WorstCase, worst_case
from lockage.core.migration.syntax import Change, ChangeKind, Control, Name

UNSEEN = " unknown, worst case"
"""Behind the place of what nobody saw, where that is the reason of a wait."""

NOT_SEEN = "it was not seen to run"
"""The doubt about that."""

BEHIND_UNSEEN = "something before it was not seen to run"
"""The doubt about what was seen, but not as it will meet the schema: what nobody saw may change it, or end the script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One relation held from one statement of the trace to another, both included (positions in ``Trace.statements``)."""

    oid: int  # of a relation that existed before the script
    mode: str | None  # None: no lock that was seen, but a worst case or an indirect wait
    blocks: Blocks
    first: int
    last: int
    via: str | None = None
    strong: bool = False  # rows deleted or their keys changed
    all_rows: bool = False  # no row is spared
    given: tuple[str, ...] = ()  # only who writes these columns waits; (): whoever writes
    constants: tuple[tuple[str, int | str], ...] = ()  # columns that all of these rows have at this value, before and after
    referred: bool = False  # the rows are only referred to: who changes them beside their key goes on
    pinned: bool = False  # the script names the rows by their key, one by one
    by_key: Followed | None = None  # the rows follow locked rows of their parent
    values_only: bool = False  # only who takes values of a row type apart waits
    inserts_only: bool = False  # only who inserts waits: for a sequence's next value
    opens: bool = False  # of those columns' parent: who inserts without them waits too, since it is opened even for NULL
    of_heir: bool = False  # it is about a table that inherits from this one, which no foreign key comes to
    doubt: str | None = None  # why perhaps nobody waits, in a clause: nobody saw it run, the rows may not be there
    because: str | None = None  # where no lock of its own says why


def holds(trace: Trace, gaps: Sequence[Sequence[Gap]]) -> tuple[Hold, ...]:
    """Everything that the script holds; ``gaps`` are those of each statement, in the trace's order."""
    found: list[Hold] = []
    for _, group in groupby(enumerate(trace.statements), key=lambda item: item[1].transaction):
        members = list(group)
        for part in _parts(members):
            found.extend(_holds_of_transaction(trace, part, gaps))
    return tuple(found)


def doubted_behind(held: Iterable[Hold], first: int) -> tuple[Hold, ...]:
    """The same, where nothing that begins behind a position of the trace is certain."""
    return tuple(replace(h, doubt=BEHIND_UNSEEN) if h.doubt is None and h.first > first else h for h in held)


def _parts(members: list[tuple[int, Traced]]) -> Iterator[list[tuple[int, Traced]]]:
    """The migrator's own transactions bear the number of their migration, and end by themselves."""
    part: list[tuple[int, Traced]] = []
    for position, step in members:
        part.append((position, step))
        if not step.observation.in_transaction:
            yield part
            part = []
    if part:
        yield part


def _holds_of_transaction(trace: Trace, members: list[tuple[int, Traced]], gaps: Sequence[Sequence[Gap]]) -> Iterator[Hold]:
    listing = _Listing(trace, members[0][1])
    end = members[-1][0]
    opened: dict[HeldLock, int] = {}
    before = HeldLocks()
    rows: list[Hold] = []
    savepoints: list[tuple[str, int]] = []
    own = own_rows(members)
    gone = gone_rows(members, own)
    for position, step in members:
        now = step.observation.held
        taken, given_back = now.since(before)
        before = now
        for lock in given_back:
            yield from _hold(lock, opened.pop(lock), position, listing, step)
        opened |= dict.fromkeys(taken, position)
        if step.statement.control is Control.ROLLBACK_TO:
            rows = _given_back(rows, savepoints, step.statement.savepoint, position)
        elif step.statement.control is Control.SAVEPOINT:
            savepoints.append((step.statement.savepoint, position))
        rows.extend(_rows_of(step, position, end, listing, own, gone))
        rows.extend(_worst_cases(step, gaps[position], position, end, listing))
    last_step = members[-1][1]
    for lock, first in opened.items():
        yield from _hold(lock, first, end, listing, last_step)
    keys = last_step.rules.unique_keys
    yield from (r for r in rows if not _all_own(r, own, keys.get(r.oid, ())))


def _all_own(hold: Hold, own: OwnRows, keys: Sequence[tuple[str, ...]]) -> bool:
    """Whether it is about rows that the transaction itself has inserted, which nobody else sees."""
    if hold.referred:  # by a foreign key, whose parent's key is unique
        keys = (*keys, tuple(column for column, _ in hold.constants))
    return only_own(hold.oid, hold.constants, own, keys, first=hold.first, referred=hold.referred)


def _given_back(rows: list[Hold], savepoints: list[tuple[str, int]], name: str, position: int) -> list[Hold]:
    since = next((at for saved, at in reversed(savepoints) if saved == name), None)
    if since is None:
        return rows
    return [replace(r, last=min(r.last, position)) if r.first > since else r for r in rows]


def _listed_names(relations: Mapping[int, CatalogRelation]) -> dict[str, int]:
    return {relation.relation: oid for oid, relation in relations.items() if relation.kind in LISTED_KINDS}


class _Listing:
    """Which listed relations a lock on some oid reaches, in one transaction."""

    def __init__(self, trace: Trace, first: Traced) -> None:
        self.start = trace.start
        self.visible = first.before  # what others can see while the transaction is open
        self.rules = first.rules
        known, more = trace.start.layered.derived(_listed_names)
        self._by_name = ChainMap(more, known)

    def listed(self, oid: int) -> int | None:
        """The oid before the script of a relation that users reach; None for what the script made."""
        relation = self.start.relations.get(oid)
        if relation is not None:
            return oid if relation.kind in LISTED_KINDS else None
        remade = self.visible.relations.get(oid)
        former = None if remade is None else self._by_name.get(remade.relation)
        return None if former in self.visible.relations else former

    def reached(self, oid: int, mark: CatalogMark) -> Iterator[tuple[int, str | None, bool]]:
        """(listed oid, via, whether only writers draw on it) for everything that a lock on this oid concerns."""
        relation = self.visible.relations.get(oid)
        if relation is None:
            return
        if relation.kind == "S":
            for table in self.rules.sequences.get(oid, ()):
                listed = self.listed(table)
                if listed is not None:
                    yield listed, self.name(relation), True
            return
        table = owner(relation, self.visible)
        table = mark.relations.get(table.oid, table) if table.oid not in self.visible.relations else table
        listed = self.listed(table.oid)
        if listed is not None:
            yield listed, None if table.oid == oid else self.name(relation), False
        for above in ancestors(table, self.visible):
            listed = self.listed(above.oid)
            if listed is not None:
                yield listed, self.name(table), False

    def is_heir(self, oid: int, above: int) -> bool:
        """Whether one table inherits from the other, and is no partition of it."""
        relation, parent = self.visible.relations.get(oid), self.visible.relations.get(above)
        if relation is None or parent is None or parent.kind != "r":
            return False
        return any(each.oid == above for each in ancestors(owner(relation, self.visible), self.visible))

    def name(self, relation: CatalogRelation) -> str:
        """Its name before the script, else now; a TOAST table, which has another on each server, is named after its own."""
        named = self.start.relations.get(relation.oid, relation).relation
        table = owner(relation, self.visible)
        if table.oid != relation.oid and named.startswith("pg_toast."):
            return f"TOAST of {self.name(table)}"
        return named


def _hold(lock: HeldLock, first: int, last: int, listing: _Listing, step: Traced) -> Iterator[Hold]:
    for name, table in listing.rules.composites.get(lock.oid, ()):
        if (typed := listing.listed(table)) is not None:
            blocks = blocks_of(lock.mode)
            yield Hold(oid=typed, mode=lock.mode, blocks=blocks, first=first, last=last, via=name, values_only=True)
    for oid, via, writers_only in listing.reached(lock.oid, step.after):
        blocks = blocks_of(lock.mode)
        if writers_only and blocks is Blocks.READS:
            blocks = Blocks.WRITES
        of_heir = listing.is_heir(lock.oid, oid)
        if blocks is Blocks.WRITES and of_heir:
            blocks = Blocks.ROWS  # who inserts into the parent does not come to its heirs
        yield Hold(
            oid=oid, mode=lock.mode, blocks=blocks, first=first, last=last, via=via, inserts_only=writers_only, of_heir=of_heir
        )


def _rows_of(step: Traced, position: int, end: int, listing: _Listing, own: OwnRows, gone: GoneRows) -> Iterator[Hold]:
    if not step.succeeded:
        return
    seen = step.observation.held
    pinned = _is_pinned(step)
    # Of a run not all plans are kept; which partitions it goes to, its locks tell.
    targets = targets_of(() if step.statement.alike else plans_of(step), step.statement.text)
    changes = [change for change in _named_by_plan(step, targets) if not of_own_row(change, step, position, own)]
    read = row_locks(
        (replace(change, gone=deleted_again(change, step, gone)) for change in changes) if gone else changes,
        mark=step.before,
        rules=step.rules,
        held=seen.oids,
        targets=targets,
    )
    planned = row_locks_of_plans(plans_of(step), mark=step.before, rules=step.rules, told=told_by_texts(step))
    for lock in (*read, *as_doubted(planned, read)):
        if not lock.rows and HeldLock(lock.oid, lock.mode) in seen:
            continue  # the table lock alone, and it was read
        for oid, via, _ in listing.reached(lock.oid, step.after):
            blocks = Blocks.ROWS if lock.rows else Blocks.NONE
            strong = lock.strong and lock.rows
            yield Hold(
                oid=oid,
                mode=lock.mode,
                blocks=blocks,
                first=position,
                last=end,
                via=via,
                strong=strong,
                all_rows=lock.all_rows and via is None,  # all of a partition are not all of the table
                constants=lock.constants,
                referred=lock.referred,
                pinned=pinned,
                doubt=lock.doubt,
                by_key=lock.by_key,
                of_heir=via is not None and listing.is_heir(lock.oid, oid),
            )


def _named_by_plan(step: Traced, targets: Mapping[int, Container[int]]) -> Iterator[Change]:
    """Every change; where several tables of one name are locked, the plan says which of them the statement means."""
    own = frozenset(step.statement.changes)
    for change in every_change_of(step):
        found = meant(change.relation, step.before, step.observation.held.oids) if change in own else ()
        planned = [relation for relation in found if relation.oid in targets]
        if len(found) > 1 and len(planned) == 1 and not change.merges:
            schema, _, name = planned[0].relation.partition(".")
            yield replace(change, relation=Name(schema=schema, name=name))
        else:
            yield change


def _is_pinned(step: Traced) -> bool:
    """Whether a statement names all rows that it changes by a whole key, or writes them out."""
    keys = step.rules.unique_keys
    held = step.observation.held.oids

    def named(change: Change) -> bool:
        tables = meant(change.relation, step.before, held)
        return bool(tables) and all(any({*change.named_by} >= {*key} for key in keys.get(table.oid, ())) for table in tables)

    written = step.statement.changes
    changes = [below_views(change, mark=step.before, rules=step.rules, held=held) or change for change in written]
    return bool(changes) and all(
        named(change) or (change.kind is ChangeKind.INSERT and change.rows is not None) for change in changes
    )


def _worst_cases(step: Traced, gaps: Iterable[Gap], position: int, end: int, listing: _Listing) -> Iterator[Hold]:
    for gap in gaps:
        because = f"{step.file}:{gap.line}{UNSEEN}"
        cases = [worst_case(statement, mark=step.before, rules=step.rules) for statement in gap.statements or ()]
        everything = gap.statements is None or any(case.everything for case in cases)
        for oid, blocks in (_everything(listing) if everything else _blocked_by(cases)).items():
            for listed, via, _ in listing.reached(oid, step.after):
                yield Hold(
                    oid=listed,
                    mode=None,
                    blocks=blocks,
                    first=position,
                    last=end,
                    via=via,
                    doubt=NOT_SEEN,
                    because=because,
                )
        for lock in (lock for case in cases for lock in case.rows):
            for listed, via, _ in listing.reached(lock.oid, step.after):
                yield Hold(
                    oid=listed,
                    mode=None,
                    blocks=Blocks.ROWS,
                    first=position,
                    last=end,
                    via=via,
                    strong=lock.strong,
                    all_rows=lock.all_rows,
                    constants=lock.constants,
                    referred=lock.referred,
                    by_key=lock.by_key,
                    doubt=NOT_SEEN,
                    because=because,
                )


def _everything(listing: _Listing) -> dict[int, Blocks]:
    return {oid: Blocks.READS for oid, r in listing.visible.relations.items() if r.kind in LISTED_KINDS}


def _blocked_by(cases: Iterable[WorstCase]) -> dict[int, Blocks]:
    """The worst for each table as a whole."""
    found: dict[int, Blocks] = {}
    for case in cases:
        for oid, blocks in case.blocks.items():
            if badness(blocks) > badness(found.get(oid, Blocks.ROWS)):
                found[oid] = blocks
    return found
