"""Every example of the catalogue of hazards, executed: the bad one is found, the good one is not, and the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import lockage
from lockage.core.forecast.hazards.kinds import Example, HazardKind
from lockage.interfaces.hazard_page import Shown, Stage, page, stage
from lockage.interfaces.hazards import hazard_kinds

pytestmark = [pytest.mark.real, pytest.mark.slow]

DOCUMENT = Path(lockage.__file__).parents[2] / "docs" / "hazards.md"
KINDS = hazard_kinds()
FIGURE = re.compile(r"(?:under )?[0-9.]+ (?:s|min|kB|MB|GB|TB)\b")
RENAMED = ("H001", "H004", "H012", "H020", "H051")


@pytest.fixture(scope="module")
def made() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture(scope="module")
def shown(made: Stage) -> dict[str, Shown]:
    return {one.code: one for one in made.shown()}


@pytest.mark.parametrize("code", KINDS)
def test_the_bad_example_is_found_and_the_good_one_is_not(code: str, shown: dict[str, Shown]) -> None:
    assert code in {hazard.code for hazard in shown[code].bad.hazards}
    assert code not in {hazard.code for hazard in shown[code].good.hazards}


def test_the_page_of_hazards_is_current(shown: dict[str, Shown]) -> None:
    # How long and how much is for the tests of durations: those figures grow better without a hazard being another.
    assert FIGURE.sub("#", DOCUMENT.read_text()) == FIGURE.sub("#", page(shown.values())), "make docs"


def renamed(kind: HazardKind) -> HazardKind:
    """The same with other names for its tables."""

    def new(text: str) -> str:
        text = re.sub(r"(?<!_)\b(public\.)?orders(?!_)\b", r"\1a_b_1", text)
        return re.sub(r"(?<!_)\b(public\.)?customers(?!_)\b", r'\1"Drop Table"', text)

    def of(example: Example) -> Example:
        files = {name: new(text) for name, text in example.files.items()}
        return msgspec.structs.replace(example, script=new(example.script), files=files, setup=new(example.setup))

    rows = {new(name).replace('"', ""): count for name, count in kind.rows.items()}
    return msgspec.structs.replace(kind, setup=new(kind.setup), rows=rows, bad=of(kind.bad), good=of(kind.good))


@pytest.mark.parametrize("code", RENAMED)
def test_what_tables_are_called_changes_no_hazard(code: str, made: Stage, shown: dict[str, Shown]) -> None:
    kind = renamed(KINDS[code])
    other = made.forecast(kind, kind.bad)
    assert [(h.code, h.severity, h.line) for h in other.hazards] == [
        (h.code, h.severity, h.line) for h in shown[code].bad.hazards
    ]
