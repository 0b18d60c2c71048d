"""What of an application's variables is secret: the passwords in them, and everything that a Secret gives.

Not for texts. The surprising thing: charts keep the host and the user of a database in a Secret as well, and masking those
everywhere would make every log unreadable; they are known by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from lockage.core.redaction.finds import Kind
from lockage.core.redaction.named import is_harmless, is_telling, kind_of_name
from lockage.core.redaction.records import is_open
from lockage.core.redaction.redaction import Redaction

_PLACE = re.compile(
    r"(?i)(?:\A|[_.-])(?:host|hostname|server|addr|address|port|user|username|login|db|dbname|database|name|namespace|schema|sslmode"
    r"|ssl_mode|region|zone|endpoint|bucket|ca|ca[_.-]?crt|tls[_.-]?crt|crt|cert|certificate|public[_.-]?key|ca\.pem|url|uri)\Z"
)


def learn_variable(redaction: Redaction, *, name: str, value: str, secret: bool) -> None:
    """Keep in mind what is secret in a variable; ``secret``: it is from a Secret."""
    redaction.learn(f"{name}={value}" if "\n" not in value else value)
    if is_telling(name) and not is_harmless(value, name=name):
        learn_value(redaction, value, kind_of_name(name))
    elif secret and not (_PLACE.search(name) or is_open(value)) and "://" not in value:
        learn_value(redaction, value, Kind.SECRET)


def learn_value(redaction: Redaction, value: str, kind: Kind = Kind.SECRET) -> None:
    """Keep a value in mind, and what it reads when it is decoded as a URL has it."""
    for one in dict.fromkeys((value, value.strip(), unquote(value))):
        redaction.know(one, kind)


def learn_addresses(redaction: Redaction, addresses: Iterable[str]) -> None:
    """Keep the passwords of database addresses in mind, of either form."""
    for address in addresses:
        redaction.learn(address)
        for password in _passwords(address):
            learn_value(redaction, password, Kind.PASSWORD)


def _passwords(address: str) -> Iterable[str]:
    _, scheme, rest = address.partition("://")
    if scheme:
        userinfo, at, _ = rest.partition("/")[0].rpartition("@")
        if not at:
            userinfo, at, _ = rest.rpartition("@")
        _, colon, password = userinfo.partition(":")
        if at and colon and password:
            yield password
    yield from (found.group(1) for found in re.finditer(r"(?i)[?&](?:ssl)?password=([^&#]+)", address))
    yield from (
        found.group(1).replace("\\'", "'").replace("\\\\", "\\")
        for found in re.finditer(r"(?i)\b(?:ssl)?password\s*=\s*'((?:[^'\\]|\\.)*)'", address)
    )
    if not scheme:
        yield from (found.group(1) for found in re.finditer(r"(?i)\b(?:ssl)?password\s*=\s*([^'\s]\S*)", address))
