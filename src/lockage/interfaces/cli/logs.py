"""One log file a command: what it was asked, what it told, how it ended, masked as a bundle is.

Not for people at the terminal (``console``) nor for the story of a run (the journal). The surprising thing: the file is
made at the first line, so a command that has nothing to log leaves none, and a folder that cannot be written is no error:
the command matters more than its log.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from lockage.core.redaction.redaction import Redaction

KEPT = 200
"""Log files that are kept; each is a few kilobytes, and older ones are of no use beside the journals."""


class CommandLog:
    """The log of one command; lines are JSON objects with ``at`` and ``event``."""

    def __init__(self, folder: Path, *, command: str, begun: datetime, pid: int) -> None:
        # Sortable by time; the pid keeps two commands of the same second apart.
        self.path = folder / f"{begun:%Y%m%dT%H%M%S}-{command}-{pid}.jsonl"
        self._stream: TextIO | None = None
        self._writable = True
        self._redaction: Redaction | None = None

    def write(self, event: str, **fields: object) -> None:
        """Add one line."""
        stream = self._open()
        if stream is None:
            return
        # Late, because it is a fifth of a second that `lockage --help` need not pay.
        import structlog  # noqa: PLC0415

        logger = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[
                structlog.processors.format_exc_info,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                self._mask_fields,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
        with contextlib.suppress(OSError):
            logger.info(event, **fields)

    def close(self) -> None:
        """End the log; a line written later is dropped."""
        self._writable = False
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None

    def _mask_fields(self, _logger: Any, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """structlog processor: the fields without secrets, at any depth; what JSON does not know becomes text."""
        # Late, as above.
        from lockage.core.redaction.records import learn_data, masked_data  # noqa: PLC0415
        from lockage.core.redaction.redaction import Redaction  # noqa: PLC0415

        if self._redaction is None:
            self._redaction = Redaction(key=os.urandom(32))
        plain = {key: _plain(value) for key, value in fields.items()}
        learn_data(plain, self._redaction)
        return cast("Mapping[str, Any]", masked_data(plain, self._redaction))

    def _open(self) -> TextIO | None:
        if self._stream is None and self._writable:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _forget_old(self.path.parent)
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                self._stream = os.fdopen(descriptor, "a", encoding="utf-8", buffering=1)
            except OSError:
                self._writable = False
        return self._stream


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in cast("list[object]", value)]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value)


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("*.jsonl"))[: -KEPT + 1]:
        path.unlink(missing_ok=True)


def new_log(folder: Path, *, command: str) -> CommandLog:
    """The log of a command that begins now, in this process."""
    return CommandLog(folder, command=command, begun=datetime.now(UTC), pid=os.getpid())
