"""Goes through a script once, and gives the query for each statement that may fail on the rows that are there.

Not for running them (``--check-data`` does), nor for failures that an empty shadow shows. The surprising thing: a query is
about production as it is *before* the script. What the script changes in between is written into the query where it can be;
where not, that nobody can ask beforehand is said.
"""

# ruff: noqa: S608 - as in ``questions``: nothing is run here, and names are quoted

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lockage.core.catalog.objects import CatalogObject
from lockage.core.forecast.assess import Check, Forecast
from lockage.core.forecast.checks import questions
from lockage.core.forecast.checks.images import Given, Image, quoted
from lockage.core.forecast.checks.known import Known, columns_of
from lockage.core.forecast.checks.questions import Found, NoQuestion, Question
from lockage.core.forecast.checks.tables import CHANGES_FOLLOWED, TABLES, Tables, of_table
from lockage.core.forecast.checks.unseen import changed_otherwise, programs_before
from lockage.core.forecast.names import resolve
from lockage.core.forecast.ran import statements_inside
from lockage.core.forecast.trace import CatalogRelation, Trace, Traced
from lockage.core.migration.demand_syntax import (
    Added,
    Attached,
    ColumnAdded,
    ColumnDropped,
    ColumnRenamed,
    Demand,
    DomainValidated,
    Dropped,
    Effect,
    Emptied,
    EnumMade,
    Excludes,
    Fits,
    Holds,
    NotNull,
    NotNullByIndex,
    OfDomain,
    PartitionedMade,
    Refers,
    RowsDeleted,
    RowsInserted,
    RowsUpdated,
    Unique,
    Validated,
)
from lockage.core.migration.demands import effects_of
from lockage.core.migration.syntax import Name, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChecks:
    """What can be asked, and sentences about what cannot."""

    checks: tuple[Check, ...] = ()
    assumptions: tuple[str, ...] = ()


def find_checks(trace: Trace, catalog: Iterable[CatalogObject], *, major: int, files: Sequence[str] = ()) -> FoundChecks:
    """The checks of a traced script.

    ``catalog`` is that before it, ``major`` the server's that will be asked, ``files`` all of the script, programs too.
    """
    steps = [step for step in trace.statements if not step.of_migrator]
    if not steps:
        return FoundChecks()
    walk = _Walk(Tables(trace.start, Known(catalog), steps[0]), major=major, programs=programs_before(files))
    for step in steps:
        walk.take(step)
    return FoundChecks(checks=tuple(walk.checks), assumptions=tuple(walk.sentences()))


_MIND_PENDING = frozenset({"alter_table_stmt", "index_stmt", "truncate_stmt", "drop_stmt", "cluster_stmt", "reindex_stmt"})
"""Statements that refuse a table with pending trigger events. Source: PostgreSQL 18, callers of CheckTableNotInUse."""


def with_checks(forecast: Forecast, trace: Trace, catalog: Iterable[CatalogObject], *, major: int) -> Forecast:
    """The forecast with them."""
    files = [migration.file for migration in forecast.script.migrations]
    found = find_checks(trace, catalog, major=major, files=files)
    return replace(forecast, checks=found.checks, assumptions=(*forecast.assumptions, *found.assumptions))


