"""The catalogue of hazards: valid, complete in both directions, and spoken with one voice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lockage
from lockage.errors import LockageError
from lockage.interfaces.cli.main import COMMANDS
from lockage.interfaces.hazard_page import FAMILIES
from lockage.interfaces.hazards import CATALOGUE, CODE, hazard_kinds

RULES = Path(lockage.__file__).parent / "core" / "forecast" / "hazards"
KNOWN = hazard_kinds()
TYPED = re.compile(r"\blockage ([a-z-]+)")


def codes_in_rules() -> Iterator[str]:
    for path in RULES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value


def test_rules_and_catalogue_know_the_same_codes() -> None:
    assert set(codes_in_rules()) == set(KNOWN)


def test_every_family_of_codes_has_its_heading() -> None:
    assert {code[:3] for code in KNOWN} == set(FAMILIES)


def test_what_fails_since_it_is_applied_already_names_the_option_that_says_so() -> None:
    assert "lockage forecast --from V" in KNOWN["H043"].remedy


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_a_hazard_is_told_in_one_voice(code: str) -> None:
    kind = KNOWN[code]
    assert kind.title[0].islower() or kind.title.startswith("SET NOT NULL"), kind.title
    assert not kind.title.endswith("."), "a title is a clause"
    for text in (kind.why, kind.remedy):
        assert text[0].isupper(), text
        assert text.endswith("."), text
        assert "  " not in text, text
        for typed in re.findall(r"`([^`]+)`", text):
            match = TYPED.match(typed)
            assert match is None or match[1] in COMMANDS, typed


VALID = """
[H001]
title = "t"
severity = "note"
established = "catalog"
why = "W."
remedy = "R."
bad.script = "SELECT 1"
good.script = "SELECT 2"
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not toml", "x.toml"),
        (VALID.replace("H001", "F001"), "such as H010"),
        (VALID.replace('severity = "note"', 'severity = "dreadful"'), "dreadful"),
        (VALID.replace('established = "catalog"', 'established = "name"'), "name"),
        (VALID.replace('why = "W."', 'why = " "'), "why"),
        (VALID.replace('bad.script = "SELECT 1"', 'bad.script = ""'), "bad: expected a script"),
        (VALID + 'colour = "red"', "colour"),
    ],
)
def test_a_file_that_is_not_valid_is_named_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(LockageError, match=expected) as caught:
        CATALOGUE.read(text.encode(), file="x.toml")
    assert caught.value.code == "LK681"


def test_a_valid_file_is_read() -> None:
    assert CATALOGUE.read(VALID.encode(), file="x.toml")["H001"].good.named_files() == {"1_change.sql": "SELECT 2"}
