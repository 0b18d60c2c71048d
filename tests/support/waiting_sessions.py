"""Takes the truth about "who waits": real sessions read and write every relation while a script's transaction is open.

The probes are those of the design: SELECT; INSERT of a fresh key; UPDATE of a column that is no key, UPDATE of a key and
DELETE, each of existing rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb

FRESH = 1_000_000
"""Added to the keys of inserted and moved rows: no table of the corpus has that many."""

FROM_WORST = ("reads", "writes", "rows", "none")

ROWS_TRIED = 12
"""Rows of each table that are changed, moved and deleted: all of nearly every table of the corpus."""

COPIED = 3
"""Rows of each table of which a copy is inserted."""

HASHED = 4
"""Fresh values tried of a partitioned table's key: which of them is hashed into the row's own partition, only a try tells."""

WAIT_MS = 20
"""Only time spent waiting for a lock counts, so a slow machine makes no wait of what is none."""

_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod),
       coalesce(bool_or((i.indisunique or i.indisexclusion) and (b.attnum = any(i.indkey) or exists (
           select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = b.attrelid
              and d.refclassid = 'pg_class'::regclass and d.refobjsubid = b.attnum))), false),
       bool_or(b.attgenerated <> '' or b.attidentity = 'a'), a.atthasdef,
       coalesce(bool_or(i.indisunique and i.indnkeyatts = 1 and b.attnum = any(i.indkey)), false)
  from pg_attribute a
 cross join lateral (
    select a.attrelid, a.attnum, a.attgenerated, a.attidentity
     union
    select t.attrelid, t.attnum, t.attgenerated, t.attidentity
      from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      join pg_attribute t on t.attrelid = d.refobjid and t.attnum = d.refobjsubid
     where r.ev_class = a.attrelid and r.ev_type = '1' and d.refclassid = 'pg_class'::regclass and t.attname = a.attname) b
  left join pg_index i on i.indrelid = b.attrelid
 where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
 group by a.attname, a.atttypid, a.atttypmod, a.attnum, a.atthasdef
 order by a.attnum
"""
"""A view's column is as much of a key, or computed, as that of its name in the tables below."""

_RELATIONS = """
select c.oid, n.nspname, c.relname, c.relkind, c.relispartition or c.relkind = 'p'
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm') and n.nspname not like 'pg_%%' order by c.oid
"""


_KEYS = """
select array_agg(a.attname::text order by p.place), n.nspname, c.relname, array_agg(b.attname::text order by p.place)
  from pg_constraint k join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
 cross join unnest(k.conkey, k.confkey) with ordinality p (child, parent, place)
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.child
  join pg_attribute b on b.attrelid = k.confrelid and b.attnum = p.parent
 where k.conrelid = %s and k.contype = 'f' and not c.relispartition
 group by k.oid, n.nspname, c.relname
"""


# What only a COMMIT would look at makes users wait there, so it is looked at here.
_ANY_WAITS = """
create function pg_temp.any_waits(probes text[]) returns boolean language plpgsql as $$
declare probe text;
begin
  foreach probe in array probes loop
    begin
      execute probe;
      set constraints all immediate;
      raise exception 'undo';
    exception
      when lock_not_available then return true;
      when others then null;  -- refused for another reason: it did not wait
    end;
  end loop;
  return false;
end $$
"""


@dataclass(frozen=True)
class _Column:
    name: str
    type: str
    is_key: bool
    is_computed: bool
    has_default: bool
    is_whole_key: bool  # unique by itself


@dataclass(frozen=True)
class _Target:
    oid: int
    schema: str
    name: str
    kind: str
    partitioned: bool  # by itself, or a partition: some of its keys say where a row goes
    leaves: tuple[int, ...]  # of each row: the table that it lies in
    columns: tuple[_Column, ...]
    rows: tuple[dict[str, Any], ...]
    references: tuple[tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]], ...]  # columns that refer, with all that they can

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def who_waits(url: str, script: Sequence[str], *, at_commit: bool = False) -> dict[str, str]:
    """Runs the statements in one transaction and gives each relation with who waited at the worst moment; then rolls back.

    ``at_commit`` also fires what only the COMMIT would: deferred constraints and triggers.
    """
    with psycopg.connect(url, autocommit=True) as reader:
        targets = _targets(reader)
    # A session of its own: what one has cached of a type it need not look up again, and so would not wait for.
    with psycopg.connect(url, autocommit=True) as prober, psycopg.connect(url, autocommit=True) as migrator:
        prober.execute(f"set lock_timeout = {WAIT_MS}")
        prober.execute(_ANY_WAITS)
        migrator.execute("begin")
        moments = []
        for number, statement in enumerate(script, start=1):
            migrator.execute(statement.encode())
            # Locks only grow within a transaction, but for what a savepoint gives back.
            if number == len(script) and at_commit:
                migrator.execute("set constraints all immediate")
            if number == len(script) or script[number].lower().startswith("rollback"):
                moments.append({f"{target.schema}.{target.name}": _blocks(prober, target) for target in targets})
        migrator.execute("rollback")
    return {name: min((moment[name] for moment in moments), key=FROM_WORST.index) for name in moments[0]}


