"""The manual page of hazards, ``docs/hazards.md``: what a forecast says of the bad and the good example of each, executed.

Not for texts, which are the catalogue's. The surprising thing: it takes some seconds, since every example becomes a database on
a throw-away server, and a forecast of it is made as of any other.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.assess import Blocks, Forecast, Hazard
from lockage.core.forecast.hazards.find import HazardQuestion
from lockage.core.forecast.hazards.kinds import Example, HazardKind
from lockage.core.forecast.production import IndexUse, Production
from lockage.core.migration.applied import Applied
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.core.plan.wording import blocks_in_words
from lockage.flows.forecast import Beside, forecast_database
from lockage.flows.pending import applied_by_rows
from lockage.interfaces import wiring
from lockage.interfaces.hazards import described, example_lines, hazard_kinds

FAMILIES: Mapping[str, str] = {
    "H00": "Waiting",
    "H01": "Work over whole tables",
    "H02": "Indexes",
    "H03": "Room",
    "H04": "Failing",
    "H05": "The running release",
    "H06": "The migrator's ledger",
    "H07": "What is lost",
}
"""By the first letters of their codes."""

ROWS_SHOWN = 4
"""Relations of an example's table."""

AT_ONCE = 3
"""Examples at once: each waits for programs and servers most of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Both examples of a hazard with what a forecast says of them."""

    code: str
    bad: Forecast
    good: Forecast


