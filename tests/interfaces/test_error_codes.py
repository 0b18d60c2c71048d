"""Every code that the source uses is explained once, under the class that raises it, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lockage
from lockage.errors import LockageError
from lockage.interfaces.error_codes import AREAS, CLASSES, as_markdown, error_codes

SOURCE = Path(lockage.__file__).parent
DOCUMENT = SOURCE.parents[1] / "docs" / "errors.md"
CODE = re.compile(r"LK\d{3}")


def string_literals() -> Iterator[tuple[str, str]]:
    """(code, place) of each string in the source that is a code; docstrings and messages do not count."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value, f"{path.relative_to(SOURCE)}:{node.lineno}"


def families() -> dict[str, str]:
    """The class of failure that each error class of an adapter's own belongs to."""
    bases: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and isinstance(node.bases[0], ast.Name):
                bases[node.name] = node.bases[0].id
    known = {cls.__name__ for cls in CLASSES.values()}

    def family(name: str) -> str:
        return name if name in known else family(bases[name]) if name in bases else ""

    return {name: family(name) for name in bases if family(name)}


def raised() -> Iterator[tuple[str, str, str]]:
    """(code, class, place) of each error that is made with a literal code."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                        yield str(keyword.value.value), node.func.id, f"{path.relative_to(SOURCE)}:{node.lineno}"


def test_every_code_in_the_source_is_explained() -> None:
    explained = {entry.code for entry in error_codes()}
    assert {f"{code} at {place}" for code, place in string_literals() if code not in explained} == set()


def test_every_code_that_is_explained_is_used() -> None:
    used = {code for code, _ in string_literals()}
    assert {entry.code for entry in error_codes()} - used == set()


def test_a_code_is_explained_once_under_the_class_that_raises_it() -> None:
    classes = {entry.code: CLASSES[entry.group].__name__ for entry in error_codes()}
    family = families()
    wrong = {
        f"{code} is {name} at {place}, {classes[code]} in the table"
        for code, name, place in raised()
        if classes.get(code, name) != family.get(name, name)
    }
    assert wrong == set()
    assert len(classes) == len(error_codes())


def test_every_code_belongs_to_an_area_and_every_meaning_is_a_sentence() -> None:
    for entry in error_codes():
        assert entry.code[:3] in AREAS, entry.code
        assert CODE.fullmatch(entry.code)
        assert entry.meaning.endswith("."), entry.code
        assert "|" not in entry.meaning, entry.code


def test_every_class_of_failure_has_its_heading() -> None:
    def all_below(cls: type[LockageError]) -> set[type[LockageError]]:
        of_the_table = (sub for sub in cls.__subclasses__() if sub.__module__ == LockageError.__module__)
        return {cls}.union(*(all_below(sub) for sub in of_the_table))

    # An adapter's own kinds of a failure exit as that failure does.
    own = {cls for cls in all_below(LockageError) if cls.__module__ == LockageError.__module__}
    assert set(CLASSES.values()) == own


def test_the_page_of_error_codes_is_current() -> None:
    assert DOCUMENT.read_text() == as_markdown(), "make docs"
