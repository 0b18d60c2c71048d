"""A plan as a runbook: every step as the commands that a person would type, with this deployment's names.

Not for carrying out. The surprising thing: the SQL stands in the template, not among the adapters' queries, because it is text
for people, who see a table where a program needs a record; a test runs every statement of it on a real server.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

import jinja2

from lockage.core.facts import Probe
from lockage.core.plan.dialect import Command, Commands, Dialect, Wish
from lockage.core.plan.steps import Plan
from lockage.core.plan.wording import ledger_in_words, probe_in_words, range_in_words, step_in_words, step_name
from lockage.core.release.profile import Profile
from lockage.core.wording import counted, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryLock:
    """An advisory lock as ``pg_locks`` shows it. Source: PostgreSQL 18, view-pg-locks."""

    classid: int  # high 32 bits of the key
    objid: int  # low 32 bits


def runbook(plan: Plan, profile: Profile, dialect: Dialect) -> str:
    """The runbook as Markdown. It holds no secret: the database's address is a variable that the reader sets."""
    return _template().render(
        plan=plan,
        profile=profile,
        dialect=dialect,
        lock=_advisory_lock(profile.migrations.advisory_lock),
        major=plan.facts.database_major if plan.facts else None,
        application=_like(profile.workload.application_name),
    )


def _advisory_lock(key: int | None) -> AdvisoryLock | None:
    if key is None:
        return None
    unsigned = key % 2**64
    return AdvisoryLock(classid=unsigned >> 32, objid=unsigned % 2**32)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lockage.core.plan"),
        autoescape=False,  # noqa: S701 - Markdown, not HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(  # pyright: ignore[reportUnknownMemberType]  # jinja2 does not say what a filter is
        shell=_shell,
        wish=_wish,
        sql=_literal,
        regclasses=_regclasses,
        duration=duration,
        range=range_in_words,
        words=step_in_words,
        name=step_name,
        probe=probe_in_words,
        counted=counted,
        ledger=ledger_in_words,
    )
    return environment.get_template("runbook.md.j2")


def _shell(commands: Command | Commands) -> str:
    """A command, or several, as lines to be typed."""
    several = commands if commands and isinstance(commands[0], tuple) else (commands,)
    return "\n".join(shlex.join(cast("Command", command)) for command in several)


class _Asking(Protocol):
    """A step that asks for a revision."""

    @property
    def release(self) -> str: ...
    @property
    def replicas(self) -> int: ...
    @property
    def liveness(self) -> Probe | None: ...


def _wish(step: _Asking) -> Wish:
    return Wish(release=step.release, replicas=step.replicas, liveness=step.liveness)


def _literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _regclasses(relations: Sequence[str]) -> str:
    """``schema.name`` of each as an argument of ``to_regclass``, quoted so that any name is found."""
    quoted = [".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in name.split(".", 1)) for name in relations]
    return ", ".join(f"to_regclass({_literal(name)})" for name in quoted)


def _like(application_name: str) -> str:
    """A LIKE pattern for the application names of all replicas."""
    escaped = application_name.replace("\\", r"\\").replace("_", r"\_").replace("%", r"\%")
    return escaped.replace("{replica}", "%")
