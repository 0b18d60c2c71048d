"""A recovery as people read it: why, which way, and each step with its reason, its SQL and its undoing.

Not for ``--json``. The surprising thing: what is destroyed is marked on its own line, so that nobody overlooks it at night.
"""

from __future__ import annotations

from rich.console import Console

from lockage.core.recovery.dirty import DirtyLedger
from lockage.core.recovery.steps import Direction, Recovery
from lockage.interfaces.cli.console import say


def show_recovery(found: Recovery, console: Console) -> None:
    """Print it."""
    cause = f" ({found.code})" if found.code else ""
    if found.direction is Direction.NONE and not found.steps:
        say(console, f"{found.deployment}: {found.because}; nothing to recover")
        return
    way = "the replicas are left as they are" if found.direction is Direction.NONE else str(found.direction)
    say(console, f"{found.deployment}: {way}, because {found.because}{cause}", style="bold")
    for warning in found.warnings:
        say(console, f"  note: {warning}", style="yellow")
    if found.restore_points is not None:
        say(console, f"  restore points: {found.restore_points.sentence}", style="dim")
    if found.dirty is not None:
        _show_dirty(found.dirty, console)
    for number, step in enumerate(found.steps, start=1):
        say(console, f"  {number}. {step.action}: {step.target}", style="red" if step.destructive else None)
        say(console, f"     why:  {step.reason}")
        for statement in step.sql:
            say(console, f"     sql:  {statement};")
        say(console, f"     undo: {step.undo}")


def _show_dirty(dirty: DirtyLedger, console: Console) -> None:
    say(console, f"  {dirty.table} says that migration {dirty.version} ({dirty.name}) is dirty; its statements:")
    for verdict in dirty.statements:
        text = " ".join(verdict.text.split())
        say(
            console,
            f"    {verdict.number}. line {verdict.line}, {verdict.verdict}: {text[:100]}{'…' if len(text) > 100 else ''}",
        )
        say(console, f"       {verdict.why}", style="dim")
        if verdict.query:
            say(console, f"       ask: {verdict.query};")
            say(console, f"            {verdict.means}", style="dim")
    for way in dirty.ways:
        say(console, f"  {'can' if way.possible else 'cannot'} {way.name}: {way.why}")
        for statement in way.sql if way.possible else ():
            say(console, f"       {' '.join(statement.split())};", style="dim")
        for lost in way.loses:
            say(console, f"       loses: {lost}", style="red")
    for assumption in dirty.assumptions:
        say(console, f"  assumed: {assumption}", style="yellow")
