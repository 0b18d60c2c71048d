"""Which pieces of work a traced statement is made of: from its changed files, its plan and what its text says.

Not for amounts (``building``, ``changing``, ``firing``, ``finding``). The surprising thing: rewrites and index builds are seen
by the new files that they made on the shadow, where there was nothing to write; everything that only reads leaves no trace, and
follows from the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.duration import building, changing, toast
from lockage.core.forecast.duration.calibration import Calibration
from lockage.core.forecast.duration.cost import FREE, SURE, Cost, Doubt, seconds_of, together
from lockage.core.forecast.duration.evidence import CALLS, calling, doubt_of_calls, newly_indexed, passes, spared
from lockage.core.forecast.duration.finding import finding, further_columns, given_columns, is_parallel, result
from lockage.core.forecast.duration.firing import Fired, Ground, fired
from lockage.core.forecast.duration.piece import Piece
from lockage.core.forecast.duration.rates import WORK
from lockage.core.forecast.duration.structure import Index, Structure, Table
from lockage.core.forecast.names import differences, oids, owner, resolve
from lockage.core.forecast.new_files import rewritten
from lockage.core.forecast.plan_nodes import relations_in
from lockage.core.forecast.ran import changes_of, plans_of
from lockage.core.forecast.row_ledger import RowLedger
from lockage.core.forecast.seconds import unbounded
from lockage.core.forecast.trace import CatalogRelation, Traced
from lockage.core.migration.index_syntax import indexes_in
from lockage.core.migration.rewrite_syntax import rewrite_in
from lockage.core.migration.syntax import Change, ChangeKind, Work, WorkKind

HELD = ("r", "p", "m")

GUESSED = Doubt(below=1.25, above=1.35)
"""Of a table whose columns and indexes nobody described."""

PARALLEL = Doubt(below=2.0, above=1.0)
"""A plan that several processes may share."""

_CONCURRENTLY_BUILDS = {"index_stmt", "reindex_stmt"}


class Operations:
    """The pieces of statements, with the sizes that the ledger has when asked."""

    def __init__(self, ledger: RowLedger, structure: Structure, calibration: Calibration) -> None:
        self._ledger = ledger
        self._structure = structure
        self._calibration = calibration
        self._speeds = calibration.speeds

    def of(self, step: Traced) -> Iterator[Piece]:
        """Every piece of the statement's work, in the order in which it is done."""
        anew: set[int] = set()
        for relation in rewritten(step):
            anew.add(relation.oid)
            yield self._rewriting(relation, self._table(relation.oid, step), step)
        yield from self._builds(step, anew)
        for work in passes(step):
            tables = [owner(relation, step.before) for relation in resolve(work.relation, step.before)]
            for table in (table for table in tables if table.oid not in anew):
                yield from self._work(work, table, step)
        yield from self._filling(step)
        yield from self._dropping(step)
        if step.succeeded:
            for change in changes_of(step):
                yield from self._change(change, step)

    # --- files --------------------------------------------------------------------------------------------------------

    def _rewriting(self, relation: CatalogRelation, table: Table, step: Traced) -> Piece:
        said = rewrite_in(step.statement.text)
        if said.only_moves:
            return self._piece("rewrite", relation, table, building.moving(table, self._speeds))
        cost = building.rewriting(table, self._speeds) + calling(step, table.rows)
        cost += Cost(cpu_s=table.rows * said.computed * WORK.call_row_s)
        if said.becomes_unlogged:
            cost = replace(cost, wal_bytes=0.0)
        costs = [cost + Cost(cpu_s=table.toast_bytes * byte_s) for byte_s in toast.again()]
        return self._between("rewrite", relation, table.known, costs, table.rows, doubt=doubt_of_calls(step))

    def _builds(self, step: Traced, anew: set[int]) -> Iterator[Piece]:
        beside = step.statement.concurrently and step.statement.node in _CONCURRENTLY_BUILDS
        for built, relation in newly_indexed(step):
            if relation.oid in anew:
                continue
            table = self._table(relation.oid, step)
            index = self._structure.fresh_index(built, relation, step)
            yield self._building(index, relation, table, step, beside=beside)
        if beside:
            for relation in dict.fromkeys(relation for _, relation in newly_indexed(step)):
                yield self._wait(relation)

    def _building(self, index: Index, relation: CatalogRelation, table: Table, step: Traced, *, beside: bool) -> Piece:
        build = building.building_beside_writers if beside else building.building
        doubt = building.METHOD_DOUBTS.get(index.method, SURE) if index.known else GUESSED
        computed = FREE
        if "" in index.columns:  # an expression, which is computed for each row
            computed = calling(step, table.rows * index.share)
            computed = Cost(cpu_s=table.rows * index.share * WORK.call_row_s) if computed == FREE else computed
            doubt = doubt_of_calls(step) if step.statement.calls else CALLS
        if any(written.excludes for written in indexes_in(step.statement.text)):
            computed, doubt = computed + Cost(cpu_s=table.rows * index.share * WORK.exclude_row_s), building.EXCLUDING
        shares = (index.share,) * 3 if index.share_known else (0.0, index.share, 1.0)
        costs = [build(replace(index, share=share), table, self._speeds) + computed for share in shares]
        return self._between("index-build", relation, table.known, costs, table.rows, doubt=doubt)

    def _wait(self, relation: CatalogRelation) -> Piece:
        """Until every transaction that could still see the table without the index has ended; twice."""
        oldest = self._calibration.oldest_transaction_s
        commits = 3 * self._speeds.commit_s.value
        if oldest is None:
            seconds = Seconds(low=commits / 4, likely=commits, high=None)
        else:
            seconds = Seconds(low=commits / 4, likely=commits + oldest / 2, high=12 * commits + max(3 * oldest, 1.0))
        return Piece(kind="wait", relation=relation, rows=0.0, seconds=seconds, note="for older transactions to end")

    def _filling(self, step: Traced) -> Iterator[Piece]:
        """A table made from a query's rows."""
        if step.statement.node != "create_table_as_stmt":
            return
        sources = [self._table(oid, step) for oid in oids(step.statement.names, step.before)]
        source = max(sources, key=lambda table: table.rows, default=None)
        planned = self._result(step)
        for name in step.statement.created:
            for relation in resolve(name, step.after):
                table = self._structure.table(relation.oid, step.after)
                rows, row_bytes = planned or (source.rows if source else 0.0, source.row_bytes if source else 0.0)
                cost = changing.inserting(table, rows, row_bytes, self._speeds, ordered=True)
                known = source is None or source.known
                costs = [cost + long for long in self._long_rows(sources, rows, step)]
                yield self._between("insert", relation, known, costs, rows, doubt=Doubt(below=1.3, above=1.3))

    def _long_rows(self, sources: Iterable[Table], rows: float, step: Traced) -> list[Cost]:
        """The long values that so many rows of a query bring, where its tables have any."""
        whole = [FREE] * 3
        given = given_columns(plans_of(step))
        for table in (table for table in sources if table.toast_bytes > 0 and table.rows > 0):
            ratios = toast.written_ratio(table, given, self._structure.columns(table.oid)) if given else toast.ANY
            bytes_ = table.toast_bytes * min(1.0, rows / table.rows)
            ends = zip(whole, ratios, toast.again(), strict=True)
            whole = [cost + toast.putting(bytes_ * ratio, byte_s) for cost, ratio, byte_s in ends]
        return whole

    def _dropping(self, step: Traced) -> Iterator[Piece]:
        if step.after is step.before:
            return
        for oid, relation, after in differences(step.before, step.after):
            if after is None and relation and relation.kind in {"r", "m"}:
                size = self._ledger.size(oid)
                cost = Cost(cpu_s=WORK.drop_s + (size.file_bytes + size.index_bytes) * WORK.drop_byte_s)
                yield self._piece("drop", relation, None, cost, rows=size.rows)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _work(self, work: Work, relation: CatalogRelation, step: Traced) -> Iterator[Piece]:
        table = self._table(relation.oid, step)
        match work.kind:
            case WorkKind.SCAN if relation.kind in HELD and step.statement.node == "vacuum_stmt":
                yield self._piece("scan", relation, table, building.vacuuming(table, step.statement.text, self._speeds))
            case WorkKind.SCAN | WorkKind.FOREIGN_KEY if spared(relation, step):
                return
            case WorkKind.SCAN if relation.kind in HELD:
                yield from self._reading(relation, table, step)
            case WorkKind.FOREIGN_KEY:
                cost = building.scanning(table, self._speeds) + self._matching(work, table, step)
                yield self._piece("scan", relation, table, cost, doubt=Doubt(below=1.5, above=1.3))
            case WorkKind.TRUNCATE:
                yield self._piece(
                    "truncate", relation, table, Cost(cpu_s=WORK.truncate_s + table.file_bytes * WORK.drop_byte_s), known=True
                )
            case WorkKind.REFRESH:
                yield self._refreshing(relation, table, step)
            case _:
                return  # builds and rewrites show in the catalog, where they happened

    def _reading(self, relation: CatalogRelation, table: Table, step: Traced) -> Iterator[Piece]:
        plans = plans_of(step) if step.statement.node in {"select_stmt", "create_table_as_stmt"} else ()
        if not plans:
            yield self._piece("scan", relation, table, building.scanning(table, self._speeds, conditions=1))
            return
        read = (r for name in step.statement.names for r in resolve(name, step.before) if r.kind in HELD)
        if next(read, None) == relation:  # the plan is one piece, of the first relation that it names
            shared = PARALLEL if any(map(is_parallel, plans)) else SURE
            yield self._piece("scan", relation, table, self._plans(step), doubt=shared)

    def _plans(self, step: Traced) -> Cost:
        def table_of(oid: int) -> Table | None:
            relation = step.before.relations.get(oid)
            return self._table(oid, step) if relation is not None and relation.kind in HELD else None

        whole = FREE
        for plan in plans_of(step)[:1]:
            whole += finding(plan, table_of, self._speeds)
        return whole

    def _matching(self, work: Work, child: Table, step: Traced) -> Cost:
        """Looking every row up in the table that a new foreign key refers to, which is one join over all rows."""
        parents = [self._table(other.oid, step) for other in resolve(work.other, step.before)] if work.other else []
        if work.other is None:
            # To validate a foreign key it joins both tables; to validate a CHECK it has no plan.
            read = {oid for plan in step.observation.plans for oid in relations_in(plan)} - {child.oid}
            parents = [self._table(oid, step) for oid in sorted(read & step.before.relations.keys())]
            if not parents:
                return Cost(cpu_s=child.rows * WORK.check_row_s)
        cost = FREE
        further = max(map(further_columns, step.observation.plans), default=0)
        for parent in parents:
            # A hash that does not fit into the processor's caches is slower to look things up in.
            spread = min(1.0, parent.rows / 500_000)
            cost += Cost(cpu_s=child.rows * WORK.join_row_s * (0.15 + 0.85 * spread) + parent.rows * WORK.join_row_s)
            cost += Cost(cpu_s=(child.rows + parent.rows) * further * WORK.join_column_s)
            cost += building.scanning(parent, self._speeds)
            spilled = (child.rows + parent.rows) * 32.0 if parent.rows * 48.0 > self._speeds.sort_bytes else 0.0
            cost += Cost(read_bytes=spilled, file_bytes=spilled)
        return cost

    def _refreshing(self, relation: CatalogRelation, view: Table, step: Traced) -> Piece:
        below = [self._table(oid, step) for oid in step.rules.views.get(relation.oid, ()) if oid in step.before.relations]
        cost = self._plans(step) if plans_of(step) else FREE
        for table in below if cost == FREE else ():
            cost += building.scanning(table, self._speeds) + Cost(cpu_s=table.rows * WORK.join_row_s)
        # CONCURRENTLY fills a table without indexes first, and changes what differs; else a new file, whose indexes are built.
        cost += changing.inserting(replace(view, indexes=()), view.rows, view.row_bytes, self._speeds)
        if step.statement.concurrently:
            cost += Cost(cpu_s=view.rows * WORK.compare_row_s)
        return self._piece("refresh", relation, view, cost)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _change(self, change: Change, step: Traced) -> Iterator[Piece]:
        for relation in resolve(change.relation, step.before):
            if relation.kind not in {"r", "p"}:
                continue
            table = self._table(relation.oid, step)
            least, likely, most = self._ledger.changed_rows(change, relation.oid, step)
            if change.kind is not ChangeKind.LOCK:
                yield self._changing(change, relation, table, (least, likely, most), step)
            else:
                costs = [changing.locking(table, count, self._speeds) for count in (least, likely, most)]
                yield self._spanning("lock", relation, table, costs, likely)
            yield from self._firing(change, relation, (least, likely, most), step)

    def _changing(
        self, change: Change, relation: CatalogRelation, table: Table, rows: tuple[float, float, float], step: Traced
    ) -> Piece:
        found = self._found(change, table, step) if rows[2] > 1 else FREE
        spared = FREE if change.has_condition else found  # an index may spare the scan
        long = self._long_values(change, table, rows, step)
        least, likely = (self._rows_cost(change, table, count, step) for count in rows[:2])
        # Where the room of a file lies nobody said: perhaps on few of the pages with these rows.
        most = self._rows_cost(change, table, rows[2], step, evenly=False)
        least, likely, most = least + long[0], likely + long[1], most + long[2]
        costs = [least + spared, likely + found, most + found]
        return self._spanning(str(change.kind), relation, table, costs, rows[1], doubt=doubt_of_calls(step))

    def _rows_cost(self, change: Change, table: Table, count: float, step: Traced, *, evenly: bool = True) -> Cost:
        """So many rows changed, once they are found."""
        called = calling(step, count)
        match change.kind:
            case ChangeKind.INSERT:
                _, row_bytes = self._result(step) or (0.0, table.row_bytes)
                cost = changing.inserting(table, count, row_bytes, self._speeds) + called
                if change.upserts:  # a row that is there is changed instead, which takes longer
                    cost += changing.updating(table, count, change.columns, self._speeds, evenly=evenly)
                return cost
            case ChangeKind.DELETE:
                return changing.deleting(table, count, self._speeds) + called
            case _ if self._may_move(change, table, step):  # a row that leaves its partition is deleted here and put in there
                moved = changing.inserting(table, count, table.row_bytes, self._speeds)
                return changing.deleting(table, count, self._speeds) + moved + called
            case _:
                return changing.updating(table, count, change.columns, self._speeds, evenly=evenly) + called

    def _may_move(self, change: Change, table: Table, step: Traced) -> bool:
        """Whether changed rows may go to another partition."""
        keys = step.rules.partition_keys.get(table.oid, ())
        return bool(change.columns) and any(key is None or key in change.columns for key in keys)

    def _long_values(self, change: Change, table: Table, rows: tuple[float, float, float], step: Traced) -> list[Cost]:
        """What lies beside the changed rows and changes with them."""
        if change.kind is ChangeKind.INSERT:
            sources = [self._table(oid, step) for oid in oids(change.sources, step.before)]
            return self._long_rows(sources, rows[1], step)
        if table.rows <= 0 or table.toast_bytes <= 0:
            return [FREE] * 3
        touched = [table.toast_bytes * min(1.0, count / table.rows) for count in rows]
        if change.kind is ChangeKind.DELETE:
            return [toast.removing(bytes_, self._speeds) for bytes_ in touched]
        ratios = toast.written_ratio(table, change.columns, self._structure.columns(table.oid))
        return [
            toast.removing(bytes_ * ratio, self._speeds) + toast.putting(bytes_ * ratio)
            for bytes_, ratio in zip(touched, ratios, strict=True)
        ]

    def _found(self, change: Change, table: Table, step: Traced) -> Cost:
        planned = self._plans(step)
        if planned != FREE or change.kind is ChangeKind.INSERT:
            return planned
        return building.scanning(table, self._speeds, conditions=int(change.has_condition))

    def _firing(
        self, change: Change, relation: CatalogRelation, rows: tuple[float, float, float], step: Traced
    ) -> Iterator[Piece]:
        ground = Ground(structure=self._structure, rules=step.rules, mark=step.before, speeds=self._speeds)
        by_count = {count: tuple(fired(change, relation.oid, count, ground)) for count in set(rows)}
        ends = [by_count[count] for count in rows]
        for low, likely, high in zip(*ends, strict=True):
            target = step.before.relations.get(likely.oid)
            if target is not None and high.rows > 0:
                yield self._fired(target, low, likely, high)

    def _fired(self, target: CatalogRelation, low: Fired, likely: Fired, high: Fired) -> Piece:
        spans = [seconds_of(one.cost, one.kind, self._speeds, doubt=one.doubt) for one in (low, likely, high)]
        seconds = Seconds(low=spans[0].low, likely=spans[1].likely, high=spans[2].high)
        known = likely.bounded and self._ledger.size(target.oid).known
        note = "" if likely.bounded else "how much it is for each row is not known"
        return Piece(
            kind=likely.kind,
            relation=target,
            rows=likely.rows,
            seconds=seconds if known else unbounded(seconds),
            wal_bytes=likely.cost.wal_bytes,
            note=note,
        )

    def _result(self, step: Traced) -> tuple[float, float] | None:
        """Rows and their width that the planner expects of the statement's query; None where it has no plan."""
        return next((found for plan in plans_of(step)[:1] if (found := result(plan)) is not None), None)

    # --- seconds ------------------------------------------------------------------------------------------------------

    def _table(self, oid: int, step: Traced) -> Table:
        return self._structure.table(oid, step.before)

    def _piece(
        self,
        kind: str,
        relation: CatalogRelation,
        table: Table | None,
        cost: Cost,
        *,
        rows: float | None = None,
        known: bool | None = None,
        doubt: Doubt = SURE,
    ) -> Piece:
        seconds = seconds_of(cost, kind, self._speeds, doubt=doubt)
        if known is None:
            known = table is None or table.known
        return Piece(
            kind=kind,
            relation=relation,
            rows=rows if rows is not None else table.rows if table else 0.0,
            seconds=seconds if known else unbounded(seconds),
            wal_bytes=cost.wal_bytes,
        )

    def _spanning(
        self,
        kind: str,
        relation: CatalogRelation,
        table: Table,
        costs: list[Cost],
        rows: float,
        *,
        doubt: Doubt = SURE,
    ) -> Piece:
        if not all(index.known for index in table.indexes):
            doubt = Doubt(below=together(doubt.below, GUESSED.below), above=together(doubt.above, GUESSED.above))
        return self._between(kind, relation, table.known, costs, rows, doubt=doubt)

    def _between(
        self, kind: str, relation: CatalogRelation, known: bool, costs: list[Cost], rows: float, *, doubt: Doubt
    ) -> Piece:
        """A piece of which the work itself lies between two ends: at least, likely, at most."""
        low, likely, high = (seconds_of(cost, kind, self._speeds, doubt=doubt) for cost in costs)
        seconds = Seconds(low=low.low, likely=likely.likely, high=high.high)
        return Piece(
            kind=kind,
            relation=relation,
            rows=rows,
            seconds=seconds if known else unbounded(seconds),
            wal_bytes=costs[1].wal_bytes,
        )
