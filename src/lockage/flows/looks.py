"""Many looks at once, of which none can keep the others waiting: each has its own time, and all together have one.

Not for acts: a look that is given up goes on in its thread, and its answer is thrown away. The surprising thing: threads are
made here and are no pool's, because a pool's are waited for at the end of the program, and one that hangs in a deaf socket
would keep it from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from lockage.core.diagnosis.evidence import Missing
from lockage.core.redaction import mask_secrets
from lockage.errors import LockageError
from lockage.ports import Clock

T = TypeVar("T")

POLL_S = 0.01
"""Between two looks whether there are answers: small beside the second that lies between two looks at a database."""

SILENT_S = 2.0
"""So long nothing is said of what is waited for."""

SAID_EVERY_S = 0.5


class Answer(Generic[T]):
    """What one source gives, or why it gives nothing; neither while nobody has asked, or it is not yet there."""

    def __init__(self, source: str, look: Callable[[], T], *, limit_s: float | None = None) -> None:
        """``source`` is a noun phrase, as ``Missing.source``; ``limit_s`` where it may take longer than the others."""
        self.source = source
        self.limit_s = limit_s
        self.value: T | None = None
        self.why: str | None = None
        self.code: str | None = None  # of the error, where it was one of ours
        self.begun_s: float | None = None
        self._look = look
        self._settled = False
        self._lock = threading.Lock()

    @property
    def settled(self) -> bool:
        """Whether nothing will change any more."""
        return self._settled

    @property
    def missing(self) -> Missing | None:
        """That it was asked for and not seen; None otherwise."""
        return Missing(source=self.source, why=self.why) if self.why is not None else None

    def find(self, begun_s: float) -> None:
        """Ask the source; its failures are kept, whatever they are."""
        self.begun_s = begun_s
        if self._settled:
            return
        try:
            value = self._look()
        except LockageError as error:
            self.code = error.code
            self._settle(None, mask_secrets(error.message))
        except Exception as error:  # noqa: BLE001 - a defect in one source must not cost the others
            self._settle(None, f"a defect of Lockage: {mask_secrets(f'{type(error).__name__}: {error}')}")
        else:
            self._settle(value, None)

    def give_up(self, why: str) -> None:
        """Wait for it no longer; nothing when it is there."""
        self._settle(None, why)

    def _settle(self, value: T | None, why: str | None) -> None:
        with self._lock:
            if not self._settled:
                self.value, self.why, self._settled = value, why, True


class _Lane:
    """Sources that are asked one after the other in one thread."""

    def __init__(
        self, answers: Sequence[Answer[Any]], source: Iterator[Answer[Any]], after: Callable[[], None] = lambda: None
    ) -> None:
        self.answers = answers
        self.source = source
        self.after = after
        self.current: Answer[Any] | None = None
        self.finished = False


class Looks:
    """Looks under way. The clock is asked for times only; threads run by themselves."""

    def __init__(self, *, clock: Clock, limit_s: float, look_s: float) -> None:
        """All together have ``limit_s`` from now, and each ``look_s`` from when it is asked."""
        self._clock = clock
        self._limit_s = limit_s
        self._look_s = look_s
        self._until = clock.monotonic() + limit_s
        self._lanes: list[_Lane] = []
        self._asked: list[Answer[Any]] = []
        self._over = False
        self._lock = threading.Lock()

    @property
    def left_s(self) -> float:
        """Seconds that are left for all together; never below 0."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def over(self) -> bool:
        """Whether nobody waits any more."""
        return self._over

    def ask(self, *answers: Answer[Any], after: Callable[[], None] = lambda: None) -> None:
        """Ask these one after the other, in a thread of their own, whose last act is ``after`` however it fares."""
        self._begin(_Lane(answers, iter(answers), after), asked=answers)

    def share(self, answers: Iterable[Answer[Any]], *, threads: int) -> None:
        """Ask these in so many threads, in their order."""
        rest = tuple(answers)
        shared = _Shared(rest)
        for number in range(min(threads, len(rest))):
            self._begin(_Lane((), shared), asked=rest if number == 0 else ())

    def wait(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Until every source has answered, failed or been given up; threads that are asked may ask more.

        ``say`` gets how far it is, when it takes longer than people like to wait without a word.
        """
        said_s = self._clock.monotonic() + SILENT_S
        while lanes := self._unfinished():
            for lane in lanes:
                self._judge(lane)
            if self._clock.monotonic() >= said_s:
                said_s = self._clock.monotonic() + SAID_EVERY_S
                say(self._progress(lanes))
            self._clock.sleep(POLL_S)
        for answer in self._asked:
            answer.give_up(f"not asked within {self._limit_s:g} s")

    def within(self, answer: Answer[T]) -> T | None:
        """The answer of one source, waited for no longer than it may take; for a thread that needs it to go on."""
        self.ask(answer)
        while not answer.settled:
            self._clock.sleep(POLL_S)
            self._judge_one(answer)
        return answer.value

    def _unfinished(self) -> list[_Lane]:
        with self._lock:
            lanes = [lane for lane in self._lanes if not lane.finished]
            self._over = not lanes
        return lanes

    def _progress(self, lanes: Sequence[_Lane]) -> str:
        done = sum(answer.settled for answer in self._asked)
        waiting = [lane.current.source for lane in lanes if lane.current is not None and not lane.current.settled]
        return f"{done} of {len(self._asked)} sources have answered" + (f", waiting for {waiting[0]}" if waiting else "")

    def _begin(self, lane: _Lane, *, asked: Sequence[Answer[Any]]) -> None:
        with self._lock:
            if self._over:  # by a thread that was given up long ago
                return
            self._lanes.append(lane)
            self._asked += asked
        threading.Thread(target=self._run, args=(lane,), name="lockage-look", daemon=True).start()

    def _run(self, lane: _Lane) -> None:
        try:
            for answer in lane.source:
                if self.left_s <= 0 or lane.finished:
                    return
                lane.current = answer
                answer.find(self._clock.monotonic())
        finally:
            with suppress(LockageError):
                lane.after()
            lane.finished = True

    def _judge(self, lane: _Lane) -> None:
        current = lane.current
        if current is not None and not current.settled:
            self._judge_one(current)
            if not current.settled:
                return
            # Its thread hangs, so that those behind it cannot be asked.
            for answer in lane.answers:
                answer.give_up(f"not asked, because {current.source} did not answer")
            lane.finished = True
        elif self.left_s <= 0:
            lane.finished = True

    def _judge_one(self, answer: Answer[Any]) -> None:
        begun_s, limit_s = answer.begun_s, self._look_s if answer.limit_s is None else answer.limit_s
        if begun_s is not None and self._clock.monotonic() - begun_s > limit_s:
            answer.give_up(f"no answer within {limit_s:g} s")
        elif self.left_s <= 0:
            answer.give_up(f"no answer within {self._limit_s:g} s in all")


class _Shared(Iterator[Answer[Any]]):
    """One queue for several threads."""

    def __init__(self, answers: Sequence[Answer[Any]]) -> None:
        self._rest = iter(answers)
        self._lock = threading.Lock()

    def __next__(self) -> Answer[Any]:
        with self._lock:
            return next(self._rest)
