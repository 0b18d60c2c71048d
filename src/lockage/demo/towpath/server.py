"""The life of one replica: bind, migrate, serve, stop.

The order is Coder's: the port accepts connections from the first moment, and nothing answers on it until the schema is that of
the release. The surprising thing: a stop signal during the migration is noted and obeyed afterwards.
"""

from __future__ import annotations

import signal
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockage.demo.towpath import log
from lockage.demo.towpath.errors import AddressError, SettingsError

if TYPE_CHECKING:
    from types import FrameType

    from lockage.demo.towpath.releases import Release
    from lockage.demo.towpath.settings import Settings

_BACKLOG = 2048
"""Connections that the kernel accepts for us while we migrate; uvicorn's default."""


@dataclass(slots=True)
class _StopSignal:
    """Remembers that somebody asked us to stop; installed before anything that takes time."""

    requested: bool = False
    migrating: bool = False

    def install(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.migrating and not self.requested:
            log.warn("stop signal received, database migrations continue")
        self.requested = True


def run(settings: Settings, release: Release) -> int:
    """Serve until a stop signal, and return the exit code.

    Raises FatalError.
    """
    stop = _StopSignal()
    stop.install()
    with _bind(settings.http_address) as listener:
        host, port = listener.getsockname()[:2]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        _say(f"Started HTTP listener at http://{address}")
        _say(f"View the Web UI: http://{address}")
        _migrate(settings, release, stop)
        if not stop.requested:
            # Imported after the port is open: this is most of the start-up time.
            from lockage.demo.towpath.serving import serve  # noqa: PLC0415

            serve(settings, release, listener, stop_requested=lambda: stop.requested)
    log.info("towpath has stopped", replica=settings.replica)
    return 0


def _bind(http_address: str) -> socket.socket:
    host, colon, port = http_address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"TOWPATH_HTTP_ADDRESS is {http_address!r}, and must be host:port")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except OSError as failure:
        raise AddressError(f"cannot listen on {http_address}: {failure.strerror or failure}") from failure


def _migrate(settings: Settings, release: Release, stop: _StopSignal) -> None:
    from lockage.demo.towpath.migrator import migrate  # noqa: PLC0415  # after the port is open

    stop.migrating = True
    migrate(
        settings.pg_connection_url,
        release=release,
        application_name=settings.application_name,
        connect_timeout_s=settings.connect_timeout_s,
        stopping=lambda: stop.requested,
    )
    stop.migrating = False


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201  # what a person who starts it reads
