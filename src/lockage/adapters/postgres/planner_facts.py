"""Tells a shadow's planner what the script has made of tables: files as long as production's would be now, rows, columns.

Never for production: it writes into system catalogs. The surprising thing: it does so by UPDATE, in the traced session itself
where a transaction is open there. PostgreSQL's own functions for it (``pg_restore_relation_stats``) lock the table, and that
would stand among the script's locks; from another session they would wait for the script's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import Outcome, exchange
from lockage.adapters.postgres.likeness import FILE_LIMIT_BYTES, lengthen
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.beliefs import TableBelief
from lockage.core.forecast.target_reading import BLOCK_BYTES

TELLING_LIMIT_S = 10.0
"""Longest run: of a millisecond, but the machine may be busy."""

_SAVEPOINT = "lockage_facts"


class PlannerFacts:
    """Writes for one traced session; ``observer`` is a superuser's session of its own with nothing open."""

    def __init__(self, traced: psycopg.Connection[TupleRow], observer: psycopg.Connection[TupleRow], *, data_dir: Path) -> None:
        self._traced = traced
        self._observer = observer
        self._data_dir = data_dir
        self._folder: Path | None = None

    def tell(self, beliefs: Sequence[TableBelief]) -> bool:
        """Makes the planner believe; False where it cannot be told: in an aborted or read-only transaction, without rights."""
        tables = [{"oid": b.oid, "blocks": self._blocks(b), "rows": b.rows} for b in beliefs]
        texts = [self._text("update_planner_facts", {"tables": json.dumps(tables), "count": len(tables)})]
        # One column after the other where one has changed several times, since each change builds on the one before.
        columns = [
            {"oid": b.oid, "name": c.name, "scale": c.scale, "shift": c.shift, "anew": c.anew}
            for b in beliefs
            for c in b.columns
        ]
        texts += [
            self._text("update_column_facts", {"columns": json.dumps(turn), "count": len(turn)}) for turn in _turns(columns)
        ]
        return self._send("; ".join(texts))

    def put_aside(self, oids: Sequence[int] | None) -> bool:
        """Keeps the column statistics of these relations (None: of all) from an ANALYZE."""
        return self._send(self._text("copy_column_statistics", {"oids": None if oids is None else list(oids)}))

    def put_back(self) -> bool:
        """Undoes what ANALYZE has made of the statistics that were put aside."""
        return self._send(load_sql("restore_column_statistics"))

    @property
    def _status(self) -> TransactionStatus:
        return self._traced.info.transaction_status

    def _text(self, name: str, values: dict[str, Any]) -> str:
        return psycopg.ClientCursor(self._observer).mogrify(load_sql(name), values)

    def _send(self, text: str) -> bool:
        if self._status is TransactionStatus.IDLE:
            return _ended_well(exchange(self._observer, text, limit_s=TELLING_LIMIT_S))
        if self._status is not TransactionStatus.INTRANS:
            return False
        role = self._foreign_role()
        if role is not None:
            name_back = psycopg.ClientCursor(self._observer).mogrify("select pg_catalog.set_config('role', %s, true)", [role])
            text = f"set local role none; {text}; {name_back}"
        query = f"savepoint {_SAVEPOINT}; {text}; release savepoint {_SAVEPOINT}"
        if _ended_well(exchange(self._traced, query, limit_s=TELLING_LIMIT_S)):
            return True
        undo = f"rollback to savepoint {_SAVEPOINT}; release savepoint {_SAVEPOINT}"
        exchange(self._traced, undo, limit_s=TELLING_LIMIT_S)
        return False

    def _foreign_role(self) -> str | None:
        """The role that the script has taken, where that is no superuser."""
        if self._traced.pgconn.parameter_status(b"is_superuser") == b"on":
            return None
        rows = exchange(self._traced, "select pg_catalog.current_setting('role')", limit_s=TELLING_LIMIT_S).rows
        return rows[0][0] if rows else None

    def _blocks(self, belief: TableBelief) -> int:
        """The length of the table's file in blocks, once it is as long as it should be and may be."""
        if not belief.relfilenode:
            return max(1, min(belief.bytes, FILE_LIMIT_BYTES) // BLOCK_BYTES) if belief.rows else 0
        file = self._file(belief)
        try:
            if belief.rows:
                lengthen(file, max(1, min(belief.bytes, FILE_LIMIT_BYTES) // BLOCK_BYTES) * BLOCK_BYTES)
            return file.stat().st_size // BLOCK_BYTES
        except OSError:
            return 0  # gone in the meantime

    def _file(self, belief: TableBelief) -> Path:
        if self._folder is None:
            rows = self._observer.execute(load_sql("select_database_oid")).fetchall()
            self._folder = self._data_dir / "base" / str(rows[0][0])
        schema = belief.relation.partition(".")[0]
        # Source: PostgreSQL 18, src/common/relpath.c, GetRelationPath: temporary files bear the number of their session.
        prefix = f"t{schema.removeprefix('pg_temp_')}_" if schema.startswith("pg_temp_") else ""
        return self._folder / f"{prefix}{belief.relfilenode}"


def _ended_well(outcome: Outcome) -> bool:
    return outcome.failure is None


def _turns(columns: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The changes in turns, in none of which a column comes twice."""
    turns: list[list[dict[str, Any]]] = []
    seen: dict[tuple[int, str], int] = {}
    for column in columns:
        key = (column["oid"], column["name"])
        turn = seen.get(key, -1) + 1
        seen[key] = turn
        if turn == len(turns):
            turns.append([])
        turns[turn].append(column)
    return turns
