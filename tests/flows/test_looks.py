"""Many looks at once: whatever is deaf, slow or broken costs its own time only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from lockage.adapters.clock import SystemClock
from lockage.core.diagnosis.evidence import Missing
from lockage.errors import RefusedError
from lockage.flows.looks import Answer, Looks


@pytest.fixture
def deaf() -> Iterator[threading.Event]:
    """Something that never answers, until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def looks(*, limit_s: float = 2.0, look_s: float = 0.2) -> Looks:
    return Looks(clock=SystemClock(), limit_s=limit_s, look_s=look_s)


def test_every_source_answers_and_nothing_is_missing() -> None:
    under_way, one, two = looks(), Answer("one", lambda: 1), Answer("two", lambda: 2)
    under_way.ask(one)
    under_way.ask(two)
    under_way.wait()
    assert (one.value, two.value) == (1, 2)
    assert (one.missing, two.missing) == (None, None)


def test_a_deaf_source_costs_its_own_time_and_the_others_answer(deaf: threading.Event) -> None:
    under_way, silent, other = looks(), Answer("the events", lambda: deaf.wait(60)), Answer("other", lambda: 1)
    begun_s = time.monotonic()
    under_way.ask(silent)
    under_way.ask(other)
    under_way.wait()
    assert time.monotonic() - begun_s < 1.0
    assert silent.missing == Missing(source="the events", why="no answer within 0.2 s")
    assert other.value == 1


def test_what_stands_behind_a_deaf_source_in_its_thread_is_not_asked(deaf: threading.Event) -> None:
    under_way, silent, behind = looks(), Answer("the server", lambda: deaf.wait(60)), Answer("the ledger", lambda: 1)
    under_way.ask(silent, behind)
    under_way.wait()
    assert behind.missing == Missing(source="the ledger", why="not asked, because the server did not answer")


def test_all_together_take_no_longer_than_the_limit(deaf: threading.Event) -> None:
    under_way = looks(limit_s=0.5, look_s=10.0)
    silent = [Answer(f"source {number}", lambda: deaf.wait(60)) for number in range(20)]
    shared = [Answer(f"log {number}", lambda: deaf.wait(60)) for number in range(20)]
    begun_s = time.monotonic()
    for answer in silent:
        under_way.ask(answer)
    under_way.share(shared, threads=4)
    under_way.wait()
    assert time.monotonic() - begun_s < 1.0
    assert {answer.why for answer in silent} == {"no answer within 0.5 s in all"}
    assert {answer.why for answer in shared} == {"no answer within 0.5 s in all", "not asked within 0.5 s"}


def test_a_late_answer_changes_nothing(deaf: threading.Event) -> None:
    under_way, late = looks(), Answer("late", lambda: deaf.wait(60))
    under_way.ask(late)
    under_way.wait()
    why = late.why
    deaf.set()
    time.sleep(0.05)
    assert (late.value, late.why) == (None, why)


def test_a_refusal_and_a_defect_are_reasons_and_no_secret_is_in_them() -> None:
    def refuse() -> int:
        raise RefusedError("ops may not list events at postgresql://ops:geheim@db/x", code="LK504")

    def break_down() -> int:
        raise KeyError("x")

    under_way, refused, broken = looks(), Answer("the events", refuse), Answer("the nodes", break_down)
    under_way.ask(refused, broken)
    under_way.wait()
    assert refused.why is not None
    assert "may not list events" in refused.why
    assert "geheim" not in refused.why
    assert broken.why == "a defect of Lockage: KeyError: 'x'"


def test_a_source_that_answers_may_have_more_asked() -> None:
    under_way = looks()
    more = Answer("more", lambda: 2)
    under_way.ask(Answer("first", lambda: under_way.ask(more)))
    under_way.wait()
    assert more.value == 2


def test_many_are_shared_by_a_few_threads() -> None:
    under_way, at_once, most = looks(), [0], [0]
    lock = threading.Lock()

    def read() -> int:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.005)
        with lock:
            at_once[0] -= 1
        return 1

    answers = [Answer(f"log {number}", read) for number in range(30)]
    under_way.share(answers, threads=5)
    under_way.wait()
    assert all(answer.value == 1 for answer in answers)
    assert most[0] <= 5


def test_what_is_done_after_is_done_however_a_thread_fares(deaf: threading.Event) -> None:
    closed: list[str] = []
    under_way = looks()
    under_way.ask(Answer("well", lambda: 1), after=lambda: closed.append("well"))
    under_way.ask(Answer("deaf", lambda: deaf.wait(60)), after=lambda: closed.append("deaf"))
    under_way.wait()
    assert closed == ["well"]
    deaf.set()
    time.sleep(0.1)
    assert closed == ["well", "deaf"]


def test_whoever_waits_long_is_told_for_what(deaf: threading.Event) -> None:
    said: list[str] = []
    under_way = looks(limit_s=2.8, look_s=2.7)
    under_way.ask(Answer("the events", lambda: deaf.wait(60)))
    under_way.wait(said.append)
    assert said[0] == "0 of 1 sources have answered, waiting for the events"
