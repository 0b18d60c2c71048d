"""The second look at finished files: it sees every encoding and shape, and drops nothing for a chance likeness."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from lockage.core.bundle.leaks import find_leak
from support.poisoned import (
    ENCODED,
    GIVEN,
    JWT,
    PASSWORD,
    PEM,
    SHAPED,
    b64,
)


@pytest.mark.parametrize("encoded", ENCODED.values(), ids=ENCODED.keys())
def test_the_second_look_sees_every_encoding(encoded: Callable[[str], str]) -> None:
    for secret in (PASSWORD, GIVEN):
        assert find_leak(f"before\n{encoded(secret)}\nafter", {secret}) is not None
        assert find_leak(f"before\n{encoded('something else')}\nafter", {secret}) is None


@pytest.mark.parametrize(
    "text", [JWT, PEM, json.dumps(PEM), b64(PEM), f"postgres://u:{SHAPED}@h/d", quote(f"amqp://u:{SHAPED}@h")]
)
def test_the_second_look_sees_shapes_that_nobody_has_named(text: str) -> None:
    assert find_leak(f"x {text} y", ()) is not None


def test_a_short_secret_drops_nothing_that_only_has_it_in_a_longer_word() -> None:
    assert find_leak("compass1ng by 123456789", {"pass1", "345678"}) is None
    assert find_leak("with pass1 refused", {"pass1"}) is not None
    assert find_leak("with 345678, refused", {"345678"}) is not None
