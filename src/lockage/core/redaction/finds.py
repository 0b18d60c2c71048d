"""What a search for secrets gives: where in a text, of which kind, and what the secret is.

Not for searching. The surprising thing: a find says whether its value is worth looking for elsewhere too. ``token: expired`` is
masked where it stands, because a miss costs more than a word; but nobody would want every "expired" of a log to go with it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a token is called; the order is that of precedence, where two kinds are found in the same place."""

    PRIVATE_KEY = "private-key"
    JWT = "jwt"
    PASSWORD = "password"  # noqa: S105 - a kind, not a password
    TOKEN = "token"  # noqa: S105 - as above
    KEY = "key"
    COOKIE = "cookie"
    HASH = "hash"  # of a password
    SECRET = "secret"  # noqa: S105 - whatever a Secret or a variable held
    EMAIL = "email"
    ADDRESS = "ip"
    ENCODED = "encoded"  # base64 or hexadecimal of something secret
    VALUE = "value"  # a literal or parameter of a statement
    BODY = "body"  # of a routine


class Find(NamedTuple):
    """One secret in a text; ``start`` and ``end`` as slices have them."""

    start: int
    end: int
    kind: Kind
    value: str
    telling: bool = False  # to be looked for everywhere else


TOKEN = re.compile(r"\[(?:" + "|".join(kind.value for kind in Kind) + r")-[0-9a-f]{6}\]|\[value\]|\*\*\*")
"""What stands in the place of a secret."""

_TOKENS_ONLY = re.compile(rf"[\s\"'\\]*(?:(?:{TOKEN.pattern})[\s\"'\\]*)+")


def is_masked(text: str) -> bool:
    """Whether a text is nothing but tokens."""
    return _TOKENS_ONLY.fullmatch(text) is not None


def looks_random(value: str) -> bool:
    """Whether a value is so unlike a word that it may be looked for everywhere."""
    if len(value) < 6:
        return False
    mixed = sum(
        (
            any(c.islower() for c in value),
            any(c.isupper() for c in value),
            any(c.isdigit() for c in value),
            any(not c.isalnum() for c in value),
        )
    )
    return mixed >= 2 or len(value) >= 12


def lowered(text: str) -> str:
    """The text in small letters, each where it was: a few letters become longer otherwise."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
