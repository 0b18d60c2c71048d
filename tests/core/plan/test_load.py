"""Usage from PostgreSQL's counters: what lies between two samples, and when it is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lockage.core.plan.load import LoadSample, usage_of_load

BEGAN = datetime(2026, 1, 5, tzinfo=UTC)


def sample(minute: float, transactions: int, *, started: int = 0, reset: int | None = 0) -> LoadSample:
    return LoadSample(
        at=BEGAN + timedelta(minutes=minute),
        started_at=BEGAN - timedelta(days=1 + started),
        reset_at=None if reset is None else BEGAN - timedelta(days=2 + reset),
        transactions=transactions,
        sessions=3,
    )


def test_transactions_a_second_between_samples() -> None:
    [first, second] = usage_of_load((sample(0, 1000), sample(5, 1600), sample(10, 1600)), gap_s=3600)
    assert (first.start_at, first.seconds, first.people) == (BEGAN, 300, pytest.approx(2.0))
    assert second.people == 0


def test_the_order_of_samples_does_not_matter() -> None:
    samples = (sample(0, 0), sample(5, 300), sample(10, 900))
    assert usage_of_load(reversed(samples), gap_s=3600) == usage_of_load(samples, gap_s=3600)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(sample(5, 10), id="the counter went back, as after a crash"),
        pytest.param(sample(5, 5000, reset=1), id="the statistics were reset"),
        pytest.param(sample(5, 5000, reset=None), id="another server's statistics"),
        pytest.param(sample(5, 5000, started=1), id="another server, or a restart"),
        pytest.param(sample(61, 5000), id="too long ago"),
        pytest.param(sample(0, 5000), id="at the same moment"),
    ],
)
def test_what_cannot_be_known_is_left_out(later: LoadSample) -> None:
    assert usage_of_load((sample(0, 1000), later), gap_s=3600) == ()