class Stage:
    """A throw-away server on which examples become databases."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count(1)

    def shown(self) -> tuple[Shown, ...]:
        """Both examples of every hazard, forecast."""
        kinds = hazard_kinds()
        examples = [(kind, example) for kind in kinds.values() for example in (kind.bad, kind.good)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = list(pool.map(self.forecast, *zip(*examples, strict=True)))
        return tuple(Shown(code=code, bad=bad, good=good) for code, bad, good in zip(kinds, said[::2], said[1::2], strict=True))

    def forecast(self, kind: HazardKind, example: Example) -> Forecast:
        """What Lockage says of one example of a hazard."""
        form = format_named(example.format)
        files = {name: text.strip("\n").encode() for name, text in example.named_files().items()}
        migrations = read_migrations(files, form=form)
        with self._database(kind.setup, example.setup, lock_timeout=kind.lock_timeout) as url:
            applied, seen = Applied(version=0), wiring.production_of(url)
            if form.applied is not None:
                with closing(wiring.database(url)) as database:
                    applied = applied_by_rows(database, form.applied, migrations, files=files)
            production = _pretended(seen, example.production)
            question = HazardQuestion(catalogue=hazard_kinds(), production=production, applied=applied)
            return forecast_database(
                migrations,
                url=url,
                form=form,
                shadows=wiring.shadows(ledger=form.default_ledger),
                narrate=lambda _: None,
                from_version=applied.version,
                transaction=example.transaction,
                statements=example.statements,
                rows=kind.rows,
                beside=Beside(hazards=question),
            )

    @contextmanager
    def _database(self, *setup: str, lock_timeout: str) -> Generator[str]:
        database = f"example_{next(self._numbers)}"
        name = sql.Identifier(database)
        with psycopg.connect(self._server.url(), autocommit=True) as admin:
            admin.execute(sql.SQL("create database {} template template0").format(name))
            admin.execute(sql.SQL("alter database {} set lock_timeout = {}").format(name, sql.Literal(lock_timeout)))
            url = self._server.url(database)
            for text in (*setup, "analyze"):
                with psycopg.connect(url, autocommit=True) as session:
                    session.execute(text.encode())
            yield url
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


def _pretended(seen: Production, wanted: Production | None) -> Production:
    """What a throw-away server is, but for what the example says of its own. Its disk is the reader's, and no example's."""
    seen = replace(seen, free_disk_bytes=None)
    said = {field.name: getattr(wanted, field.name) for field in fields(Production)} if wanted else {}
    return replace(seen, **{name: value for name, value in said.items() if value is not None})


@contextmanager
def stage() -> Generator[Stage]:
    """A stage, for as long as the context lasts."""
    with throwaway() as server:
        yield Stage(server)


def page(shown: Iterable[Shown]) -> str:
    """The page, with what was shown of every hazard of the catalogue, in its order."""
    kinds = hazard_kinds()
    lines = [
        "# Hazards",
        "",
        "Rendered by `make docs` from `src/lockage/hazards/*.toml` and from forecasts of their examples, each executed on",
        "a real PostgreSQL; do not edit. `lockage explain CODE` says the same without the forecasts.",
        "",
        "`lockage forecast` names these dangers of a script, each with its place and its remedy; with `--fail-on` and `note`,",
        "`warning` or `error` it ends with exit code 5 where there is one as bad. None is guessed from a text or a name: the",
        "script was executed on a shadow, and what it did there, the catalog, the sizes and the server's settings tell.",
        "What has no rows, or is made by the script itself, holds up nobody and raises nothing. The database of an example",
        "ends every wait for a lock after two seconds (`lock_timeout`) but for that of H005, which would be told of each.",
        "",
        "| code | hazard | severity |",
        "|---|---|---|",
        *(f"| [{code}](#{code.lower()}) | {kind.title} | {kind.severity} |" for code, kind in kinds.items()),
        "",
    ]
    family = ""
    for one in shown:
        if FAMILIES[one.code[:3]] != family:
            family = FAMILIES[one.code[:3]]
            lines += [f"## {family}", ""]
        lines += [*_section(one, kinds[one.code]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(shown: Shown, kind: HazardKind) -> Iterator[str]:
    yield f"### {shown.code}"
    yield ""
    yield f"**{kind.title[:1].upper()}{kind.title[1:]}**"
    for name, text in described(kind):
        yield ""
        yield f"*{name}.* {text}"
    yield from _database_said(kind)
    yield from _example("Bad", kind.bad, shown.bad)
    yield from _example("Good", kind.good, shown.good)


def _database_said(kind: HazardKind) -> Iterator[str]:
    if kind.setup.strip():
        yield ""
        yield f"The database{_with_rows(kind.rows)}:"
        yield ""
        yield "```sql"
        yield from kind.setup.strip("\n").splitlines()
        yield "```"


def _with_rows(rows: Mapping[str, float]) -> str:
    said = [f"{count / 1e6:.0f} million rows in {relation.removeprefix('public.')}" for relation, count in rows.items()]
    return f", taken to have {' and '.join(said)}" if said else ""


def _example(name: str, example: Example, forecast: Forecast) -> Iterator[str]:
    yield ""
    yield f"{name}{_particular(example)}:"
    yield ""
    yield "```sql"
    if example.setup.strip():
        yield "-- before"
        yield from example.setup.strip("\n").splitlines()
        yield "-- the script"
    yield from example_lines(example)
    yield "```"
    yield ""
    yield from _who_waits(forecast)
    said = forecast.hazards
    yield ""
    yield "Lockage says:" if said else "Lockage names no hazard."
    if said:
        yield ""
        yield from (_hazard(hazard) for hazard in said)


def _particular(example: Example) -> str:
    said: list[str] = []
    if example.format != "plain":
        said.append(f"in the format of {format_named(example.format).name}")
    if example.statements:
        said.append(f"with {len(example.statements)} statements of the running release")
    if example.production is not None:
        given = {field.name: getattr(example.production, field.name) for field in fields(Production)}
        facts = ", ".join(f"`{key}` {_value(value)}" for key, value in given.items() if value is not None)
        said.append(f"on a server with {facts}")
    return f" ({'; '.join(said)})" if said else ""


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, IndexUse):
        return f"{value.index}: {value.scans} scans"
    return ", ".join(map(_value, value)) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - names


def _who_waits(forecast: Forecast) -> Iterator[str]:
    rows = [
        (relation.relation, blocks_in_words(relation.blocks), ", ".join(dict.fromkeys(lock.mode for lock in relation.locks)))
        for relation in forecast.relations
        if relation.blocks is not Blocks.NONE
    ]
    if not rows:
        yield "Nobody waits."
        return
    yield "| relation | who waits | locks |"
    yield "|---|---|---|"
    yield from (f"| {relation} | {who} | {modes or 'none of its own'} |" for relation, who, modes in rows[:ROWS_SHOWN])
    if len(rows) > ROWS_SHOWN:
        yield f"| and {len(rows) - ROWS_SHOWN} more | | |"


def _hazard(hazard: Hazard) -> str:
    where = f" ({hazard.file}:{hazard.line})" if hazard.file else ""
    return f"- {hazard.severity} **{hazard.code}**: {hazard.sentence}{where}"


def write(file: Path) -> None:
    """Run every example and write the page."""
    with stage() as made:
        text = page(made.shown())
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/hazards.md"))
