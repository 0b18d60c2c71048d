"""Takes the truth about "who waits": real sessions read and write every relation while a script's transaction is open.

The probes are those of the design: SELECT; INSERT of a fresh key; UPDATE of a column that is no key, UPDATE of a key and
DELETE, each of existing rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb

FRESH = 1_000_000
"""Added to the keys of inserted and moved rows: no table of the corpus has that many."""

FROM_WORST = ("reads", "writes", "rows", "none")

WAIT_MS = 20
"""Only time spent waiting for a lock counts, so a slow machine makes no wait of what is none."""

_COLUMNS = """
select a.attname, a.atttypid::regtype::text,
       coalesce(bool_or((i.indisunique or i.indisexclusion) and i.indpred is null and (a.attnum = any(i.indkey) or exists (
           select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = a.attrelid
              and d.refclassid = 'pg_class'::regclass and d.refobjsubid = a.attnum))), false),
       a.attgenerated <> '' or a.attidentity = 'a', a.atthasdef
  from pg_attribute a left join pg_index i on i.indrelid = a.attrelid
 where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
 group by a.attname, a.atttypid, a.attnum, a.attgenerated, a.attidentity, a.atthasdef
 order by a.attnum
"""

_RELATIONS = """
select c.oid, n.nspname, c.relname, c.relkind, c.relispartition or c.relkind = 'p' from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm') and n.nspname not like 'pg_%%' order by c.oid
"""


@dataclass(frozen=True)
class _Column:
    name: str
    type: str
    is_key: bool
    is_computed: bool
    has_default: bool


@dataclass(frozen=True)
class _Target:
    schema: str
    name: str
    kind: str
    partitioned: bool  # by itself, or a partition: some of its keys say where a row goes
    columns: tuple[_Column, ...]
    rows: tuple[dict[str, Any], ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def who_waits(url: str, script: Sequence[str], *, at_commit: bool = False) -> dict[str, str]:
    """Runs the statements in one transaction and gives each relation with who waited at the worst moment; then rolls back.

    ``at_commit`` also fires what only the COMMIT would: deferred constraints and triggers.
    """
    with psycopg.connect(url, autocommit=True) as prober, psycopg.connect(url, autocommit=True) as migrator:
        targets = _targets(prober)
        prober.execute(f"set lock_timeout = {WAIT_MS}")
        migrator.execute("begin")
        moments = []
        for number, statement in enumerate(script, start=1):
            migrator.execute(statement.encode())
            # Locks only grow within a transaction, but for what a savepoint gives back.
            if number == len(script) and at_commit:
                migrator.execute("set constraints all immediate")
            if number == len(script) or script[number].startswith("rollback"):
                moments.append({f"{target.schema}.{target.name}": _blocks(prober, target) for target in targets})
        migrator.execute("rollback")
    return {name: min((moment[name] for moment in moments), key=FROM_WORST.index) for name in moments[0]}


def _targets(session: psycopg.Connection[Any]) -> list[_Target]:
    found = []
    for oid, schema, name, kind, partitioned in session.execute(_RELATIONS).fetchall():
        columns = tuple(_Column(*row) for row in session.execute(_COLUMNS, (oid,)).fetchall())
        most = 5 if kind == "p" else 3  # of a partitioned table, rows of every partition
        query = sql.SQL("select to_jsonb(t) from {} t limit {}").format(sql.Identifier(schema, name), most)
        rows = tuple(row[0] for row in session.execute(query).fetchall())
        found.append(_Target(schema, name, kind, partitioned, columns, rows))
    return found


def _blocks(session: psycopg.Connection[Any], target: _Target) -> str:
    if _waits(session, sql.SQL("select * from {} limit 1").format(target.identifier)):
        return "reads"
    inserts = [any(_waits(session, *probe) for probe in _inserts(target, row)) for row in target.rows]
    # One insert of several that waits has met one row that it refers to: that is no table that nobody can write to.
    if sum(inserts) >= (1 if target.partitioned else min(2, max(len(inserts), 1))):
        return "writes"
    if any(inserts) or any(_waits(session, *probe) for row in target.rows for probe in _row_probes(target, row)):
        return "rows"
    return "none"


def _inserts(target: _Target, row: dict[str, Any]) -> list[tuple[sql.Composable, tuple[object, ...]]]:
    """A copy of the row with all its keys fresh (of a partition the first alone, too: the others place it), and by default."""
    columns = [column for column in target.columns if not column.is_computed]
    keys = [column.name for column in columns if _is_key(column)]
    probes = [_insert(target, columns, row, fresh=keys)]
    if target.partitioned:
        probes.append(_insert(target, columns, row, fresh=keys[:1]))
    if any(column.is_key and column.has_default for column in columns):
        given = [column for column in columns if not (column.is_key and column.has_default)]
        probes.append(_insert(target, given, row, fresh=keys))
    return probes


def _insert(
    target: _Target, columns: Sequence[_Column], row: dict[str, Any], *, fresh: Sequence[str]
) -> tuple[sql.Composable, tuple[object, ...]]:
    values = {c.name: _moved(row[c.name]) if c.name in fresh else row[c.name] for c in columns}
    query = sql.SQL("insert into {} ({}) select {} from jsonb_to_record(%s) as r({})").format(
        target.identifier,
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        sql.SQL(", ").join(sql.SQL("r.") + sql.Identifier(column.name) for column in columns),
        sql.SQL(", ").join(sql.Identifier(column.name) + sql.SQL(f" {column.type}") for column in columns),
    )
    return query, (Jsonb(values),)


def _row_probes(target: _Target, row: dict[str, Any]) -> list[tuple[sql.Composable, tuple[object, ...]]]:
    keys = [column for column in target.columns if _is_key(column)]
    others = [column for column in target.columns if not _is_key(column) and not column.is_computed]
    if not keys:
        return []
    where = sql.SQL(" and ").join(
        sql.SQL("{}::text = %s").format(sql.Identifier(key.name)) for key in keys if row[key.name] is not None
    )
    values = tuple(str(row[key.name]) for key in keys if row[key.name] is not None)
    probes: list[tuple[sql.Composable, tuple[object, ...]]] = []
    for other in others[:2]:
        name = sql.Identifier(other.name)
        probes.append((sql.SQL("update {} set {} = {} where {}").format(target.identifier, name, name, where), values))
    for key in keys:
        if isinstance(row[key.name], int):
            name = sql.Identifier(key.name)
            moved = sql.SQL("update {} set {} = {} + {} where {}").format(
                target.identifier, name, name, sql.Literal(FRESH), where
            )
            probes.append((moved, values))
    probes.append((sql.SQL("delete from {} where {}").format(target.identifier, where), values))
    return probes


def _is_key(column: _Column) -> bool:
    return column.is_key or column.name == "id"  # a view's columns have no index; its id is its table's


def _moved(value: object) -> object:
    if isinstance(value, int):
        return value + FRESH
    return f"{value}-fresh" if isinstance(value, str) else value


def _waits(session: psycopg.Connection[Any], query: sql.Composable, values: tuple[object, ...] = ()) -> bool:
    probe = psycopg.ClientCursor(session).mogrify(query, values or None)
    try:
        # One round trip: there are hundreds of probes a case. What only a COMMIT would look at makes users wait there.
        session.execute(f"begin; {probe}; set constraints all immediate; rollback".encode())
    except errors.LockNotAvailable:
        session.execute("rollback")
        return True
    except psycopg.Error:
        session.execute("rollback")
        return False  # refused for another reason: it did not wait
    return False
