"""A recovery as a runbook: every step as the commands that a person would type, with this deployment's names.

Not for carrying out. The surprising thing: a backend is ended by its pid *and* its start, because between reading and typing
another session may have got that pid.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from lockage.core.plan.dialect import Command, Dialect, Wish
from lockage.core.recovery.steps import Recovery, RecoveryStep

DATABASE = "DATABASE_URL"
"""Variable that the reader sets to the database's address."""

LIMIT_S = 600.0
"""How long the runbook's own waits last."""


def recovery_runbook(found: Recovery, dialect: Dialect) -> str:
    """The runbook as Markdown. It holds no secret: the database's address is a variable that the reader sets."""
    lines = [f"# Recover {found.deployment} on {dialect.title}", "", f"{found.because}.", ""]
    for warning in found.warnings:
        lines += [f"> {warning}", ""]
    lines += ["```sh", f"export {DATABASE}=…  # as the replicas have it", *dialect.settings(DATABASE)]
    lines += [*map(shlex.join, dialect.look(found.deployment)), "```", ""]
    for number, step in enumerate(found.steps, start=1):
        lines += [f"## {number}. {step.action}: {step.target}", "", f"Why: {step.reason}.", f"Undo: {step.undo}.", ""]
        commands = list(_commands(step, found, dialect))
        if commands:
            lines += ["```sh", *commands, "```", ""]
    lines += ["## At the end", "", "```sh", f"lockage verify {shlex.quote(found.deployment)}", "```"]
    if found.vendor:
        lines += ["", f"If this does not help: {found.vendor}."]
    return "\n".join(lines) + "\n"


def _commands(step: RecoveryStep, found: Recovery, dialect: Dialect) -> Iterator[str]:
    name = found.deployment
    match step.action:
        case "take-down" | "scale":
            replicas = step.replicas or 0
            yield shlex.join(dialect.scale(name, replicas))
            waits = dialect.await_ready(name, limit_s=LIMIT_S) if replicas else dialect.await_left(name, 0, limit_s=LIMIT_S)
            yield from map(shlex.join, waits)
        case "roll-out" | "raise":
            wish = Wish(release=step.release or "", replicas=step.replicas or 1, liveness=step.liveness)
            yield from dialect.rehearse(name, wish)
            yield shlex.join(dialect.roll_out(name, wish))
            yield from map(shlex.join, dialect.await_ready(name, limit_s=LIMIT_S))
        case "mark-failed" if step.revision is not None:
            yield from dialect.mark_failed(step.revision)
        case "cancel":
            yield _signal("pg_cancel_backend", step)
        case "terminate" | "end-orphan":
            yield _signal("pg_terminate_backend", step)
        case "wait" if step.pid is not None:
            yield _psql(f"select state, now() - xact_start, query from pg_stat_activity where pid = {step.pid}")  # noqa: S608
        case _ if step.sql:
            statements = ["BEGIN", *step.sql, "COMMIT"] if step.together and len(step.sql) > 1 else step.sql
            yield _psql(*statements)
        case _:
            return


def _signal(function: str, step: RecoveryStep) -> str:
    start = step.backend_start.isoformat() if step.backend_start else ""
    return _psql(f"select {function}(pid) from pg_stat_activity where pid = {step.pid} and backend_start = '{start}'")  # noqa: S608


def _psql(*statements: str) -> str:
    command: Command = ("psql", "-v", "ON_ERROR_STOP=1", *(word for each in statements for word in ("-c", each)))
    return f'{shlex.join(command)} "${DATABASE}"'
