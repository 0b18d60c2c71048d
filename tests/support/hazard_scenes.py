"""Forecasts made by hand for the rules of hazards: a trace, how long each statement takes, and what is known of production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockage.core.facts import Relation
from lockage.core.forecast.assess import (
    Blocks,
    Forecast,
    LockTaken,
    MigrationRef,
    Operation,
    RelationForecast,
    Script,
    Seconds,
    StatementPlace,
    Stretch,
)
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen
from support.traces import Script as TraceScript

LONG = Seconds(low=20.0, likely=60.0, high=200.0)
SHORT = Seconds(low=0.001, likely=0.002, high=0.01)
UNKNOWN = Seconds(low=0.001, likely=0.002, high=None)

FILE = "1_a.sql"


def sized(**rows: float) -> Mapping[str, Relation]:
    """Production's sizes; names are of the schema public."""
    return {
        f"public.{name}": Relation(
            relation=f"public.{name}",
            kind="r",
            rows=count,
            heap_bytes=int(count * 100),
            index_bytes=int(count * 40),
            toast_bytes=0,
            indexes=2,
        )
        for name, count in rows.items()
    }


def blocked(
    name: str, blocks: Blocks, lasts_s: Seconds, *, mode: str | None = "AccessExclusiveLock", rows: float | None = 1000.0
) -> RelationForecast:
    """A relation of the schema public that is blocked once, by the statement in line 1."""
    lock = LockTaken(mode=mode or "ShareLock", file=FILE, line=1, statement="ALTER", transaction=1, blocks=blocks)
    nothing = Seconds(low=0.0, likely=0.0, high=0.0)
    stretch = Stretch(blocks=blocks, from_s=nothing, until_s=lasts_s, lasts_s=lasts_s, transaction=1, mode=mode)
    return RelationForecast(
        relation=f"public.{name}", locks=(lock,), blocks=blocks, blocked_s=lasts_s, rows=rows, stretches=(stretch,)
    )


def operation(kind: str, name: str, *, rows: float, seconds: Seconds = LONG, line: int = 1) -> Operation:
    return Operation(kind=kind, relation=f"public.{name}", file=FILE, line=line, rows=rows, seconds=seconds)


def scene(
    script: TraceScript | None = None,
    *,
    relations: Sequence[RelationForecast] = (),
    operations: Sequence[Operation] = (),
    seconds: Seconds = LONG,
    sizes: Mapping[str, Relation] | None = None,
    forecast: Mapping[str, Any] | None = None,
    **known: Any,
) -> Seen:
    """What the rules look at; every statement takes ``seconds``. ``forecast`` and ``known`` are further fields of both."""
    traced = script or TraceScript()
    made = Forecast(
        script=Script(migrations=(MigrationRef(version=1, name="a", file=FILE),)),
        relations=tuple(relations),
        operations=tuple(operations),
        unknown=(),
        broken=(),
        statements_checked=0,
        total_s=seconds,
        transactions=1,
        places=tuple(
            StatementPlace(file=step.file, line=step.statement.line, statement=step.statement.headline, seconds=seconds)
            for step in traced.steps
        ),
    )
    made = replace(made, **dict(forecast or {}))
    return Seen(trace=traced.trace(), forecast=made, rules=traced.rules, relations=sizes or {}, **known)


def told(found: Sequence[Found]) -> list[tuple[str, str | None, str | None]]:
    """(code, relation, severity where it is not the catalogue's) of each."""
    return [(one.code, one.relation, one.severity.value if one.severity else None) for one in found]
