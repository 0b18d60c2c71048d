"""Collects the plans that ``auto_explain`` reports as warnings, those of functions, DO blocks and triggers included.

Not for EXPLAIN: a statement is executed once, and planned as it was. The surprising thing: plans come at level WARNING, not
NOTICE, because many scripts set ``client_min_messages`` to ``warning`` to have peace.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from lockage.core.forecast.names import resolve
from lockage.core.forecast.ran import PLANS_LIMIT
from lockage.core.forecast.trace import CatalogMark
from lockage.core.migration.syntax import Name

_SETTINGS: Mapping[str, str] = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "warning",
    "auto_explain.log_verbose": "on",  # names the schema of each relation
    "client_min_messages": "warning",
}

PLANS_OFF = "SET LOCAL auto_explain.log_min_duration = -1"
PLANS_ON = "SET LOCAL auto_explain.log_min_duration = 0"
"""For the rest of a transaction, of a role that may (``may_switch_plans``)."""

_PARAMETERS_SINCE = 16
"""First major whose plans would hold the values of parameters."""

_MARK = "plan:\n"


def auto_explain_settings(major: int) -> Mapping[str, str]:
    """Gives what a session needs as start-up options, so that a script's RESET ALL or DISCARD ALL leaves it in force."""
    return {**_SETTINGS, "auto_explain.log_parameter_max_length": "0"} if major >= _PARAMETERS_SINCE else _SETTINGS


def may_switch_plans(session: psycopg.Connection[TupleRow]) -> bool:
    """Whether the role that the session has now may: a script may have taken one that may not."""
    return session.info.parameter_status("is_superuser") == "on"


def unplanned(session: psycopg.Connection[TupleRow], query: str) -> str:
    """One of our own queries, to be sent as one text, so that the server writes no plan of it, which takes a while.

    Where the role may not switch plans off they are written, and nobody collects them.
    """
    return f"{PLANS_OFF};\n{query};\n{PLANS_ON}" if may_switch_plans(session) else query


class PlanCollector:
    """A notice handler that keeps plans, in the order in which their statements ended."""

    def __init__(self) -> None:
        self._open = False
        self._plans: list[dict[str, Any]] = []

    def __call__(self, notice: errors.Diagnostic) -> None:
        """Takes one notice of the session."""
        text = notice.message_primary or ""
        if not self._open or len(self._plans) >= PLANS_LIMIT or not text.startswith("duration: ") or _MARK not in text:
            return
        try:
            plan = json.loads(text.split(_MARK, 1)[1])
        except ValueError:
            return  # a script's own notice that happens to look like one
        if isinstance(plan, dict) and "Plan" in plan:
            self._plans.append(cast("dict[str, Any]", plan))

    @contextmanager
    def kept(self) -> Generator[None]:
        """Keeps the plans that are reported inside the block, and not those of our own queries outside it."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def take(self) -> list[dict[str, Any]]:
        """Gives the plans kept since the last time."""
        taken, self._plans = self._plans, []
        return taken


def with_oids(plans: list[dict[str, Any]], marks: tuple[CatalogMark, ...]) -> tuple[Mapping[str, object], ...]:
    """Gives the plans with a ``Relation OID`` in every node that names a relation which the first fitting mark knows."""
    for plan in plans:
        for node in _nodes(plan["Plan"]):
            if "Relation Name" in node:
                name = Name(schema=node.get("Schema"), name=node["Relation Name"])
                for relation in next((found for mark in marks if (found := resolve(name, mark))), ())[:1]:
                    node["Relation OID"] = relation.oid
    return tuple(plans)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
    yield from node.get("Target Tables", ())
