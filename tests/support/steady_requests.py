"""A steady stream of requests on connections of their own, and what became of each."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


def get(url: str, timeout_s: float = 5.0) -> dict[str, object]:
    """One GET on a new connection; raises ``OSError`` or ``http.client.HTTPException`` when there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@dataclass
class Outcome:
    """What became of the requests."""

    answered: Counter[str] = field(default_factory=Counter[str])  # by release
    failures: list[str] = field(default_factory=list[str])

    @property
    def requests(self) -> int:
        return self.answered.total() + len(self.failures)


@contextmanager
def steady_requests(url: str, *, per_s: float = 100.0, threads: int = 4) -> Iterator[Outcome]:
    """Requests all the time while the context is open; all are over when it is left."""
    outcome, stop = Outcome(), threading.Event()

    def send() -> None:
        due = time.monotonic()
        while not stop.wait(max(due - time.monotonic(), 0.0)):
            due += threads / per_s
            try:
                outcome.answered[str(get(url)["release"])] += 1
            except (OSError, http.client.HTTPException) as error:
                outcome.failures.append(repr(error))

    senders = [threading.Thread(target=send) for _ in range(threads)]
    for sender in senders:
        sender.start()
    try:
        yield outcome
    finally:
        stop.set()
        for sender in senders:
            sender.join()
