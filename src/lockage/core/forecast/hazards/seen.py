"""What the rules look at: a traced script, its forecast, and what is known of production and of the migrator's ledger.

Not for judging. The surprising thing: a relation without rows, or made by the script, holds up nobody, so most rules ask
``peopled`` first; where no size is known, every relation that was there before counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Blocks, Forecast, Seconds
from lockage.core.forecast.hazards.unsettled import unsettled
from lockage.core.forecast.held import HeldLock, HeldLocks
from lockage.core.forecast.lock_modes import blocks_of, worst
from lockage.core.forecast.names import LISTED_KINDS, ancestors, descendants, owner, resolve
from lockage.core.forecast.new_files import filled_indexes, refreshed, rewritten
from lockage.core.forecast.plan_nodes import relations_in
from lockage.core.forecast.production import Production
from lockage.core.forecast.ran import plans_of, statements_inside
from lockage.core.forecast.seconds import NOTHING
from lockage.core.forecast.trace import CatalogRelation, CatalogRules, Trace, Traced
from lockage.core.migration.applied import Applied
from lockage.core.migration.formats.format import MigratorLock
from lockage.core.migration.syntax import Name, Statement
from lockage.settings import HazardLimits


@dataclass(frozen=True, kw_only=True)  # no slots: what several rules ask for is worked out once
class Seen:
    """One forecast with everything behind it."""

    trace: Trace
    forecast: Forecast
    rules: CatalogRules  # before the script
    relations: Mapping[str, Relation] = field(default_factory=dict[str, Relation])  # production's; empty: sizes are not known
    production: Production = field(default_factory=Production)
    applied: Applied = field(default_factory=lambda: Applied(version=0))
    migrator_lock: MigratorLock = MigratorLock.NONE
    limits: HazardLimits = field(default_factory=HazardLimits)

    @property
    def sizes_known(self) -> bool:
        """Whether production told how large its relations are."""
        return bool(self.relations)

    @cached_property
    def own_steps(self) -> tuple[tuple[Traced, Seconds], ...]:
        """The statements of the files, each with how long it takes; not the migrator's own."""
        own = [step for step in self.trace.statements if not step.of_migrator]
        places = self.forecast.places
        seconds = [place.seconds for place in places] if len(places) == len(own) else [NOTHING] * len(own)
        return tuple(zip(own, seconds, strict=True))

    @cached_property
    def _unsettled(self) -> frozenset[int]:
        steps = [step for step, _ in self.own_steps]
        files = [migration.file for migration in self.forecast.script.migrations]
        return frozenset(map(id, unsettled(steps, files, from_the_start=bool(self.applied.not_run))))

    def is_unsettled(self, step: Traced) -> bool:
        """Whether something before a statement of the files may have made or dropped what nobody saw."""
        return id(step) in self._unsettled

    @cached_property
    def newly_taken(self) -> tuple[tuple[Traced, tuple[HeldLock, ...]], ...]:
        """Every statement of the files with the locks that it is the first of its transaction to take."""
        found: list[tuple[Traced, tuple[HeldLock, ...]]] = []
        before = HeldLocks()
        transaction = 0
        for step in self.trace.statements:
            if step.transaction != transaction:
                before, transaction = HeldLocks(), step.transaction
            held = step.observation.held
            if not step.of_migrator:
                found.append((step, tuple(held.since(before)[0])))
            before = held if step.observation.in_transaction else HeldLocks()
        return tuple(found)

    def rows(self, oid: int) -> float | None:
        """Rows of a relation before the script, partitions and heirs included; None: not known."""
        relation = self.trace.start.relations.get(oid)
        if relation is None:
            return 0.0
        those = [relation]
        if relation.kind == "p":
            those = [below for below in descendants(oid, self.trace.start) if below.kind != "p"]
        rows = [self._own_rows(each) for each in those]
        return None if any(each is None for each in rows) else sum(each or 0.0 for each in rows)

    def _own_rows(self, relation: CatalogRelation) -> float | None:
        size = self.relations.get(relation.relation)
        if size is None:
            return None
        return size.rows if size.rows >= 0 else (None if size.heap_bytes else 0.0)

    def peopled(self, oid: int) -> bool:
        """Whether it was there before the script and may have rows, so that somebody can miss it."""
        relation = self.trace.start.relations.get(oid)
        return relation is not None and relation.kind in LISTED_KINDS and self.rows(oid) != 0

    def is_ledger(self, name: str) -> bool:
        """Whether it is the migrator's own table, which nobody but migrators reads."""
        return name == self.forecast.script.ledger

    @cached_property
    def roots(self) -> Mapping[str, str]:
        """Each partition with the table that users know it by."""
        start = self.trace.start.relations.values()
        named = {table.relation: self.root(table) for table in start if table.parent_oids and table.kind in LISTED_KINDS}
        return {partition: root for partition, root in named.items() if partition != root}

    def root(self, table: CatalogRelation) -> str:
        """The name by which users know it: that of the partitioned table for a partition."""
        above = [each for each in ancestors(table, self.trace.start) if each.kind == "p"]
        return above[-1].relation if above else table.relation

    def blocked(self, step: Traced, oid: int) -> Blocks:
        """Who waits behind a statement for a relation because of its own locks."""
        return worst(blocks_of(lock.mode) for lock in step.observation.held.of(oid))


# --- statements -------------------------------------------------------------------------------------------------------


def said(step: Traced) -> tuple[Statement, ...]:
    """The statement and those that ran inside it."""
    return (step.statement, *statements_inside(step))


def built(step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Indexes that a statement made or filled anew, each with its table; not those of what it wrote or filled anew itself."""
    remade = {table.oid for table in rewritten(step)} | refreshed(step)
    return ((index, table) for index, table in filled_indexes(step) if table.oid not in remade)


def read_by_plans(step: Traced) -> frozenset[int]:
    """Relations that the plans inside a statement read; those of an ALTER TABLE look rows up for a foreign key."""
    return frozenset(oid for plan in plans_of(step) for oid in relations_in(plan))


def meant(name: Name, step: Traced) -> Iterator[CatalogRelation]:
    """The tables that a name in a statement means."""
    for relation in resolve(name, step.before):
        yield owner(relation, step.before)
