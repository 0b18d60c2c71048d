"""All migration formats by name, and which one a folder's files are in.

Not for describing a format: each has a module of its own. The surprising thing: a folder of golang-migrate's files also fits
the plain naming, and one of goose's too, so the more particular format is tried first.

Codes: LK402 nothing there · LK406 an unknown format · LK650 no format fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lockage.core.migration.formats import (
    dbmate,
    diesel,
    flyway,
    golang_migrate,
    goose,
    plain,
    pop,
    prisma,
    sql_migrate,
    sqlx,
)
from lockage.core.migration.formats.format import Format
from lockage.core.migration.formats.places import likeliest_folder
from lockage.core.wording import listed
from lockage.errors import UsageError

FORMATS: Mapping[str, Format] = {
    fmt.name: fmt
    for fmt in (
        prisma.FORMAT,
        diesel.FORMAT,
        flyway.FORMAT,
        goose.FORMAT,
        pop.FORMAT,
        dbmate.FORMAT,
        sql_migrate.FORMAT,
        sqlx.FORMAT,
        golang_migrate.FORMAT,
        plain.FORMAT,
    )
}
"""In the order in which they are tried."""


def format_named(name: str) -> Format:
    """The format of that name. Raises ``UsageError`` (LK406)."""
    if name not in FORMATS:
        raise UsageError(f"no migration format is called {name}", code="LK406", hint="one of: " + ", ".join(FORMATS))
    return FORMATS[name]


def ledger_names() -> tuple[str, ...]:
    """What the migrators of the formats call the table of what they have applied, without a schema."""
    tables = (table for form in FORMATS.values() for table in (form.default_ledger, form.applied and form.applied.table))
    return tuple(dict.fromkeys(table.rpartition(".")[2] for table in tables if table))


def format_of(files: Mapping[str, bytes], *, folder: str = "the folder") -> Format:
    """The format that the files fit, by their names and by what is in them; files directly in the folder decide first.

    Raises ``UsageError``: LK402 where there is no file at all; LK650 where none fits, saying why each was refused.
    """
    direct = {name: data for name, data in files.items() if "/" not in name}
    for those in (direct, files):
        for form in FORMATS.values():
            if objection(form, those) is None:
                return form
    if not files:
        raise UsageError(
            f"no migration in {folder}: it holds no file that could be one",
            code="LK402",
            hint="give the folder that holds the migration files",
        )
    why = "\n".join(f"  {form.name}: {objection(form, files)}" for form in FORMATS.values())
    raise UsageError(
        f"no migration in {folder}: its {len(files)} {'file fits' if len(files) == 1 else 'files fit'} no known format\n{why}",
        code="LK650",
        hint=_nearer(files) or "give the folder that holds the files, or say how they are named: --format FORMAT",
    )


_OF_NO_MIGRATION = re.compile(r"(?:^|[._/-])(?:down|undo|rollback|revert)\.sql$|^U[0-9]", re.IGNORECASE)


def overlooked(form: Format, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """A sentence about SQL files beside the migrations that another format would take for some; none where there are none."""
    if form is pop.FORMAT:
        return ()  # what it leaves out is for other databases
    names = [
        name
        for name in sorted(files)
        if name.endswith(".sql") and not form.named(name) and not _OF_NO_MIGRATION.search(name)
        if any(other.named(name) for other in FORMATS.values())
    ]
    said = f"files beside the migrations that are not named as {form.name} wants it are left out: {listed(names, most=3)}"
    return (said,) if names else ()


def _nearer(files: Mapping[str, bytes]) -> str | None:
    """Where in the folder there are migrations after all."""
    place = likeliest_folder(files, FORMATS.values())
    return f"its folder {place} has files that could be: --path {place}" if place else None


def objection(form: Format, files: Mapping[str, bytes]) -> str | None:
    """Why the files are not in the format; None: they are."""
    if not any(form.named(name) for name in files):
        return f"no file is named {form.naming}"
    return form.objection(files)
