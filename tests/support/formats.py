"""Migrations of every format, from the corpora and from texts in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import Migration, read_migrations, select
from lockage.errors import UsageError

CORPUS = Path(__file__).parents[1] / "corpus" / "formats"
VALUES = {"table": "orders"}


def files_of(name: str) -> dict[str, bytes]:
    folder = CORPUS / name
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def corpus(name: str) -> tuple[Migration, ...]:
    form = format_named(name)
    return read_migrations(files_of(name), form=form, values=VALUES if form.variables else {})


def transactions(migrations: Sequence[Migration]) -> list[list[str]]:
    """The statements of a script as they commit together."""
    found: list[list[str]] = []
    for migration in migrations:
        for sent in migration.sent():
            texts = [statement.headline for statement in sent.statements]
            together = sent.sending.enclosed or not sent.sending.by_statement
            found += [texts] if together else [[text] for text in texts]
    return found


def read(form: str, files: Mapping[str, str], **values: str) -> tuple[Migration, ...]:
    return read_migrations({name: text.encode() for name, text in files.items()}, form=format_named(form), values=values)


def refused(form: str, text: str, *, file: str = "1_a.sql") -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(form, {file: text})
    assert caught.value.hint
    return caught.value


def chosen(
    migrations: Sequence[Migration], start: int | None, *, end: int | None = None, fresh: bool = True
) -> list[list[str]]:
    """The files that are applied already, and those of the script."""
    selection = select(migrations, from_version=start, to_version=end, fresh=fresh)
    return [[m.file for m in selection.applied], [m.file for m in selection.script]]
