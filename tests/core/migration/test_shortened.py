"""Statements as long as people read them."""

from __future__ import annotations

from lockage.core.migration.shortened import shortened


def test_a_text_comes_on_one_line() -> None:
    assert shortened("a\n\n  b", most=3) == "a b"


def test_a_longer_text_ends_in_an_ellipsis() -> None:
    assert shortened("abcdef", most=6) == "abcdef"
    assert shortened("abcdefg", most=6) == "abcde…"
