"""Finding out how fast a database is: as far as it was allowed, and never at the price of the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.target import PostgresTarget
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.target_reading import Sample, SampleKind, TargetReading
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.errors import RefusedError, UnreachableError
from lockage.flows.calibrate import Measure, calibrating
from lockage.flows.forecast import Beside, forecast_database
from lockage.ports import Narrate


@dataclass
class FakeTarget:
    """A target that remembers what it was asked."""

    gone: bool = False
    forbids: bool = False
    asked: list[object] = field(default_factory=list[object])

    def reading(self) -> TargetReading:
        if self.gone:
            raise UnreachableError("nobody answers", code="LK121")
        return TargetReading(major=18)

    def require_writes(self) -> None:
        if self.forbids:
            raise RefusedError("role app may not make a schema in database shop", code="LK701")

    def timed_reads(self, relations: Sequence[str], *, narrate: Narrate) -> tuple[Sample, ...]:
        self.asked.append(tuple(relations))
        return (Sample(kind=SampleKind.COMPUTE, seconds=0.05, rows=60_000),)

    def timed_writes(self, *, narrate: Narrate) -> tuple[Sample, ...]:
        self.asked.append("writes")
        return (Sample(kind=SampleKind.COMMIT, seconds=0.01),)


@pytest.mark.parametrize(
    ("measure", "asked"),
    [
        (None, []),
        (Measure.READ, [("public.items",)]),
        (Measure.WRITE, [("public.items",), "writes"]),
    ],
)
def test_nothing_is_timed_that_was_not_asked_for(measure: Measure | None, asked: list[object]) -> None:
    target = FakeTarget()
    calibrating(target, measure=measure, narrate=lambda _: None)(["public.items"])
    assert target.asked == asked


def test_a_database_that_is_gone_by_then_leaves_the_widest_ranges_and_a_sentence() -> None:
    found = calibrating(FakeTarget(gone=True), narrate=lambda _: None)([])
    assert found.assumptions == ("how fast the server is could not be asked: nobody answers",)


def test_where_measuring_was_asked_for_a_database_that_is_gone_is_an_error() -> None:
    with pytest.raises(UnreachableError):
        calibrating(FakeTarget(gone=True), measure=Measure.READ, narrate=lambda _: None)([])


def test_whether_writing_is_allowed_is_asked_before_the_work() -> None:
    with pytest.raises(RefusedError, match="may not make a schema"):
        calibrating(FakeTarget(forbids=True), measure=Measure.WRITE, narrate=lambda _: None)
    for measure in (None, Measure.READ):
        calibrating(FakeTarget(forbids=True), measure=measure, narrate=lambda _: None)(["public.items"])


def forecast(url: str, measure: Measure | None) -> Forecast:
    form = format_named("plain")
    return forecast_database(
        read_migrations({"1_a.sql": b"UPDATE items SET amount = 0;"}, form=form, folder="trial"),
        url=url,
        form=form,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        beside=Beside(calibrate=calibrating(PostgresTarget(url), measure=measure, narrate=lambda _: None)),
    )


@pytest.mark.real
@pytest.mark.slow
def test_a_real_forecast_says_what_its_seconds_stand_on(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table items (id bigint primary key, amount integer)")
        connection.execute("insert into items select g, g from generate_series(1, 20000) as g")
        connection.execute("vacuum (analyze) items")
    told = ("--calibrate=read", "the server computes in")
    for measure, sentence in (*((None, one) for one in told), (Measure.READ, "of 1 table"), (Measure.WRITE, "scratch schema")):
        made = forecast(database_url, measure)
        assert any(sentence in assumption for assumption in made.assumptions), made.assumptions
        assert made.total_s.high is not None
