"""The blocking corpus: scripts of ``tests/corpus/blocking``, each with its name, and never with an answer.

The answer is measured (``blocking_truth``). A case begins with ``--! name``, behind which may stand ``[outside]``, for a script
that no transaction may enclose, ``[each]``, for one whose statements commit by themselves or between its own ``BEGIN`` and
``COMMIT``, and ``[18]``, for what needs that major. Below a line ``--=`` stands the same written out, for a procedure that
commits: that is then executed for the truth. Each folder below is a world of its own: another schema with other scripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lockage.core.forecast.assess import Forecast, Unknown
from lockage.core.migration.formats import plain
from lockage.core.migration.script import Migration
from lockage.core.migration.statement import split_statements
from lockage.flows.forecast import forecast_database
from lockage.ports import Shadows

FOLDER = Path(__file__).parents[1] / "corpus" / "blocking"

SCHEMA = (FOLDER / "schema.sql").read_text()

SHOP = ""
"""The world whose files lie in the folder itself."""

WORLDS = (SHOP, *sorted(path.parent.name for path in FOLDER.glob("*/schema.sql")))

_NO_CASES = {"schema.sql", "bulk.sql"}

_HEAD = re.compile(r"^--! (?P<name>[^\[\n]+?)(?P<marks>(?: \[\w+\])*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One script of the corpus."""

    kind: str  # the name of its file
    name: str
    text: str
    outside: bool = False  # each statement by itself, since it refuses a transaction
    each: bool = False  # each statement commits, or the script's own COMMIT does
    since_major: int = 0
    written_out: str = ""  # what is executed for the truth instead
    world: str = SHOP

    @property
    def statements(self) -> tuple[str, ...]:
        return tuple(statement.text for statement in split_statements(self.written_out or self.text, file=self.kind))

    @property
    def id(self) -> str:
        return f"{self.kind}: {self.name}"


def schema_of(world: str) -> str:
    """What a world's database is made of."""
    return (FOLDER / world / "schema.sql").read_text()


def cases(world: str = SHOP) -> tuple[Case, ...]:
    """All cases of a world, in the order of their files."""
    files = sorted((FOLDER / world).glob("*.sql"))
    return tuple(case for path in files if path.name not in _NO_CASES for case in _cases_of(path, world))


def _cases_of(path: Path, world: str) -> list[Case]:
    text = path.read_text()
    heads = list(_HEAD.finditer(text))
    found = []
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        marks = re.findall(r"\w+", head["marks"])
        body, _, written_out = text[head.end() : following.start() if following else len(text)].partition("\n--=\n")
        found.append(
            Case(
                kind=path.stem,
                name=head["name"],
                text=body.strip(),
                outside="outside" in marks,
                each="each" in marks,
                since_major=max((int(mark) for mark in marks if mark.isdigit()), default=0),
                written_out=written_out.strip(),
                world=world,
            )
        )
    return found


def forecast_of(case: Case, url: str, shadows: Shadows) -> Forecast:
    """The forecast of a case on the schema of a database."""
    migration = Migration(version=1, name="case", file="1_case.sql", text=case.text)
    return forecast_database(
        [migration],
        url=url,
        form=plain.FORMAT,
        shadows=shadows,
        narrate=lambda _: None,
        from_version=0,
        transaction="statement" if case.outside or case.each else "whole",
    )


def foretold(case: Case, url: str, shadows: Shadows) -> tuple[dict[str, str], tuple[Unknown, ...], dict[str, str]]:
    """Who waits for which relation, by the forecast, what it calls unknown, and who waits in any case."""
    forecast = forecast_of(case, url, shadows)
    said = {relation.relation: relation.blocks.value for relation in forecast.relations if relation.blocks.value != "none"}
    return said, forecast.unknown, {relation.relation: relation.surely.value for relation in forecast.relations}
