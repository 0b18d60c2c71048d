"""Traces made by hand: a catalog, statements and what was held behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lockage.core.forecast.trace import (
    CatalogMark,
    CatalogRelation,
    CatalogRules,
    Failure,
    ForeignKey,
    HeldLock,
    Observation,
    Trace,
    Traced,
)
from lockage.core.migration.statement import split_statements

USERS, KEYS, KEYS_PKEY, USER_VIEW, EVENTS, EVENTS_1, SERIAL = 1, 2, 3, 4, 5, 6, 7


def relation(oid: int, name: str, kind: str = "r", *, table: int = 0, parents: tuple[int, ...] = ()) -> CatalogRelation:
    return CatalogRelation(
        oid=oid,
        relation=f"public.{name}",
        kind=kind,
        relfilenode=oid,
        table_oid=table or oid,
        owner_oid=table if kind in {"i", "t"} else 0,
        parent_oids=parents,
    )


def mark(*relations: CatalogRelation) -> CatalogMark:
    return CatalogMark(relations={r.oid: r for r in relations})


BEFORE = mark(
    relation(USERS, "users"),
    relation(KEYS, "keys"),
    relation(KEYS_PKEY, "keys_pkey", "i", table=KEYS),
    relation(USER_VIEW, "user_view", "v"),
    relation(EVENTS, "events", "p"),
    relation(EVENTS_1, "events_1", table=EVENTS, parents=(EVENTS,)),
    relation(SERIAL, "keys_id_seq", "S"),
)


def users_key(on_delete: str = "a", on_update: str = "a", *, name: str = "keys_user") -> ForeignKey:
    """The foreign key by which ``keys.user_id`` refers to ``users.id``; actions as ``pg_constraint`` has them."""
    return ForeignKey(
        name=name,
        child_oid=KEYS,
        parent_oid=USERS,
        child_columns=("user_id",),
        parent_columns=("id",),
        on_delete=on_delete,
        on_update=on_update,
    )


@dataclass
class Script:
    """Builds a trace statement by statement; locks are ``(oid, mode)`` held behind the statement."""

    rules: CatalogRules = field(default_factory=CatalogRules)
    start: CatalogMark = BEFORE
    steps: list[Traced] = field(default_factory=list)

    def did(
        self,
        sql: str,
        *locks: tuple[int, str],
        transaction: int = 1,
        open_behind: bool = True,
        after: CatalogMark | None = None,
        failure: Failure | None = None,
        inner: Sequence[str] | None = None,
        skipped: str | None = None,
        wait_limit_ms: int | None = 0,
    ) -> Script:
        (statement,) = split_statements(sql, file="1_a.sql")
        before = self.steps[-1].after if self.steps else self.start
        self.steps.append(
            Traced(
                file="1_a.sql",
                statement=statement,
                transaction=transaction,
                observation=Observation(
                    locks=tuple(HeldLock(oid=oid, mode=mode) for oid, mode in locks),
                    in_transaction=open_behind,
                    failure=failure,
                    mark=after,
                    inner=None if inner is None else tuple(inner),
                    wait_limit_ms=wait_limit_ms,
                ),
                before=before,
                after=after or before,
                rules=self.rules,
                skipped=skipped,
            )
        )
        return self

    def trace(self) -> Trace:
        return Trace(
            start=self.start,
            statements=tuple(self.steps),
            transactions=max((step.transaction for step in self.steps), default=0),
        )
