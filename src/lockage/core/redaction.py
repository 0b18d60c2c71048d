"""Text without its secrets: passwords in URLs and connection strings, bearer tokens, values of telling names.

Not for deciding what is collected. The surprising thing: it works on any text, log lines and SQL included, so it rather
masks a harmless word than lets a password through; what it masks is replaced by ``***`` and keeps its name.
"""

from __future__ import annotations

import re

MASK = "***"

_URL_PASSWORD = re.compile(r"(:/{1,2}[^\s:/@]*):[^\s/]*@")
# A password may hold an @ itself, so everything up to the last one before the path goes.

_NAMED = re.compile(
    r"""(?ix) ( \b [\w-]* (?: password | passwd | pgpass | secret | token | api[_-]?key ) [\w-]*
            (?: ["']? \s* [=:] \s* | \s+ (?=') ) )  # name=, "name": and SQL's PASSWORD '…'
        ( '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | [^\s&'",;)}]+ )"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")


def mask_secrets(text: str) -> str:
    """The text with ``***`` in place of every password and token that it shows; masking twice changes nothing more."""
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _BEARER.sub(rf"\1 {MASK}", text)
