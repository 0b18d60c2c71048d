"""A way to an encrypted database for programs that cannot encrypt: the embedded ``pg_dump`` is built without TLS.

Not a proxy that reads along: it only moves bytes between a Unix socket, which nobody but us can reach, and one TLS connection
for each client. The surprising thing: without it ``pg_dump`` would not fail where the server permits plain connections, it
would have the schema sent in the clear, where our own session is encrypted.

Codes: LK424 the encrypted way cannot be opened.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lockage.errors import RefusedError

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""Source: PostgreSQL 18 manual, 54.7 "Message Formats", SSLRequest."""

CONNECT_LIMIT_S = 10.0
"""Longest wait for the server and its handshake; our own session has just had both."""

_PORT = 5432
_BLOCK_BYTES = 65536


@contextmanager
def relay(host: str, port: int, parameters: Mapping[str, str]) -> Generator[Path]:
    """Gives a folder that a client names as its host (port 5432), and that leads to ``host``:``port`` over TLS.

    ``parameters`` are libpq's (``hostaddr``, ``sslmode``, ``sslrootcert``, ``sslcert``, ``sslkey``, …) and mean what they mean
    there.
    Raises RefusedError (LK424) where their files cannot be used.
    """
    context = _context(parameters)
    folder = Path(tempfile.mkdtemp(prefix="lk-r-", dir="/tmp"))  # of our own, and short enough for a socket
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / f".s.PGSQL.{_PORT}"))
            listener.listen()
            stop_reader, stop_writer = os.pipe()
            worker = threading.Thread(
                target=_serve,
                args=(listener, stop_reader, context, host, (parameters.get("hostaddr") or host, port)),
                name="lockage-relay",
                daemon=True,
            )
            worker.start()
            try:
                yield folder
            finally:
                os.close(stop_writer)
                worker.join()
                os.close(stop_reader)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(listener: socket.socket, stop: int, context: ssl.SSLContext, host: str, address: tuple[str, int]) -> None:
    # One client after another is enough: pg_dump opens one connection.
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(stop, selectors.EVENT_READ)
        while all(key.fd != stop for key, _ in selector.select()):
            client, _ = listener.accept()
            # The client learns of a failure as a connection that was closed, and says so.
            with client, contextlib.suppress(OSError), _encrypted(context, host, address) as server:
                _pump(client, server, stop)


@contextmanager
def _encrypted(context: ssl.SSLContext, host: str, address: tuple[str, int]) -> Generator[ssl.SSLSocket]:
    with socket.create_connection(address, timeout=CONNECT_LIMIT_S) as plain:
        plain.sendall(SSL_REQUEST)
        if plain.recv(1) != b"S":
            raise ConnectionError("the server does not encrypt")
        with context.wrap_socket(plain, server_hostname=host) as server:
            yield server


def _pump(client: socket.socket, server: ssl.SSLSocket, stop: int) -> None:
    with selectors.DefaultSelector() as selector:
        for side in (client, server, stop):
            selector.register(side, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if stop in ready:
                return
            for source, target in ((client, server), (server, client)):
                if source.fileno() not in ready:
                    continue
                data = source.recv(_BLOCK_BYTES)
                # TLS may hold more than the socket shows.
                while isinstance(source, ssl.SSLSocket) and source.pending():
                    data += source.recv(_BLOCK_BYTES)
                if not data:
                    return
                target.sendall(data)


def _context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    mode = parameters.get("sslmode", "prefer")
    root = parameters.get("sslrootcert", str(Path("~/.postgresql/root.crt").expanduser()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As libpq: with a root certificate at hand, "require" verifies too. Source: PostgreSQL 18 manual, 32.19.1.
    verify = mode.startswith("verify-") or (mode == "require" and Path(root).exists()) or root == "system"
    context.check_hostname = mode == "verify-full" or root == "system"
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    try:
        if verify and root == "system":
            context.load_default_certs()
        elif verify:
            context.load_verify_locations(root)
        certificate = parameters.get("sslcert", str(Path("~/.postgresql/postgresql.crt").expanduser()))
        if Path(certificate).exists():
            key = parameters.get("sslkey", str(Path("~/.postgresql/postgresql.key").expanduser()))
            context.load_cert_chain(certificate, key, password=parameters.get("sslpassword", ""))
    except OSError as error:
        raise RefusedError(
            f"the encrypted way to the database cannot be opened: {error.strerror or error}",
            code="LK424",
            hint="check the files that sslrootcert, sslcert and sslkey name",
        ) from error
    return context
