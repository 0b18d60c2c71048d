"""From what a statement demands of rows to the query whose rows are those that do not meet it.

Not for deciding what a statement demands (``core.migration.demands``). The surprising thing: not every failure has rows to
show. Where a value may fail to be computed, the query itself fails when it meets one, and says so in ``why``.
"""

# ruff: noqa: S608 - it is what these modules are for: nothing is run here, and names are quoted

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lockage.core.forecast.checks.images import Image, quoted
from lockage.core.migration.demand_syntax import Attached, Excludes, Expression, Fits, Holds, NotNull, OfDomain, Refers, Unique

LIMIT = 5
"""Rows that a query gives at most: enough to see what is wrong with them, and found sooner than all."""

SOFT_INPUT_SINCE = 16
"""First major with ``pg_input_is_valid``. Source: PostgreSQL 16 release notes, E.14.3.8."""

STEADY = frozenset(
    re.findall(
        r"\w+",
        """
        abs age array_agg array_length array_to_string avg bool_and bool_or btrim cardinality ceil ceiling char_length
        character_length coalesce concat concat_ws count date_part date_trunc daterange decode dense_rank encode every extract
        first_value floor format generate_series greatest initcap int4range int8range isfinite jsonb_array_length
        jsonb_build_array jsonb_build_object jsonb_extract_path jsonb_extract_path_text jsonb_typeof last_value least left
        length lower lpad ltrim make_interval max md5 min mod now nullif numrange octet_length position power rank
        regexp_replace repeat replace reverse right round row_number rpad rtrim sign split_part starts_with string_agg
        string_to_array strpos substr substring sum timezone to_char to_date to_jsonb to_number to_timestamp to_tsvector
        translate trim trunc tsrange tstzrange unnest upper
        """,
    )
)
"""Functions of PostgreSQL's own that give the same again within a transaction, and do nothing else."""

DISTINCT = frozenset({"gen_random_uuid", "uuid_generate_v1", "uuid_generate_v4", "uuidv4", "uuidv7", "nextval"})
"""Functions that never give the same twice, nor NULL."""

NEVER_NULL = DISTINCT | {"clock_timestamp", "now", "random", "statement_timestamp", "transaction_timestamp"}
"""Functions that never give NULL."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query whose rows offend, and what they offend against."""

    query: str
    why: str


@dataclass(frozen=True, slots=True)
class NoQuestion:
    """Why nothing can be asked, of what may fail all the same."""

    what: str
    why: str


Found = Question | NoQuestion | None


def of_not_null(image: Image, demand: NotNull) -> Found:
    """Rows with NULL; of a column that the script adds and nothing fills, any row."""
    if demand.column in image.full:
        return None
    what = f"{image.relation}.{demand.column} must not be NULL"
    if demand.column in image.empty:
        if image.unknown:
            return NoQuestion(what, image.unknown)
        why = f"{what}, and it is in every row: the column is new and has no default"
        return Question(f"SELECT * FROM {image.source(())} LIMIT {LIMIT}", why)
    return _rows(image, (demand.column,), f"{quoted(demand.column)} IS NULL", what)


def of_condition(image: Image, demand: Holds) -> Found:
    """Rows for which a CHECK is false."""
    what = f"CHECK ({_short(demand.condition.sql)}) must hold for every row of {image.relation}"
    if why_not := _whole(demand.condition):
        return NoQuestion(what, why_not)
    return _rows(image, demand.condition.columns, f"NOT ({demand.condition.sql})", what)


