"""What names a person or a machine: addresses of e-mail, and of IP where that is asked for.

Not for secrets proper. The surprising thing: the user of a database address (``postgres://app@db.example``) looks like an
e-mail address, and is none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from lockage.core.redaction.finds import Find, Kind

_EMAIL = re.compile(r"(?<![\w.+/%=&-])[\w.+%-]*[\w+-]@(?:[\w-]+\.)+(?P<top>[A-Za-z]{2,24})(?![\w-])")
_EMAIL_VALUE = re.compile(r"(?<=[=&])[\w.+%-]*[\w+-]@(?:[\w-]+\.)+(?P<top>[A-Za-z]{2,24})(?![\w-])")
_IN_URL = re.compile(r"://[^\s/@]*:\Z")  # what follows is a password, and is found as one
_NO_TOPS = ("service", "socket", "timer", "slice", "mount", "target", "scope")
"""What systemd's units end with: ``user@1000.service``."""

_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")


def emails(text: str) -> Iterator[Find]:
    """Every e-mail address."""
    if "@" not in text:
        return
    for pattern in (_EMAIL, _EMAIL_VALUE):
        for found in pattern.finditer(text):
            in_url = _IN_URL.search(text, max(0, found.start() - 80), found.start()) is not None
            if found["top"].lower() not in _NO_TOPS and not in_url:
                yield Find(found.start(), found.end(), Kind.EMAIL, found[0])


def ip_addresses(text: str) -> Iterator[Find]:
    """Every IP address but those that are the same everywhere: of loopback, and "any"."""
    for pattern in (_V4, _V6):
        for found in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(found[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified):
                yield Find(found.start(), found.end(), Kind.ADDRESS, found[0])
