"""A database that is reached by TLS only: the schema must come by TLS too."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lockage.adapters.postgres.relay import SSL_REQUEST
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.errors import LockageError

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with the openssl program"),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate of ``localhost`` that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return key, certificate


class EncryptingFront:
    """Takes TLS connections of PostgreSQL clients, refuses plain ones, and passes the rest to a plain server."""

    def __init__(self, target: tuple[str, int], key: Path, certificate: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads: list[threading.Thread] = []
        self.encrypted = 0
        self.refused = 0
        self.start(self.accept)

    def start(self, function: object, *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments)  # type: ignore[arg-type]
        thread.start()
        self.threads.append(thread)

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.start(self.serve, self.listener.accept()[0])

    def serve(self, plain: socket.socket) -> None:
        with plain, contextlib.suppress(OSError):
            if plain.recv(8, socket.MSG_WAITALL) != SSL_REQUEST:
                self.refused += 1
                return
            plain.sendall(b"S")
            with self.context.wrap_socket(plain, server_side=True) as client, socket.create_connection(self.target) as server:
                self.encrypted += 1
                back = threading.Thread(target=copy, args=(server, client))
                back.start()
                copy(client, server)
                back.join()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front(database_url: str, certificate: tuple[Path, Path]) -> Iterator[EncryptingFront]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table users (id int primary key, name text)")
    parts = conninfo_to_dict(database_url)
    front = EncryptingFront((str(parts["host"]), int(str(parts["port"]))), *certificate)
    yield front
    front.close()


def test_the_schema_of_an_encrypted_database_comes_encrypted(
    database_url: str, front: EncryptingFront, certificate: tuple[Path, Path]
) -> None:
    for options in (
        {"sslmode": "require"},
        {"sslmode": "verify-full", "sslrootcert": str(certificate[1])},
        {"sslmode": "prefer"},
        {"sslmode": "require", "host": "nowhere.invalid", "hostaddr": "127.0.0.1"},  # through a tunnel
    ):
        seen = front.encrypted
        url = make_conninfo(database_url, **{"host": "localhost", "port": front.port, **options})
        with EmbeddedShadows().of_database(url) as shadow:
            assert [relation.relation for relation in shadow.relations()] == ["public.users"]
            assert shadow.assumptions == ()
        assert front.encrypted == seen + 2  # our session, and pg_dump's
        assert front.refused == 0


def test_a_server_that_is_not_who_it_says_is_not_trusted(database_url: str, front: EncryptingFront) -> None:
    url = make_conninfo(database_url, host="localhost", port=front.port, sslmode="verify-full", sslrootcert="system")
    with pytest.raises(LockageError), EmbeddedShadows().of_database(url):
        pass
