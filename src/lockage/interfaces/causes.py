"""The catalogue of causes: what a diagnosis, ``lockage explain F017`` and ``docs/causes.md`` say of each.

Not for rules (``core.diagnosis.families``). The surprising thing: a cause is data, one TOML file a family in
``lockage/causes``, and a test finds every code that a rule gives and no file explains, and the other way round.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache

import msgspec

from lockage.core.diagnosis.findings import Cause
from lockage.core.diagnosis.sources import SOURCES, in_words
from lockage.interfaces.catalogue import Catalogue, Fault, one_line

CODE = re.compile(r"F\d{3}", re.ASCII)


class CauseEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One cause as ``lockage explain --json`` prints it."""

    schema: str = "lockage.cause/1"
    code: str
    cause: Cause


def _faults(family: str, cause: Cause) -> Iterator[Fault]:
    if cause.family != family:
        yield "family", f"the file's name, {family}, got {cause.family!r}"
    for source in cause.shows_in:
        if source not in SOURCES:
            yield "shows_in", f"fields of the evidence, got {source!r}"
    for name in ("title", "symptom", "why", "remedy", "prevention"):
        if not getattr(cause, name).strip():
            yield name, "a text"


CATALOGUE = Catalogue(folder="causes", entry=Cause, code=CODE, such_as="F017", faults=_faults, error="LK615")


@cache
def causes() -> Mapping[str, Cause]:
    """The whole catalogue, by code, in order. Raises ``LockageError`` (LK615) where a file of it is not valid."""
    return CATALOGUE.entries()


# --- the page ---------------------------------------------------------------------------------------------------------


def as_markdown() -> str:
    """The page ``docs/causes.md``."""
    catalogue = causes()
    families = dict.fromkeys(cause.family for cause in catalogue.values())
    lines = [
        "# Causes",
        "",
        "Rendered from `src/lockage/causes/*.toml` (`make docs`); do not edit. `lockage explain CODE` says the same.",
        "",
        "`lockage diagnose` names these causes, each with the evidence it was seen by, how sure it is, and the next command.",
        "What it does not find is ruled out only where everything in which it would show was seen.",
        "",
        "| code | cause | family |",
        "|---|---|---|",
        *(f"| [{code}](#{code.lower()}) | {cause.title} | {cause.family} |" for code, cause in catalogue.items()),
        "",
    ]
    for family in families:
        lines += [f"## {family[:1].upper()}{family[1:]}", ""]
        for code, cause in catalogue.items():
            if cause.family == family:
                lines += [*_section(code, cause, catalogue), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(code: str, cause: Cause, catalogue: Mapping[str, Cause]) -> Iterator[str]:
    yield f"### {code}"
    yield ""
    yield f"**{cause.title[:1].upper()}{cause.title[1:]}**"
    for name, text in described(cause):
        yield ""
        yield f"*{name}.* {text}"
    if cause.because_of:
        yield ""
        links = (f"[{other}](#{other.lower()}) {catalogue[other].title}" for other in cause.because_of if other in catalogue)
        yield f"*May follow from.* {'; '.join(links)}."


def described(cause: Cause) -> Iterator[tuple[str, str]]:
    """What there is to say of a cause, by heading, without what it may follow from."""
    yield "Symptom", one_line(cause.symptom)
    if cause.shows_in:
        yield "Evidence", f"It shows in {in_words(cause.shows_in)}."
    yield "Why", one_line(cause.why)
    yield "Remedy", one_line(cause.remedy)
    yield "Prevention", one_line(cause.prevention)
    if cause.call_vendor:
        yield "Vendor", "The diagnosis says to call the vendor, with the text for the ticket."
    if cause.source:
        yield "Source", one_line(cause.source)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