class _Walk:
    """Takes one statement after the other, and asks what each demands."""

    def __init__(self, tables: Tables, *, major: int, programs: Mapping[str, str]) -> None:
        self.checks: list[Check] = []
        self._unasked: dict[tuple[str, str], list[str]] = {}  # what and why to the places
        self._tables = tables
        self._major = major
        self._programs = dict(programs)
        self._asked: set[str] = set()
        self._of_domains: dict[tuple[str, str], OfDomain] = {}  # (domain, constraint) of the script's own
        self._pending: dict[int, tuple[int, str]] = {}  # table to a transaction, and the query of rows with events in it

    def take(self, step: Traced) -> None:
        """One statement of the script, and what ran inside it."""
        self._tables.step = step
        self._mind_program(step)
        handled: set[int] = set()
        if step.statement.node in _MIND_PENDING:
            self._ask_pending(step)
        own = [each.text for each in _first_of(step.statement)]
        texts = [*own, *(inner.text for inner in statements_inside(step))]
        for place, text in enumerate(texts if step.skipped is None else ()):
            for effect in effects_of(text):
                if place >= len(own) and isinstance(effect, RowsUpdated | RowsDeleted | RowsInserted):
                    continue  # how often it ran, and with which values, is known to nobody
                handled |= self._take(effect)
        if step.skipped is None and len(own) < len(step.statement.alike):
            self._leave(step.statement)
        for relation, how in changed_otherwise(step, handled):
            if relation.kind in TABLES:
                self._tables.lose(relation, f"{self._tables.place} {how}")
        filled = step.statement.created if step.statement.node == "create_table_as_stmt" else ()
        for relation in (relation for name in filled for relation in resolve(name, step.after)):
            self._tables.lose(relation, f"{self._tables.place} fills it")

    def _mind_program(self, step: Traced) -> None:
        """One that ran before the file may have changed any row."""
        program = self._programs.pop(step.file, None)
        for relation in step.before.relations.values() if program else ():
            if relation.kind in TABLES:
                self._tables.lose(relation, f"{program} is a program, and may change them")

    def _leave(self, run: Statement) -> None:
        """The rest of a run, which no query takes in."""
        many = f"{len(run.alike):,} statements"
        why = f"{self._tables.place} is the first of {many}, and a query with all of them would be too long"
        for effect in (effect for shape in run.shapes for effect in effects_of(shape.text)):
            if not isinstance(effect, RowsUpdated | RowsDeleted | RowsInserted):
                continue
            for relation in tuple(self._tables.named(effect.relation)):
                self._say_unasked(relation, effect, why)
                self._tables.lose(relation, why)
                image = self._tables.image(relation)
                if image is not None and not isinstance(effect, RowsInserted):
                    gone = isinstance(effect, RowsDeleted)
                    self._ask_children(image, None if gone else frozenset(name for name, _ in effect.values))

    def _take(self, effect: Effect) -> set[int]:
        """Takes one effect in; gives the tables whose changes of rows are dealt with by that."""
        tables = self._tables
        match effect:
            case Added():
                self._add(effect)
            case Validated() | DomainValidated():
                self._validate(effect)
            case Dropped():
                tables.drop(effect)
            case ColumnAdded() | ColumnRenamed() | ColumnDropped():
                for relation in tables.named(effect.relation):
                    self._compute(relation, effect)
                    tables.column(relation, effect)
            case RowsUpdated() | RowsDeleted() | RowsInserted() | Emptied():
                return {relation.oid for relation in tables.named(effect.relation) if self._change(relation, effect)}
            case PartitionedMade():
                tables.partitioned(effect.relation, effect.key)
            case EnumMade():
                words = [quoted(word) for word in effect.name.split(".")]
                tables.enums[".".join(words)] = tables.enums[words[-1]] = effect.labels
        return set()

    def _add(self, effect: Added) -> None:
        for demand in effect.demands:
            if not effect.later:
                self._demand(demand)
            if isinstance(demand, Fits):
                self._tables.retype(demand)
            elif isinstance(demand, OfDomain):
                self._of_domains[demand.domain, effect.name] = demand
            elif not isinstance(demand, Attached):
                for relation in self._tables.named(demand.relation):
                    self._tables.constraints(relation).append(replace(effect, demands=(demand,)))

    def _validate(self, effect: Validated | DomainValidated) -> None:
        if isinstance(effect, DomainValidated):
            known = self._of_domains.get((effect.domain, effect.name))
            if known is not None:
                self._demand(known)
            else:
                what = f"every value of domain {effect.domain} must meet its constraint {effect.name}"
                self._keep(NoQuestion(what, "what it says is not known"))
            return
        for relation in self._tables.named(effect.relation):
            for constraint in tuple(self._tables.constraints(relation)):
                for demand in constraint.demands if constraint.name == effect.name else ():
                    self._demand(demand)

    def _compute(self, relation: CatalogRelation, effect: ColumnAdded | ColumnRenamed | ColumnDropped) -> None:
        """A generated column's value may fail to be computed."""
        image = self._tables.image(relation)
        if image is not None and isinstance(effect, ColumnAdded) and effect.computed and effect.value is not None:
            what = f"{image.relation}.{effect.column} must be computed for every row"
            self._keep(questions.of_value(image, of_table(effect.value, image.types), effect.type, what))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _change(self, relation: CatalogRelation, effect: RowsUpdated | RowsDeleted | RowsInserted | Emptied) -> bool:
        tables = self._tables
        image = tables.image(relation)
        if image is None:
            if not isinstance(effect, RowsDeleted | Emptied):
                tables.lose(relation, f"{tables.place} fills it")
            return True
        if isinstance(effect, Emptied) and tables.begin_anew(relation):
            return True
        after = tables.changed(image, effect)
        triggers = (trigger for trigger in tables.step.rules.triggers if trigger.table_oid == relation.oid)
        if any(trigger.row_level for trigger in triggers):
            self._say_unasked(relation, effect, "triggers may change the rows")
            return False
        if isinstance(effect, RowsInserted):
            self._ask_inserted(relation, image, effect)
        if after is None:
            if not (isinstance(effect, RowsInserted) and effect.lenient):
                self._say_unasked(relation, effect, "which rows it changes, and into what, cannot be written as a query")
            return False
        self._expect_pending(relation, image, effect)
        tables.keep(relation, after)
        if isinstance(effect, RowsUpdated):
            self._ask_updated(relation, after, effect)
        elif isinstance(effect, RowsDeleted):
            self._ask_children(after)
        return True

    def _ask_inserted(self, relation: CatalogRelation, image: Image, effect: RowsInserted) -> None:
        """Keys that are there already, and parents that are not; of a query's rows, all that the table demands."""
        rows = self._tables.rows_of(image, effect)
        if rows is None:
            return
        item, names = rows
        listed = ", ".join(map(quoted, names))
        types = {name: image.types.get(name, "text") for name in names}
        empty = self._tables.nulls_of(image, effect)
        added = Image(relation=image.relation, layer=Given(f"(SELECT {listed} FROM {item})"), types=types, empty=empty)
        for constraint in tuple(self._tables.constraints(relation)):
            for demand in constraint.demands:
                given = columns_of(demand) <= set(names)
                if isinstance(demand, Unique) and given and not effect.lenient:
                    if demand.nulls_equal or not columns_of(demand) & empty:
                        self._keep(questions.of_new_keys(image, demand, item))
                elif given and (isinstance(demand, Refers) or (isinstance(demand, NotNull | Holds) and effect.query)):
                    self._demand(demand, rows=added)

    def _say_unasked(self, relation: CatalogRelation, effect: Effect, why: str) -> None:
        """Says it where the table demands something of such rows."""
        demands = [demand for one in self._tables.constraints(relation) for demand in one.demands]
        if isinstance(effect, RowsUpdated):
            columns = {name for name, _ in effect.values}
            minds = any(columns_of(demand) & columns for demand in demands)
        else:
            minds = any(isinstance(demand, Unique | Refers | Holds) for demand in demands)
        if minds and isinstance(effect, RowsUpdated | RowsInserted):
            self._keep(NoQuestion(f"the rows of {relation.relation} that it changes must meet its constraints", why))

    def _ask_updated(self, relation: CatalogRelation, image: Image, effect: RowsUpdated) -> None:
        """What constraints that are there demand of values that were assigned."""
        columns = frozenset(name for name, _ in effect.values)
        for constraint in tuple(self._tables.constraints(relation)):
            for demand in constraint.demands:
                if columns_of(demand) & columns:
                    self._demand(demand)
        self._ask_children(image, columns)

    def _ask_children(self, image: Image, columns: frozenset[str] | None = None) -> None:
        """Rows that refer to what is gone now, or has another key; ``columns`` are those that changed, None: rows went."""
        for child in self._tables.known.referring(image.relation):
            schema, _, name = child.partition(".")
            for relation in self._tables.named(Name(schema=schema, name=name)):
                demands = [demand for one in self._tables.constraints(relation) for demand in one.demands]
                for demand in demands:
                    if isinstance(demand, Refers) and not demand.acts and _means(demand.parent, image.relation):
                        key = self._parent_key(demand, image)
                        if columns is None or columns & set(key):
                            self._demand(demand)

    # --- what is demanded ---------------------------------------------------------------------------------------------

    def _ask_default_partition(self, demand: Attached) -> None:
        for relation in self._tables.named(demand.parent):
            parent = self._tables.image(relation)
            if parent is not None:
                self._keep(questions.of_default_partition(parent, demand, self._tables.partition_key(relation)))

    def _demand(self, demand: Demand, *, rows: Image | None = None) -> None:
        """Asks for the rows that do not meet it; ``rows``: of these only."""
        if isinstance(demand, OfDomain):
            self._demand_of_domain(demand)
            return
        if isinstance(demand, Attached):
            self._ask_default_partition(demand)
        for relation in self._tables.named(demand.relation):
            image = rows or self._tables.image(relation)
            if image is not None:
                for found in self._ask(image, demand):
                    self._keep(found)

    def _demand_of_domain(self, demand: OfDomain) -> None:
        for table, column in self._tables.known.of_type(demand.domain):
            schema, _, name = table.partition(".")
            for relation in self._tables.named(Name(schema=schema, name=name)):
                image = self._tables.image(relation)
                if image is not None:
                    self._keep(questions.of_domain(image, column, demand))

    def _ask(self, image: Image, demand: Demand) -> Iterator[Found]:
        match demand:
            case NotNull():
                yield questions.of_not_null(image, demand)
            case Holds():
                yield questions.of_condition(image, demand)
            case Unique():
                yield questions.of_unique(image, demand)
            case Excludes():
                yield questions.of_exclusion(image, demand)
            case Fits():
                yield questions.of_type(image, demand, self._tables.enums, major=self._major)
            case _:
                yield from self._ask_of_two(image, demand)

    def _ask_of_two(self, image: Image, demand: Demand) -> Iterator[Found]:
        match demand:
            case Refers():
                for relation in self._tables.named(demand.parent):
                    parent = self._tables.image(relation)
                    key = self._parent_key(demand, parent) if parent is not None else ()
                    yield questions.of_reference(image, parent, demand, key)
            case Attached():
                for relation in self._tables.named(demand.parent):
                    yield questions.of_partition(image, demand, self._tables.partition_key(relation))
            case NotNullByIndex():
                for column in self._tables.known.index_columns(demand.index):
                    yield questions.of_not_null(image, NotNull(relation=demand.relation, column=column))
            case _:
                pass

    def _parent_key(self, demand: Refers, parent: Image) -> tuple[str, ...]:
        return demand.parent_columns or self._tables.known.primary_key(parent.relation)

    def _keep(self, found: Found) -> None:
        step = self._tables.step
        if isinstance(found, Question) and found.query not in self._asked:
            self._asked.add(found.query)
            self.checks.append(Check(query=found.query, why=found.why, file=step.file, line=step.statement.line))
        elif isinstance(found, NoQuestion):
            self._unasked.setdefault((found.what, found.why), []).append(self._tables.place)

    def sentences(self) -> Iterator[str]:
        """What cannot be asked, each once, with the first of its places."""
        for (what, why), places in self._unasked.items():
            others = len(dict.fromkeys(places)) - 1
            more = f" and {others} more place{'s' if others > 1 else ''}" if others else ""
            yield f"{places[0]}{more} may fail on data, and no query tells beforehand: {what}, but {why}"

    # --- triggers that wait -------------------------------------------------------------------------------------------

    def _expect_pending(self, relation: CatalogRelation, image: Image, effect: Effect) -> None:
        """Notes rows whose deferred foreign keys are looked at when the transaction ends, which no ALTER may precede."""
        step = self._tables.step
        demands = [demand for one in self._tables.constraints(relation) for demand in one.demands]
        keys = {name for demand in demands if isinstance(demand, Refers) and demand.deferred for name in demand.columns}
        if not keys or not step.observation.in_transaction or image.unknown:
            return
        query = ""
        if isinstance(effect, RowsInserted) and effect.query is not None:
            query = f"SELECT * FROM ({effect.query.sql}) AS added LIMIT {questions.LIMIT}"
        elif isinstance(effect, RowsUpdated) and keys & {name for name, _ in effect.values}:
            where = f" WHERE {effect.where.sql}" if effect.where is not None else ""
            columns = effect.where.columns if effect.where is not None else ()
            query = f"SELECT * FROM {image.source(columns, alias=effect.alias)}{where} LIMIT {questions.LIMIT}"
        if query:
            self._pending[relation.oid] = (step.transaction, query)

    def _ask_pending(self, step: Traced) -> None:
        for relation in (relation for name in step.statement.names for relation in self._tables.named(name)):
            transaction, query = self._pending.get(relation.oid, (0, ""))
            if query and transaction == step.transaction:
                what = f"no row of {relation.relation} may have trigger events that are pending"
                self._keep(Question(query, f"{what}: its deferred foreign key is looked at at the end of the transaction"))


def _first_of(statement: Statement) -> Iterator[Statement]:
    """The statement; of a run as many of each kind as a query takes in."""
    taken: dict[object, int] = {}
    for each in statement.alike or (statement,):
        kind = (each.node, each.names)
        taken[kind] = taken.get(kind, 0) + 1
        if taken[kind] <= CHANGES_FOLLOWED:
            yield each


def _means(name: Name, relation: str) -> bool:
    return relation == f"{name.schema or 'public'}.{name.name}"
