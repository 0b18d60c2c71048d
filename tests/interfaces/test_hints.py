"""Hints come out as they were written: none has the shape of a secret, which would be masked before it is printed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lockage
from lockage.core.redaction import mask_secrets

SOURCES = Path(lockage.__file__).parent


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression is made of, with ``X`` for what is put into them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (one.value if isinstance(one, ast.Constant) else "X" for one in node.values)
        yield "".join(map(str, parts))
    else:
        for below in ast.iter_child_nodes(node):
            if isinstance(below, ast.expr):
                yield from texts(below)


def hints() -> Iterator[tuple[str, str]]:
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.keyword) and node.arg == "hint"
            if named or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "hint"):
                value = node.value
                yield from ((f"{file.relative_to(SOURCES)}:{value.lineno}", text) for text in texts(value))


def test_no_hint_is_masked() -> None:
    found = list(hints())
    assert len(found) > 100
    assert [(place, text) for place, text in found if mask_secrets(text) != text] == []


@pytest.mark.parametrize("text", ["--database postgresql://USER:PASSWORD@HOST/x"])
def test_what_this_looks_for_would_be_masked(text: str) -> None:
    assert "***" in mask_secrets(text)
