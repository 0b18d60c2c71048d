"""The catalogue of hazards: what a forecast, ``lockage explain H010`` and ``docs/hazards.md`` say of each.

Not for rules (``core.forecast.hazards``). The surprising thing: a hazard's words are data, one TOML file a family in
``lockage/hazards``, and a test finds every code that a rule gives and no file explains, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import msgspec

from lockage.core.forecast.hazards.find import HazardQuestion
from lockage.core.forecast.hazards.kinds import Established, Example, HazardKind
from lockage.core.forecast.production import Production
from lockage.core.migration.applied import Applied
from lockage.interfaces.catalogue import Catalogue, Fault, one_line

CODE = re.compile(r"H\d{3}", re.ASCII)

HOW: Mapping[Established, str] = {
    Established.EXECUTION: "the statements were executed on a shadow, and what they did was read",
    Established.CATALOG: "read in the catalog",
    Established.SETTINGS: "worked out from sizes and from what the server says of itself",
    Established.FILES: "the files were compared with the migrator's ledger",
}


class HazardEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One hazard as ``lockage explain --json`` prints it."""

    schema: str = "lockage.hazard/1"
    code: str
    hazard: HazardKind


def _faults(_: str, kind: HazardKind) -> Iterator[Fault]:
    for name in ("title", "why", "remedy"):
        if not getattr(kind, name).strip():
            yield name, "a text"
    for name, example in (("bad", kind.bad), ("good", kind.good)):
        if bool(example.script.strip()) is bool(example.files):
            yield name, "a script or files, and not both"


CATALOGUE = Catalogue(folder="hazards", entry=HazardKind, code=CODE, such_as="H010", faults=_faults, error="LK681")


@cache
def hazard_kinds() -> Mapping[str, HazardKind]:
    """The whole catalogue, by code, in order. Raises ``LockageError`` (LK681) where a file of it is not valid."""
    return CATALOGUE.entries()


def described(kind: HazardKind) -> Iterator[tuple[str, str]]:
    """What there is to say of a hazard, by heading, without its examples."""
    yield "Severity", f"{kind.severity}, as a rule"
    yield "Known by", HOW[kind.established]
    yield "Why", one_line(kind.why)
    yield "Remedy", one_line(kind.remedy)
    if kind.source:
        yield "Source", one_line(kind.source)


def example_lines(example: Example) -> Iterator[str]:
    """The SQL of an example; where it has several files, each under its name."""
    files = example.named_files()
    for name, text in files.items():
        if len(files) > 1 or example.format != "plain":
            yield f"-- {name}"
        yield from text.strip("\n").splitlines()


def hazard_question(
    url: str | None, *, password: Callable[[], str] | None = None, applied: Applied | None = None
) -> HazardQuestion:
    """What a forecast is to know of hazards: the catalogue, and what the server at ``url`` shows; None: there is none.

    ``password`` is asked for the connection's; ``applied`` is where the migrator's ledger stands. Raises what a failed login
    raises.
    """
    from lockage.interfaces.wiring import production_of  # noqa: PLC0415 - late: to explain a hazard needs no database

    return HazardQuestion(
        catalogue=hazard_kinds(),
        production=Production() if url is None else production_of(url, password=password),
        applied=applied or Applied(version=0),
    )