def who_waits_each(url: str, script: Sequence[str], *, outside: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """The same for a script whose statements commit by themselves, or between its own ``BEGIN`` and ``COMMIT``.

    What it does stays. Relations bear the names that they had before it. ``outside`` executes a statement that refuses a
    transaction, and gives who waits for it.
    """
    with psycopg.connect(url, autocommit=True) as reader, psycopg.connect(url, autocommit=True) as migrator:
        names = {target.oid: f"{target.schema}.{target.name}" for target in _targets(reader)}
        found = dict.fromkeys(names.values(), "none")
        targets: list[_Target] = []
        explicit = False
        for statement in script:
            word = statement.split(maxsplit=1)[0].lower()
            if not explicit:
                targets = _targets(reader)
                migrator.execute("begin")
            if word in {"begin", "start"}:
                explicit = True
                continue
            ends = explicit and (word in {"commit", "end"} or statement.lower() == "rollback")
            if not ends:
                try:
                    migrator.execute(statement.encode())
                except errors.ActiveSqlTransaction:
                    migrator.execute("rollback")
                    found = {
                        name: min(found[name], blocks, key=FROM_WORST.index) for name, blocks in outside(statement).items()
                    }
                    continue
            if ends or not explicit:
                if word != "rollback":
                    migrator.execute("set constraints all immediate")
                _look(url, targets, names, found)
                migrator.execute("rollback" if word == "rollback" else "commit")
                explicit = False
            elif statement.lower().startswith("rollback to"):
                raise ValueError("who waits before a rollback to a savepoint is not looked at here")
    return found


def _look(url: str, targets: list[_Target], names: dict[int, str], found: dict[str, str]) -> None:
    with psycopg.connect(url, autocommit=True) as prober:
        prober.execute(f"set lock_timeout = {WAIT_MS}")
        prober.execute(_ANY_WAITS)
        for target in targets:
            name = names.get(target.oid)
            if name is not None:
                found[name] = min(found[name], _blocks(prober, target), key=FROM_WORST.index)


def _targets(session: psycopg.Connection[Any]) -> list[_Target]:
    found = []
    for oid, schema, name, kind, partitioned in session.execute(_RELATIONS).fetchall():
        columns = tuple(_Column(*row) for row in session.execute(_COLUMNS, (oid,)).fetchall())
        leaf = sql.SQL("t.tableoid::int" if kind in {"r", "p"} else "0")
        query = sql.SQL("select to_jsonb(t), {} from {} t limit {}").format(leaf, sql.Identifier(schema, name), ROWS_TRIED)
        rows, leaves = tuple(zip(*session.execute(query).fetchall(), strict=True)) or ((), ())
        found.append(_Target(oid, schema, name, kind, partitioned, leaves, columns, rows, _references(session, oid)))
    return found


def _references(session: psycopg.Connection[Any], oid: int) -> tuple[tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]], ...]:
    found = []
    for columns, schema, name, key in session.execute(_KEYS, (oid,)).fetchall():
        query = sql.SQL("select {} from {} order by 1 limit {}").format(
            sql.SQL(", ").join(sql.SQL("to_jsonb({})").format(sql.Identifier(column)) for column in key),
            sql.Identifier(schema, name),
            ROWS_TRIED,
        )
        found.append((tuple(columns), tuple(session.execute(query).fetchall())))
    return tuple(found)


def _blocks(session: psycopg.Connection[Any], target: _Target) -> str:
    if _waits(session, sql.SQL("select * from {} limit 1").format(target.identifier)):
        return "reads"
    inserts = [[_any_waits(session, _inserts(target, row)) for row in rows] for rows in _copied(target)]
    # One insert of several that waits has met one row that it refers to: that is no table that nobody can write to.
    if any(sum(waits) >= min(2, max(len(waits), 1)) for waits in inserts):
        return "writes"
    others = [probe for row in target.rows[:1] for probe in _referring(target, row)]
    others += [probe for row in target.rows for probe in _row_probes(target, row)]
    if any(map(any, inserts)) or _any_waits(session, others):
        return "rows"
    return "none"


def _copied(target: _Target) -> list[list[dict[str, Any]]]:
    """Rows of which a copy is inserted; of a partitioned table so many of each partition, since one can be locked alone."""
    placed = list(zip(target.rows, target.leaves if target.partitioned else (0,) * len(target.rows), strict=True))
    return [[row for row, place in placed if place == leaf][:COPIED] for leaf in dict.fromkeys(place for _, place in placed)]