def of_unique(image: Image, demand: Unique) -> Found:
    """Keys that are there more than once."""
    keys = [key.sql for key in demand.keys]
    what = f"no two rows of {image.relation} may have the same {_short(', '.join(keys))}"
    if not any(key.columns for key in demand.keys):  # an index on a constant
        what = f"there may be no more than one row in {image.relation}"
    if demand.where is not None:
        what += f" where {_short(demand.where.sql)}"
    columns = {name for key in demand.keys for name in key.columns} | set(demand.where.columns if demand.where else ())
    if not demand.nulls_equal and columns & image.empty and any(set(key.columns) <= image.empty for key in demand.keys):
        return None  # NULL in every row, and no two of them are the same
    if any(set(key.columns) & image.distinct and quoted(key.columns[0]) == key.sql for key in demand.keys):
        return None
    why_not = image.why_not(columns) or _whole(*demand.keys, demand.where)
    if why_not:
        return NoQuestion(what, why_not)
    conditions = [] if demand.nulls_equal else [f"({key}) IS NOT NULL" if " " in key else f"{key} IS NOT NULL" for key in keys]
    if demand.where is not None:
        conditions.append(f"({demand.where.sql})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    places = ", ".join(str(number) for number in range(1, len(keys) + 1))
    return Question(
        f"SELECT {', '.join(keys)}, count(*) FROM {image.source(columns)}{where}"
        f" GROUP BY {places} HAVING count(*) > 1 LIMIT {LIMIT}",
        what,
    )


def of_new_keys(image: Image, demand: Unique, item: str) -> Found:
    """New rows whose key is there already."""
    what = f"no row of {image.relation} may have a key that is inserted: {', '.join(key.sql for key in demand.keys)}"
    keys = [key.columns[0] for key in demand.keys if len(key.columns) == 1 and quoted(key.columns[0]) == key.sql]
    if len(keys) != len(demand.keys) or demand.where is not None:
        return NoQuestion(what, "the key is of an expression, or of a part of the rows")
    why_not = image.why_not(keys)
    if why_not:
        return NoQuestion(what, why_not)
    equal = " AND ".join(f"present.{quoted(key)} = added.{quoted(key)}" for key in keys)
    source = image.source(keys, alias="present")
    return Question(f"SELECT added.* FROM {item} JOIN {source} ON {equal} LIMIT {LIMIT}", what)


def of_reference(child: Image, parent: Image | None, demand: Refers, parent_columns: Sequence[str]) -> Found:
    """Rows that refer to nobody; ``parent`` None: a table that is still empty then."""
    other = parent.relation if parent is not None else str(demand.parent)
    what = f"{child.relation} ({', '.join(demand.columns)}) must refer to a row of {other}"
    if set(demand.columns) & child.empty and not demand.full:
        return None
    why_not = child.why_not(demand.columns) or (parent.why_not(parent_columns) if parent is not None else None)
    if why_not or (parent is not None and len(parent_columns) != len(demand.columns)):
        return NoQuestion(what, why_not or "its key is not known")
    own = [f"child.{quoted(name)}" for name in demand.columns]
    filled = " AND ".join(f"{name} IS NOT NULL" for name in own)
    condition = filled
    if parent is not None:
        pairs = " AND ".join(f"parent.{quoted(p)} = {c}" for p, c in zip(parent_columns, own, strict=True))
        condition += f" AND NOT EXISTS (SELECT FROM {parent.source(parent_columns, alias='parent')} WHERE {pairs})"
    if demand.full and len(own) > 1:
        partly = " OR ".join(f"{name} IS NOT NULL" for name in own)
        condition = f"({condition}) OR (({partly}) AND NOT ({filled}))"
    return Question(f"SELECT child.* FROM {child.source(demand.columns, alias='child')} WHERE {condition} LIMIT {LIMIT}", what)


def of_exclusion(image: Image, demand: Excludes) -> Found:
    """Pairs of rows that answer all operators."""
    keys = [key.sql for key, _ in demand.keys]
    what = f"no two rows of {image.relation} may meet on {_short(', '.join(keys))}"
    columns = {name for key, _ in demand.keys for name in key.columns} | set(demand.where.columns if demand.where else ())
    why_not = image.why_not(columns) or _whole(*(key for key, _ in demand.keys), demand.where)
    if why_not:
        return NoQuestion(what, why_not)
    named = ", ".join(f"{key} AS key_{number}" for number, key in enumerate(keys, start=1))
    where = f" WHERE {demand.where.sql}" if demand.where is not None else ""
    meets = " AND ".join(f"a.key_{n} {operator} b.key_{n}" for n, (_, operator) in enumerate(demand.keys, start=1))
    return Question(
        f"WITH numbered AS MATERIALIZED (SELECT row_number() OVER () AS number, {named} FROM {image.source(columns)}{where})"
        f" SELECT a.*, b.* FROM numbered AS a JOIN numbered AS b ON a.number < b.number AND {meets} LIMIT {LIMIT}",
        what,
    )


def of_domain(image: Image, column: str, demand: OfDomain) -> Found:
    """Values of a column that its domain will not take."""
    what = f"{image.relation}.{column} is of domain {demand.domain}, and every value must fit it"
    if demand.condition is None:
        return _rows(image, (column,), f"{quoted(column)} IS NULL", what)
    why_not = image.why_not((column,))
    if why_not:
        return NoQuestion(what, why_not)
    value = f"(SELECT {quoted(column)} AS value FROM {image.source((column,))}) AS of_domain"
    return Question(f"SELECT * FROM {value} WHERE NOT ({demand.condition.sql}) LIMIT {LIMIT}", what)


def of_partition(image: Image, demand: Attached, key: str) -> Found:
    """Rows that are outside of a partition's bounds; ``key`` as PostgreSQL prints that of the parent."""
    what = f"every row of {image.relation} must be within the bounds of a partition of {demand.parent}"
    found = re.fullmatch(r"(?:RANGE|LIST|HASH) \((.*)\)", key)
    if found is None or demand.strategy == "d":
        return NoQuestion(what, "it is the default partition" if demand.strategy == "d" else "its key is not known")
    keys = _parts(found[1])
    columns = {name.strip('"') for one in keys for name in re.findall(r'"[^"]+"|\w+', one)} & set(image.types)
    return _rows(image, columns, _outside(demand, keys, key), what)


def of_default_partition(parent: Image, demand: Attached, key: str) -> Found:
    """Rows within the bounds of a new partition that are there already: they can only be in the default one."""
    found = re.fullmatch(r"(?:RANGE|LIST) \((.*)\)", key)
    if found is None or demand.strategy == "d":
        return None  # no other partition can hold such rows
    keys = _parts(found[1])
    what = f"no row of {parent.relation} may be within the bounds of a new partition: it would be in the default one"
    condition = _outside(demand, keys, key)
    columns = {name.strip('"') for one in keys for name in re.findall(r'"[^"]+"|\w+', one)} & set(parent.types)
    return _rows(parent, columns, f"NOT ({condition})", what)


def of_type(image: Image, demand: Fits, enums: Mapping[str, tuple[str, ...]], *, major: int) -> Found:
    """Rows whose value does not become the new type; before 16 nothing tells but to try, so that the query fails too."""
    what = f"every value of {image.relation}.{demand.column} must become {demand.type}"
    source = _short_type(image.types.get(demand.column, ""))
    using, target = demand.using, _short_type(demand.type)
    value, explicit = quoted(demand.column), False
    if using is not None:
        if why_not := _whole(using):
            return NoQuestion(what, why_not)
        if _short_type(using.cast_to) == target and using.cast_to:
            explicit, value = True, using.cast_of
            source = source if value == quoted(demand.column) else ("text" if value.endswith("::text") else "")
        elif using.sql != value:
            return of_value(image, using, demand.type, what)
    columns = using.columns if using is not None else (demand.column,)
    if target.endswith("[]"):
        condition = _too_long_elements(value, target.removesuffix("[]"), explicit=explicit)
    else:
        condition = _unfit(value, source, target, explicit=explicit, enums=enums)
    if condition is None:
        return None
    if condition == "" or (major < SOFT_INPUT_SINCE and condition.startswith("NOT pg_input_is_valid")):
        if using is None and target.partition("(")[0] in _MOMENTS:
            return None
        return of_value(image, using or Expression(sql=value, columns=(demand.column,)), demand.type, what)
    return _rows(image, columns, condition, what)


def of_value(image: Image, value: Expression, kind: str, what: str) -> Found:
    """Rows of which a value cannot be computed: the query fails when it meets one."""
    why_not = image.why_not(value.columns) or _whole(value)
    if why_not:
        return NoQuestion(what, why_not)
    base, _, most = _short_type(kind).rstrip(")").partition("(")
    if base in ("character varying", "character") and most.isdigit():
        return _rows(image, value.columns, f"char_length(rtrim(({value.sql})::text, ' ')) > {most}", what)
    computed = f"(SELECT ({value.sql})::{kind} AS computed FROM {image.source(value.columns)} OFFSET 0) AS rows"
    return Question(
        f"SELECT 1 FROM {computed} WHERE computed IS NULL AND computed IS NOT NULL LIMIT {LIMIT}",
        f"{what}; the query itself fails where one does not",
    )


def _whole(*expressions: Expression | None) -> str | None:
    if any(one is not None and (one.whole or one.reads) for one in expressions):
        return "it is computed from whole rows, or from other tables"
    return None


def _rows(image: Image, columns: Collection[str], condition: str, what: str) -> Found:
    why_not = image.why_not(columns)
    if why_not:
        return NoQuestion(what, why_not)
    return Question(f"SELECT * FROM {image.source(columns)} WHERE {condition} LIMIT {LIMIT}", what)


# --- types ------------------------------------------------------------------------------------------------------------

_RANGES = {
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
_NAMES = {
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "decimal": "numeric",
    "float8": "double precision",
    "float4": "real",
}
_TEXTS = ("text", "character varying", "character", "citext", "name", "unknown")
_MOMENTS = (
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "time without time zone",
    "timestamp without time zone",
    "timestamp with time zone",
)
"""What of its family always becomes one of them."""

_NUMBERS = (*_RANGES, "numeric", "real", "double precision")


def _short_type(name: str) -> str:
    base, bracket, modifier = name.removeprefix("pg_catalog.").partition("(")
    base = base.strip()
    return _NAMES.get(base, base) + (f"({modifier.replace(' ', '')}" if bracket else "")


def _unfit(value: str, source: str, target: str, *, explicit: bool, enums: Mapping[str, tuple[str, ...]]) -> str | None:
    """The condition under which a value does not fit; None: all do; "": only an attempt tells."""
    base, _, modifier = target.rstrip(")").partition("(")
    of, _, source_modifier = source.rstrip(")").partition("(")
    labels = enums.get(target) or enums.get(target.removeprefix("public."))
    if labels is not None:
        listed = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
        return f"({value})::text NOT IN ({listed})" if listed else f"({value}) IS NOT NULL"
    if base in ("character varying", "character") and modifier:
        return _too_long(value, of, source_modifier, int(modifier), explicit=explicit)
    if base in ("text", "character varying"):
        return None
    if of in _NUMBERS and base in _NUMBERS:
        return _out_of_range(value, of, base, modifier)
    if of in _TEXTS:
        return f"NOT pg_input_is_valid(({value})::text, '{target.replace(chr(39), chr(39) * 2)}')"
    return ""


def _too_long_elements(value: str, target: str, *, explicit: bool) -> str | None:
    """The condition of arrays: of text by its length, of all else only an attempt tells."""
    base, _, modifier = target.rstrip(")").partition("(")
    if base not in ("text", "character varying", "character"):
        return ""
    if explicit or not modifier:
        return None
    longest = f"SELECT FROM unnest(({value})::text[]) AS element WHERE char_length(rtrim(element, ' ')) > {int(modifier)}"
    return f"EXISTS ({longest})"


def _too_long(value: str, source: str, source_modifier: str, most: int, *, explicit: bool) -> str | None:
    if explicit or (source in ("character varying", "character") and source_modifier and int(source_modifier) <= most):
        return None  # an explicit cast cuts off what is too long
    return f"char_length(rtrim(({value})::text, ' ')) > {most}"


def _out_of_range(value: str, source: str, target: str, modifier: str) -> str | None:
    if target in _RANGES:
        low, high = _RANGES[target]
        if source in _RANGES and _RANGES[source][1] <= high:
            return None
        return f"round(({value})::numeric) NOT BETWEEN {low} AND {high}"
    if target == "numeric" and modifier:
        precision, _, scale = modifier.partition(",")
        digits = int(scale or 0)
        return f"abs(round(({value})::numeric, {digits})) >= {'1' + '0' * max(int(precision) - digits, 0)}"
    return None if target in ("numeric", "double precision") else ""


# --- partitions -------------------------------------------------------------------------------------------------------


_OPEN = ("MINVALUE", "MAXVALUE")


def _outside(demand: Attached, keys: Sequence[str], key: str) -> str:
    if demand.strategy == "h":
        parent = ".".join(quoted(part) for part in (demand.parent.schema, demand.parent.name) if part).replace("'", "''")
        return f"NOT satisfies_hash_partition('{parent}'::regclass, {demand.modulus}, {demand.remainder}, {', '.join(keys)})"
    if key.startswith("LIST"):
        values = [value for value in demand.values if value.upper() != "NULL"]
        missing = f"{keys[0]} IS NULL" if len(values) == len(demand.values) else "false"
        return f"{missing} OR {keys[0]} NOT IN ({', '.join(values)})" if values else f"{keys[0]} IS NOT NULL"
    bounds = list(_bounds(demand, keys))
    missing = " OR ".join(f"{one} IS NULL" for one in keys)
    return f"{missing} OR NOT ({' AND '.join(bounds)})" if bounds else missing


def _bounds(demand: Attached, keys: Sequence[str]) -> Iterator[str]:
    """What holds of keys within the bounds; of values that stand behind an open one PostgreSQL takes no notice."""
    for lower, values in ((True, demand.lower), (False, demand.upper)):
        closed = list(itertools.takewhile(lambda value: value not in _OPEN, values))
        if not closed:
            continue
        openness = values[len(closed)] if len(closed) < len(values) else ""
        # Behind the last closed value MINVALUE is before, and MAXVALUE behind, whatever stands there.
        operator = (">" if openness == "MAXVALUE" else ">=") if lower else ("<=" if openness == "MAXVALUE" else "<")
        left, right = ", ".join(keys[: len(closed)]), ", ".join(closed)
        yield f"{left} {operator} {right}" if len(closed) == 1 else f"({left}) {operator} ({right})"


def _parts(text: str) -> list[str]:
    """The parts between the commas that stand in no parentheses."""
    parts, depth, begin = list[str](), 0, 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(text[begin:place].strip())
            begin = place + 1
    return [*parts, text[begin:].strip()]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
