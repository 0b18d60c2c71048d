"""A dump of schema and statistics taken apart, and put together again.

Not for judging a schema. The surprising thing: most common values and histograms are rows of somebody's, so a dump that leaves
its machine goes without them; and what comes back from a file is looked at statement by statement, because it will be executed.

Codes: LK717 a schema that holds what no dump of one holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, cast

from lockage.core.forecast.saved_survey import Statistic, altered
from lockage.core.migration.statement import outside_call_in
from lockage.core.redaction.quoted import literals_of, statements_of

OF_VALUES = frozenset(
    {
        "most_common_vals",
        "most_common_freqs",
        "histogram_bounds",
        "most_common_elems",
        "most_common_elem_freqs",
        "elem_count_histogram",
        "range_length_histogram",
        "range_empty_frac",
        "range_bounds_histogram",
    }
)
"""Arguments that hold values of rows, or mean nothing without one that does.
Source: PostgreSQL 18 manual, 9.28.14 "Statistics Manipulation Functions"."""

_TYPES: Mapping[str, str] = {
    "version": "integer",
    "relpages": "integer",
    "reltuples": "real",
    "relallvisible": "integer",
    "relallfrozen": "integer",
    "attnum": "smallint",
    "inherited": "boolean",
    "null_frac": "real",
    "avg_width": "integer",
    "n_distinct": "real",
    "correlation": "real",
    "most_common_freqs": "real[]",
    "most_common_elem_freqs": "real[]",
    "elem_count_histogram": "real[]",
    "range_empty_frac": "real",
}
"""Types of arguments; all others are text."""

_KNOWN = {*_TYPES, *OF_VALUES, "schemaname", "relname", "attname"}

_RESTORES = re.compile(r"SELECT \* FROM pg_catalog\.pg_restore_(?P<kind>relation|attribute)_stats\(")
_FENCE = re.compile(r"(?m)^\\(?:un)?restrict \w+$\n?")

_OF_A_DUMP = re.compile(
    r"(?i)(?:CREATE|ALTER|GRANT|REVOKE)\s|SET\s+\w+\s*=|SELECT\s+pg_catalog\.set_config\('search_path', '', false\);"
)
_OF_THE_SERVER = re.compile(
    r"(?ix) (?:CREATE|ALTER)\s+(?: SYSTEM | DATABASE | TABLESPACE | SUBSCRIPTION | ROLE | USER\s+(?!MAPPING) )\b"
    r"| SET\s+(?: session | allow_system | standard_conforming_strings\s*=(?!\s*'?on\b) )"
)
_EVALUATED = re.compile(r"(?i)(?:CREATE|ALTER)\s+(?:UNLOGGED\s+)?(?:TABLE|DOMAIN)\s|CREATE\s+(?:UNIQUE\s+)?INDEX\s")
"""What executes the expressions in it when it is made, or when the ledger's rows come."""

_TABLE = re.compile(r"(?i)CREATE\s+(?:UNLOGGED\s+)?TABLE\s")
_VIEW = re.compile(r"(?i)CREATE\s+MATERIALIZED\s+VIEW\s")
_UNFILLED = re.compile(r"(?i)WITH\s+NO\s+DATA\s*;?\s*\Z")


class Parts(NamedTuple):
    """A dump without its statistics, and those."""

    schema_sql: str
    statistics: tuple[Statistic, ...]


def taken_apart(dump: str) -> Parts:
    """The schema of a dump by ``pg_dump --statistics``, and its statistics."""
    dump = _FENCE.sub("", dump)
    kept: list[str] = []
    statistics: list[Statistic] = []
    for cut in statements_of(dump):
        found = _RESTORES.match(dump, cut.start)
        if found is None:
            kept.append(dump[cut.before : cut.end])
        else:
            words = [dump[one.start : one.end].replace("''", "'") for one in literals_of(dump, cut.start, cut.end)]
            kind = cast("Literal['relation', 'attribute']", found["kind"])
            statistics.append(Statistic(kind=kind, values=dict(zip(words[::2], words[1::2], strict=True))))
    return Parts("".join(kept) + "\n", tuple(statistics))


def without_values(statistics: Iterable[Statistic]) -> tuple[Statistic, ...]:
    """The same without samples of rows."""
    return tuple(
        replace(one, values={name: value for name, value in one.values.items() if name not in OF_VALUES}) for one in statistics
    )


def statistics_sql(statistics: Iterable[Statistic]) -> Iterator[str]:
    """The statements that restore statistics, each as ``pg_dump`` writes it; arguments that 18 does not know are left out."""
    for one in statistics:
        arguments = ",\n".join(
            f"\t{_quoted(name)}, {_quoted(value)}::{_TYPES.get(name, 'text')}"
            for name, value in one.values.items()
            if name in _KNOWN
        )
        yield f"SELECT * FROM pg_catalog.pg_restore_{one.kind}_stats(\n{arguments}\n);\n"  # noqa: S608 - quoted above


def check_schema(schema_sql: str, *, source: str) -> None:
    """Nothing, when a schema holds what ``pg_dump`` writes and no more. Raises ``UsageError`` (LK717) naming the line."""
    for cut in statements_of(schema_sql):
        text = schema_sql[cut.start : cut.end]
        outside = outside_call_in(text) if _EVALUATED.match(text) else None
        if not _OF_A_DUMP.match(text) or _OF_THE_SERVER.match(text) or _fills(text) or outside is not None:
            line = schema_sql.count("\n", 0, cut.start) + 1
            word = outside or " ".join(text.split()[:3])[:60]
            raise altered(source, f"schema.sql, line {line}: no dump of a schema says {word}")


def check_orders(orders: Iterable[str], *, source: str) -> None:
    """The same for statements that make members of extensions, and tables that could not be read."""
    for order in orders:
        cuts = tuple(statements_of(order))
        if len(cuts) > 1 or not re.match(r"(?i)\s*(?:CREATE|ALTER)\s", order) or _OF_THE_SERVER.match(order) or _fills(order):
            raise altered(source, f"catalog.json: no catalog says {' '.join(order.split()[:3])[:60]}")


def _fills(text: str) -> bool:
    """Whether a statement makes a table or view from a query's rows, for which the query would have to run."""
    if _VIEW.match(text):
        return _UNFILLED.search(text) is None
    if not _TABLE.match(text):
        return False
    depth = 0
    bare = text
    for one in reversed(tuple(literals_of(text))):
        bare = bare[: one.start] + bare[one.end :]
    for word in re.findall(r"[()]|\w+", bare):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word.upper() == "AS":
            return True
    return False


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
