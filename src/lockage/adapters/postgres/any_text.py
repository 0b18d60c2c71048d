"""Text of a server that is not in the encoding that it should be in, read all the same.

Not for writing any. The surprising thing: a database in UTF-8 may show bytes that are none. Names of roles and databases, and
statements of other sessions, come as they were typed in a database of another encoding; and one that is called SQL_ASCII has
no encoding at all.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader

CLIENT_ENCODING = "UTF8"
"""How all of our sessions are opened: a setting of database, role or environment would choose one that lacks characters."""

NO_ENCODING = "SQL_ASCII"
"""What PostgreSQL calls a database whose texts are bytes, of which it knows nothing."""

_TYPES = ("text", "varchar", "bpchar", "name", '"char"')


def in_some_encoding(data: bytes) -> str:
    """The bytes as UTF-8 where they are, else as LATIN1, which all bytes are."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def dump_in_utf8(dump: bytes) -> bytes:
    """A dump of a database without an encoding, as if it were one in UTF-8; line by line as ``in_some_encoding``."""
    if not dump.isascii():
        dump = b"".join(in_some_encoding(line).encode() for line in dump.splitlines(keepends=True))
    said = f"SET client_encoding = '{NO_ENCODING}';".encode()
    return dump.replace(said, b"SET client_encoding = 'UTF8';", 1)


def read_any_text(connection: psycopg.Connection[Any]) -> None:
    """Lets the session take every text that its server sends."""
    for name in _TYPES:
        connection.adapters.register_loader(name, _AnyText)
    if connection.info.parameter_status("server_encoding") == NO_ENCODING:
        # Such a server converts nothing, but refuses what would not be text to the client; as LATIN1 everything is.
        connection.execute("select pg_catalog.set_config('client_encoding', 'LATIN1', false)")


class _AnyText(Loader):
    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)

    def load(self, data: Buffer) -> str:
        return in_some_encoding(bytes(data))
