"""What stands in each table as a script goes on, and which constraints there are.

Not for what is demanded of it (``find``). The surprising thing: a table whose rows nobody can follow any more (a block changed
them, a trigger, a join) stays here with the reason, so that whoever wants to ask for them can say why that is not possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from lockage.core.forecast.checks.images import (
    Base,
    Computed,
    Extended,
    Image,
    Remaining,
    Renamed,
    layers_of,
    quoted,
    text_bytes,
)
from lockage.core.forecast.checks.known import Known, columns_of
from lockage.core.forecast.checks.questions import DISTINCT, NEVER_NULL, STEADY
from lockage.core.forecast.names import ancestors, descendants, resolve
from lockage.core.forecast.trace import CatalogMark, CatalogRelation, Traced
from lockage.core.migration.demand_syntax import (
    Added,
    ColumnAdded,
    ColumnDropped,
    ColumnRenamed,
    Dropped,
    Emptied,
    Expression,
    Fits,
    NotNull,
    RowsDeleted,
    RowsInserted,
    RowsUpdated,
)
from lockage.core.migration.syntax import Name

TABLES = ("r", "p")

CHANGES_FOLLOWED = 30
"""Changes of one table's rows that a query takes in, one inside the other; of more, nobody would read it."""

COLUMNS_FOLLOWED = 200
"""The same of columns that come or are renamed, which are shorter."""

TEXT_LIMIT_BYTES = 20_000
"""Longest text of rows and conditions that a query takes in."""


