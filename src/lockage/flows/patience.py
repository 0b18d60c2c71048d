"""Wait out a world that does not answer for a moment: a database that restarts, a platform whose server changes.

Not for the looks that a command begins with: nothing is under way then, and a sentence at once serves better than a minute of
silence. The surprising thing: acts are waited out too, since doing them twice is the same as doing them once; all but
``annotate``, whose second try would be refused for what the first one wrote, so whoever annotates looks again first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from lockage.core.run import RunEvent
from lockage.errors import UnreachableError
from lockage.ports import Clock

Port = TypeVar("Port")
Result = TypeVar("Result")

PAUSE_S = 0.5
"""Between two tries: a refused connection costs nothing, and half a second is small beside any restart."""

ONCE = frozenset({"annotate", "close"})
"""Methods that are not tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for whom, and what is done meanwhile."""

    what: str  # who does not answer, as the sentence's subject
    limit_s: float
    clock: Clock
    tell: Callable[[RunEvent], None]
    between: Callable[[], None] = lambda: None

    def wait_out(self, attempt: Callable[[], Result]) -> Result:
        """What ``attempt`` gives once the world answers; says so when it did not at first.

        Raises the last ``UnreachableError`` when the limit has passed.
        """
        began: float | None = None
        while True:
            try:
                result = attempt()
            except UnreachableError as error:
                now = self.clock.monotonic()
                if began is None:
                    began = now
                    self._say(f"{self.what} does not answer, and is waited for up to {self.limit_s:.0f} s: {error.message}")
                if now - began >= self.limit_s:
                    raise
            else:
                if began is not None:
                    self._say(f"{self.what} answers again after {self.clock.monotonic() - began:.0f} s")
                return result
            self.between()
            self.clock.sleep(PAUSE_S)

    def _say(self, text: str) -> None:
        self.tell(RunEvent(at=self.clock.now(), kind="saw", text=text))


def patient(port: Port, patience: Patience) -> Port:
    """The same port, each of whose methods waits until it is answered."""
    return cast("Port", _Patient(port, patience))


class _Patient:
    def __init__(self, port: object, patience: Patience) -> None:
        self._port = port
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name in ONCE:
            return method
        return lambda *args, **kwargs: self._patience.wait_out(lambda: method(*args, **kwargs))  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType]
