"""The catalogue of causes: valid, complete in both directions, spoken with one voice, and rendered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lockage
from lockage.core.diagnosis.sources import SOURCES
from lockage.errors import LockageError
from lockage.interfaces.causes import CATALOGUE, CODE, as_markdown, causes
from lockage.interfaces.cli.main import COMMANDS

SOURCE = Path(lockage.__file__).parent
DOCUMENT = SOURCE.parents[1] / "docs" / "causes.md"
KNOWN = causes()
TEXTS = ("title", "symptom", "why", "remedy", "prevention")
NAMES = ("GitOps", "PostgreSQL's")
TYPED = re.compile(r"\blockage ([a-z-]+)")


def codes_in_rules() -> Iterator[tuple[str, str]]:
    """(code, place) of each code that a rule, or the engine, may give."""
    for path in (SOURCE / "core" / "diagnosis").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value, f"{path.relative_to(SOURCE)}:{node.lineno}"


def test_every_code_of_a_rule_is_in_the_catalogue() -> None:
    assert {f"{code} at {place}" for code, place in codes_in_rules() if code not in KNOWN} == set()


def test_every_cause_of_the_catalogue_is_given_by_a_rule() -> None:
    assert set(KNOWN) - {code for code, _ in codes_in_rules()} == set()


def test_every_family_has_its_rules() -> None:
    modules = {path.stem for path in (SOURCE / "core" / "diagnosis" / "families").glob("*.py")} | {"unexplained"}
    assert {cause.family for cause in KNOWN.values()} <= modules


def test_what_a_cause_may_follow_from_is_in_the_catalogue_and_is_not_itself() -> None:
    for code, cause in KNOWN.items():
        assert set(cause.because_of) <= set(KNOWN), code
        assert code not in cause.because_of, code
        assert len(set(cause.because_of)) == len(cause.because_of), code


def test_what_is_ruled_out_by_a_rule_is_in_the_catalogue_and_every_source_is_one() -> None:
    for code, cause in KNOWN.items():
        assert set(cause.shows_in) <= set(SOURCES), code


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_a_cause_is_told_in_one_voice(code: str) -> None:
    cause = KNOWN[code]
    assert cause.title[0].islower() or cause.title.split()[0] in NAMES, cause.title
    assert not cause.title.endswith("."), "a title is a phrase"
    for name in TEXTS[1:]:
        text = getattr(cause, name)
        # Settings, fields and commands are written as they are typed, at the beginning too.
        first = text.split()[0]
        assert text[0].isupper() or text[0] in '`"' or "_" in first or "." in first or first == "kubectl", (name, text)
        assert text.endswith((".", '."', ".)")), (name, text)
        assert "  " not in text, (name, text)
    for text in (getattr(cause, name) for name in TEXTS):
        for typed in re.findall(r"`([^`]+)`", text):
            match = TYPED.match(typed)
            assert match is None or match[1] in COMMANDS, typed


def test_the_page_of_causes_is_current() -> None:
    assert DOCUMENT.read_text() == as_markdown(), "make docs"


VALID = """
[F001]
title = "t"
family = "x"
symptom = "S."
shows_in = []
why = "W."
remedy = "R."
prevention = "P."
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not toml", "x.toml"),
        (VALID.replace('family = "x"', 'family = "y"'), "family"),
        (VALID.replace("shows_in = []", 'shows_in = ["platform.moon"]'), "platform.moon"),
        (VALID.replace("F001", "G001"), "such as F017"),
        (VALID.replace('why = "W."', ""), "why"),
        (VALID.replace('why = "W."', 'why = " "'), "why"),
        (VALID + 'colour = "red"', "colour"),
    ],
)
def test_a_file_that_is_not_valid_is_named_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(LockageError, match=expected) as caught:
        CATALOGUE.read(text.encode(), file="x.toml")
    assert caught.value.code == "LK615"


def test_a_valid_file_is_read() -> None:
    assert CATALOGUE.read(VALID.encode(), file="x.toml")["F001"].title == "t"