def _inserts(target: _Target, row: dict[str, Any]) -> list[tuple[sql.Composable, tuple[object, ...]]]:
    """A copy of the row with all its keys fresh (of a partition the first alone, too: the others place it), and by default."""
    columns = [column for column in target.columns if not column.is_computed]
    keys = [column.name for column in columns if column.is_key or (target.kind == "v" and _is_key(column))]
    probes = [_insert(target, columns, row, fresh=keys)]
    if target.partitioned:
        probes += [_insert(target, columns, row, fresh=keys[:1], times=times) for times in range(1, HASHED + 1)]
    for is_key in {column.is_key for column in columns if column.has_default}:
        given = [column for column in columns if not (column.has_default and column.is_key is is_key)]
        probes.append(_insert(target, given, row, fresh=keys))
    if any(len(key) == 1 and key[0] in keys for key, _ in target.references):
        probes.append(_child(target, columns, row, keys))
    return probes


def _child(
    target: _Target, columns: Sequence[_Column], row: dict[str, Any], keys: Sequence[str]
) -> tuple[sql.Composable, tuple[object, ...]]:
    """A row with fresh keys whose parents are there: the row's own, or, where the parents make up the key, others together."""
    whole = {column.name for column in columns if column.is_whole_key}
    single = {key[0]: [value for (value,) in values] for key, values in target.references if len(key) == 1}
    parents = {key: values for key, values in single.items() if key in keys and key not in whole and values}
    row = dict(row)
    if len(parents) > 1:
        for place, (key, values) in enumerate(parents.items()):
            at = values.index(row[key]) if row[key] in values else 0
            row[key] = values[(at + place) % len(values)]
    return _insert(target, columns, row, fresh=[key for key in keys if key not in parents])


def _referring(target: _Target, row: dict[str, Any]) -> list[tuple[sql.Composable, tuple[object, ...]]]:
    """Copies of the row with fresh keys that refer to others than it does."""
    columns = [column for column in target.columns if not column.is_computed]
    keys = [column.name for column in columns if _is_key(column)][: 1 if target.partitioned else None]
    refer = {column for key, _ in target.references for column in key}
    # A fresh value of a column that refers refers to nobody, so that the row is refused before anything waits.
    free = [key for key in keys if key not in refer] or keys
    return [
        _insert(target, columns, row | dict(zip(key, value, strict=True)), fresh=[each for each in free if each not in key])
        for key, values in target.references
        for value in values
    ]


def _insert(
    target: _Target, columns: Sequence[_Column], row: dict[str, Any], *, fresh: Sequence[str], times: int = 1
) -> tuple[sql.Composable, tuple[object, ...]]:
    values = {c.name: _moved(row[c.name], times) if c.name in fresh else row[c.name] for c in columns}
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
        beyond = _BEYOND.get(type(row[key.name]))
        if beyond is not None:
            name = sql.Identifier(key.name)
            moved = sql.SQL("update {} set {} = {} {} where {}").format(target.identifier, name, name, sql.SQL(beyond), where)
            probes.append((moved, values))
    probes.append((sql.SQL("delete from {} where {}").format(target.identifier, where), values))
    return probes


_BEYOND: Mapping[type, LiteralString] = {int: f"+ {FRESH}", str: "|| '-fresh'"}
"""What makes a key a fresh one; a type that does not take it refuses, and nobody waits."""


def _is_key(column: _Column) -> bool:
    return column.is_key or column.name == "id"  # a view's columns have no index; its id is its table's


def _moved(value: object, times: int) -> object:
    if isinstance(value, int):
        return value + times * FRESH
    return value + times * "-fresh" if isinstance(value, str) else value


def _any_waits(session: psycopg.Connection[Any], probes: Sequence[tuple[sql.Composable, tuple[object, ...]]]) -> bool:
    """Whether one of them waits; in one round trip, for there are hundreds a case."""
    cursor = psycopg.ClientCursor(session)
    texts = [cursor.mogrify(query, values or None) for query, values in probes]
    row = session.execute("select pg_temp.any_waits(%s::text[])", (texts,)).fetchone()
    return bool(row and row[0])


def _waits(session: psycopg.Connection[Any], query: sql.Composable, values: tuple[object, ...] = ()) -> bool:
    probe = psycopg.ClientCursor(session).mogrify(query, values or None)
    try:
        session.execute(f"begin; {probe}; rollback".encode())
    except errors.LockNotAvailable:
        session.execute("rollback")
        return True
    except psycopg.Error:
        session.execute("rollback")
        return False  # refused for another reason: it did not wait
    return False