class Tables:
    """The tables of a script, by their oids; ``step`` is the statement that it is at."""

    def __init__(self, start: CatalogMark, known: Known, step: Traced) -> None:
        self.known = known
        self.step = step
        self.enums: dict[str, tuple[str, ...]] = {}
        self._start = start
        self._images: dict[int, Image] = {}
        self._made: dict[int, str | None] = {}  # tables of the script's own: why nobody knows their rows, None: empty
        self._constraints: dict[int, list[Added]] = {}
        self._keys: dict[int, str] = {}  # partition keys of tables that the script makes

    @property
    def place(self) -> str:
        """Where the script is."""
        return f"{self.step.file}:{self.step.statement.line}"

    # --- looking ------------------------------------------------------------------------------------------------------

    def named(self, name: Name) -> Iterator[CatalogRelation]:
        """The tables that a name means now."""
        found = resolve(name, self.step.before) or resolve(name, self.step.after)
        return (relation for relation in found if relation.kind in TABLES)

    def image(self, relation: CatalogRelation) -> Image | None:
        """A table's rows; None where the script has made it and it is empty."""
        found = self._images.get(relation.oid)
        if found is not None:
            return found
        before = self._start.relations.get(relation.oid)
        if before is None:
            why = self._made.get(relation.oid)
            return None if why is None else Image(relation=relation.relation, layer=Base(""), types={}, unknown=why)
        schema, _, name = before.relation.partition(".")
        layer = Base(f"{quoted(schema)}.{quoted(name)}")
        known = self.known
        return Image(
            relation=before.relation,
            layer=layer,
            types=known.types(before.relation),
            full=known.not_null(before.relation),
        )

    def constraints(self, relation: CatalogRelation) -> list[Added]:
        """What its constraints demand now."""
        found = self._constraints.get(relation.oid)
        if found is None:
            before = self._start.relations.get(relation.oid)
            found = list(self.known.constraints(before.relation)) if before is not None else []
            self._constraints[relation.oid] = found
        return found

    def partition_key(self, relation: CatalogRelation) -> str:
        """As PostgreSQL prints it; empty where it is not known."""
        before = self._start.relations.get(relation.oid)
        return self.known.partition_key(before.relation) if before is not None else self._keys.get(relation.oid, "")

    def askable(self, expression: Expression) -> bool:
        """Whether production gives now what the script will see: steady functions, and tables that it has not changed."""
        if not _steady(expression):
            return False
        for name in expression.reads:
            found = [relation for relation in resolve(name, self.step.before) if relation.kind in TABLES]
            if not found or any(self._changed_before(relation, name) for relation in found):
                return False
        return True

    def _changed_before(self, relation: CatalogRelation, name: Name) -> bool:
        image = self.image(relation)
        if image is None or not image.untouched:
            return True
        schema, _, own = image.relation.partition(".")
        return own != name.name or (name.schema is None and schema != "public")

    # --- constraints and columns --------------------------------------------------------------------------------------

    def partitioned(self, name: Name, key: str) -> None:
        """The script makes a partitioned table."""
        self._keys |= {relation.oid: key for relation in resolve(name, self.step.after)}

    def drop(self, effect: Dropped) -> None:
        """A constraint, an index or a NOT NULL is gone."""
        oids = {r.oid for r in self.named(effect.relation)} if effect.relation is not None else set(self._constraints)
        for oid in oids:
            relation = self.step.before.relations.get(oid) or self.step.after.relations.get(oid)
            if relation is not None:
                self._constraints[oid] = [one for one in self.constraints(relation) if not _is_dropped(one, effect)]

    def retype(self, effect: Fits) -> None:
        """A column has another type, and values that nobody follows."""
        for relation in self.named(effect.relation):
            image = self.image(relation)
            if image is not None and effect.column in image.types:
                hidden = {**image.hidden, effect.column: f"{self.place} changes its type"}
                self._images[relation.oid] = replace(image, hidden=hidden, types={**image.types, effect.column: effect.type})

    def column(self, relation: CatalogRelation, effect: ColumnAdded | ColumnRenamed | ColumnDropped) -> None:
        """A column comes, goes or has another name."""
        image = self.image(relation)
        if image is None:
            return
        match effect:
            case ColumnDropped():
                types = {name: kind for name, kind in image.types.items() if name != effect.column}
                self._images[relation.oid] = replace(image, types=types)
            case ColumnRenamed():
                self._images[relation.oid] = self._bounded(image, _renamed(image, effect), limit=COLUMNS_FOLLOWED)
                self._constraints[relation.oid] = [
                    one
                    for one in self.constraints(relation)
                    if effect.column not in {name for demand in one.demands for name in columns_of(demand)}
                ]
            case ColumnAdded():
                self._images[relation.oid] = self._bounded(image, self._with_column(image, effect), limit=COLUMNS_FOLLOWED)

    def _with_column(self, image: Image, effect: ColumnAdded) -> Image:
        value = effect.value or Expression(sql="NULL")
        types = {**image.types, effect.column: effect.type}
        if effect.filled or not _steady(value):
            why = f"{self.place} fills it with values that nobody knows beforehand"
            new = frozenset({effect.column})
            return replace(
                image,
                types=types,
                hidden={**image.hidden, effect.column: why},
                full=image.full | (new if effect.filled or _never_null(value) else frozenset[str]()),
                distinct=image.distinct | (new if effect.filled or _is_distinct(value) else frozenset[str]()),
            )
        own = of_table(value, image.types)
        layer = Computed(image.layer, image.relation.split(".", 1)[-1], {effect.column: own}, types)
        empty = image.empty | ({effect.column} if value.sql == "NULL" else frozenset[str]())
        full = image.full | ({effect.column} if _never_null(value) else frozenset[str]())
        return replace(image, layer=layer, types=types, empty=empty, full=full)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def keep(self, relation: CatalogRelation, image: Image) -> None:
        """Its rows are these now; those that it is a part of, and its parts, are followed no more."""
        former = self.image(relation)
        self._images[relation.oid] = image if former is None else self._bounded(former, image, limit=CHANGES_FOLLOWED)
        for other in (*ancestors(relation, self.step.before), *descendants(relation.oid, self.step.before)):
            self.lose(other, f"{self.place} changes rows of {image.relation}, which are its own, too")

    def _bounded(self, former: Image, image: Image, *, limit: int) -> Image:
        """The image, or the one before with the reason why it is not followed any longer: a query has an end."""
        if image.unknown:
            return replace(image, layer=former.layer)
        layers = tuple(layers_of(image.layer))
        if len(layers) <= limit + 1 and sum(map(text_bytes, layers)) <= TEXT_LIMIT_BYTES:
            return image
        return replace(image, layer=former.layer).unfollowed(
            f"{self.place} changes it, and a query with all changes until there would be too long"
        )

    def lose(self, relation: CatalogRelation, why: str) -> None:
        """Nobody knows its rows any more."""
        image = self.image(relation)
        if image is not None:
            self._images[relation.oid] = image.lost(why)
        else:
            self._made[relation.oid] = why

    def begin_anew(self, relation: CatalogRelation) -> bool:
        """Whether it is a table of the script's own, which is empty again."""
        if relation.oid in self._start.relations:
            return False
        self._images.pop(relation.oid, None)
        self._made[relation.oid] = None
        return True

    def changed(self, image: Image, effect: RowsUpdated | RowsDeleted | RowsInserted | Emptied) -> Image | None:
        """The rows behind a change; None where it cannot be written."""
        match effect:
            case Emptied():
                return replace(image, layer=Remaining(image.layer, "gone", None), unknown=None)
            case RowsInserted():
                return self._with_rows(image, effect)
            case RowsDeleted() | RowsUpdated():
                where = effect.where
                if not effect.known or (where is not None and (where.whole or not self.askable(where))):
                    return None
                if isinstance(effect, RowsUpdated):
                    return self._assigned(image, effect)
                kept = None if where is None else of_table(where, image.types)
                return replace(image, layer=Remaining(image.layer, effect.alias, kept))

    def rows_of(self, image: Image, effect: RowsInserted) -> tuple[str, tuple[str, ...]] | None:
        """New rows as an item of FROM called ``added``, and its columns; None where they cannot be written."""
        columns = effect.columns or self._order(image)
        if not effect.known or not columns:
            return None
        named = ", ".join(map(quoted, columns))
        if effect.query is not None:
            if effect.query.whole or len(effect.query.sql) > TEXT_LIMIT_BYTES or not self.askable(effect.query):
                return None
            # A literal that stands alone in a query is text, and of the column's type only where it is inserted.
            types = {name: f"::{image.types[name]}" if name in image.types else "" for name in columns}
            typed = ", ".join(f"{quoted(name)}{kind} AS {quoted(name)}" for name, kind in types.items())
            given = f"({effect.query.sql}) AS given ({named})"
            return f"(SELECT {typed} FROM {given}) AS added", columns  # noqa: S608 - nothing is run here, and names are quoted
        used = [place for place in range(len(columns)) if all(len(row) > place and row[place] for row in effect.rows)]
        values = [[value for place in used if (value := row[place]) is not None] for row in effect.rows]
        long = sum(len(value.sql) for row in values for value in row) > TEXT_LIMIT_BYTES
        if not used or long or any(value.whole or not self.askable(value) for row in values for value in row):
            return None
        types = [image.types.get(columns[place], "text") for place in used]
        lists = ", ".join(f"({', '.join(f'({v.sql})::{t}' for v, t in zip(row, types, strict=True))})" for row in values)
        names = tuple(columns[place] for place in used)
        return f"(VALUES {lists}) AS added ({', '.join(map(quoted, names))})", names

    def nulls_of(self, image: Image, effect: RowsInserted) -> frozenset[str]:
        """Columns that are NULL in every new row that is written down."""
        columns = effect.columns or self._order(image)
        written = [dict(zip(columns, row, strict=False)) for row in effect.rows]
        return frozenset(
            name for name in columns if written and all((value := row.get(name)) and value.sql == "NULL" for row in written)
        )

    def _assigned(self, image: Image, effect: RowsUpdated) -> Image:
        seen = {name for name, value in effect.values if not value.whole and self.askable(value)}
        values = {name: of_table(value, image.types) for name, value in effect.values if name in seen}
        why = f"{self.place} fills it with values that nobody knows beforehand"
        hidden = {name: why for name, _ in effect.values if name not in seen}
        where = None if effect.where is None else of_table(effect.where, image.types)
        kept = {name: reason for name, reason in image.hidden.items() if name not in values or where is not None}
        layer = Computed(image.layer, effect.alias, values, image.types, where)
        assigned = {name for name, _ in effect.values}
        never = {name for name, value in effect.values if _never_null(value)}
        full = (image.full - assigned) | {name for name in never if where is None or name in image.full}
        return replace(
            image,
            layer=layer,
            hidden={**kept, **hidden},
            empty=image.empty - assigned,
            full=full,
            distinct=(image.distinct - assigned) | {name for name, value in effect.values if _is_distinct(value)},
        )

    def _with_rows(self, image: Image, effect: RowsInserted) -> Image | None:
        rows = None if effect.lenient else self.rows_of(image, effect)
        if rows is None:
            return None
        given = frozenset(rows[1])
        why = f"{self.place} fills it with a default"
        others = {n: why for n in image.types if n not in given and self.known.default(image.relation, n) != ""}
        layer = Extended(image.layer, rows[0], given, image.types)
        return replace(
            image,
            layer=layer,
            hidden={**image.hidden, **others},
            empty=image.empty - given,
            full=image.full - given,
            distinct=image.distinct - given,
        )

    def _order(self, image: Image) -> tuple[str, ...]:
        """Its columns as an INSERT without a list has them, where the catalog tells."""
        schema, _, name = image.relation.partition(".")
        found = resolve(Name(schema=schema, name=name), self._start)
        return self.step.rules.columns.get(found[0].oid, ()) if found else ()


def of_table(expression: Expression, types: Mapping[str, str]) -> Expression:
    """The expression with those of its names only that are columns."""
    return replace(expression, columns=tuple(name for name in expression.columns if name in types))


def _steady(expression: Expression) -> bool:
    return all(call.lower() in STEADY for call in expression.calls)


def _never_null(value: Expression) -> bool:
    plain = not value.columns and not value.reads and not value.whole and "NULL" not in value.sql.upper()
    return plain and set(map(str.lower, value.calls)) <= NEVER_NULL


def _is_distinct(value: Expression) -> bool:
    return _never_null(value) and len(value.calls) == 1 and value.calls[0].lower() in DISTINCT


def _renamed(image: Image, effect: ColumnRenamed) -> Image:
    def new(name: str) -> str:
        return effect.to if name == effect.column else name

    return replace(
        image,
        layer=Renamed(image.layer, effect.column, effect.to),
        types={new(name): kind for name, kind in image.types.items()},
        hidden={new(name): why for name, why in image.hidden.items()},
        empty=frozenset(map(new, image.empty)),
        full=frozenset(map(new, image.full)),
        distinct=frozenset(map(new, image.distinct)),
    )


def _is_dropped(constraint: Added, effect: Dropped) -> bool:
    if effect.column:
        return any(isinstance(demand, NotNull) and demand.column == effect.column for demand in constraint.demands)
    return bool(effect.constraint) and constraint.name == effect.constraint
