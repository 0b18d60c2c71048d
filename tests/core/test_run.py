"""The notes on the object: what was written is read, and what cannot be read stops a person's hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Probe, UpdateKind, Workload
from lockage.core.plan.steps import Strategy
from lockage.core.run import (
    FORMER_NOTE,
    RUN_NOTE,
    WAIVER_NOTE,
    FormerNote,
    HopFigures,
    Notes,
    RunNote,
    WaiverNote,
    read_notes,
    write_note,
)
from lockage.errors import HaltedError
from support.plans import FORMER, hop, plan_of

PLAN = plan_of(hop("1.0.0", "2.0.0", Strategy.SCALE_TO_ZERO, liveness=FORMER, migrating=None, last=True))
SECONDS = st.floats(min_value=0.0, max_value=1e5, allow_nan=False)

probes = st.builds(
    Probe,
    path=st.text(min_size=1),
    initial_delay_s=SECONDS,
    period_s=SECONDS,
    timeout_s=SECONDS,
    failure_threshold=st.integers(min_value=1, max_value=1000),
)
run_notes = st.builds(
    RunNote,
    version=st.just(1),
    id=st.text(),
    plan_digest=st.text(),
    hop=st.integers(min_value=0, max_value=9),
    holder=st.text(),
    plan=st.just(PLAN),
)
former_notes = st.builds(
    FormerNote,
    version=st.just(1),
    release=st.text(),
    replicas=st.integers(min_value=0, max_value=99),
    liveness=st.none() | probes,
)
waiver_notes = st.builds(WaiverNote, version=st.just(1), restore_point=st.text(min_size=1)) | st.builds(
    WaiverNote, version=st.just(1), waived_at=st.datetimes(timezones=st.just(UTC))
)


def workload(annotations: Mapping[str, str]) -> Workload:
    return Workload(
        name="app",
        image="app:1.0.0",
        release="1.0.0",
        revision=1,
        replicas=3,
        update=UpdateKind.ROLLING_UPDATE,
        max_surge=1,
        max_unavailable=0,
        liveness=None,
        readiness=None,
        grace_s=30.0,
        annotations=annotations,
        resource_version="1",
    )


@given(run=st.none() | run_notes, former=st.none() | former_notes, waiver=st.none() | waiver_notes)
def test_notes_are_read_as_they_were_written(run: RunNote | None, former: FormerNote | None, waiver: WaiverNote | None) -> None:
    notes = {RUN_NOTE: run, FORMER_NOTE: former, WAIVER_NOTE: waiver}
    written = {key: write_note(note) for key, note in notes.items() if note is not None}
    assert read_notes(workload(written | {"of/somebody-else": "{"})) == Notes(run=run, former=former, waiver=waiver)


@pytest.mark.parametrize("key", [RUN_NOTE, FORMER_NOTE, WAIVER_NOTE])
@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"version": 2}', '{"version": 1, "unheard_of": true}'], ids=repr)
def test_a_note_that_cannot_be_read_halts_with_its_name(key: str, text: str) -> None:
    with pytest.raises(HaltedError, match=f"annotation {key} on app cannot be read") as halted:
        read_notes(workload({key: text}))
    assert halted.value.code == "LK330"
    assert halted.value.hint is not None
    assert "by hand" in halted.value.hint


@given(former=former_notes, at=st.integers(min_value=0))
def test_a_note_that_was_cut_off_halts(former: FormerNote, at: int) -> None:
    whole = write_note(former)
    with pytest.raises(HaltedError) as halted:
        read_notes(workload({FORMER_NOTE: whole[: at % len(whole)]}))
    assert halted.value.code == "LK330"


def test_a_note_keeps_the_moment_of_a_waiver_to_the_microsecond() -> None:
    at = datetime(2026, 1, 5, 3, 0, 0, 123456, tzinfo=UTC)
    assert read_notes(workload({WAIVER_NOTE: write_note(WaiverNote(waived_at=at))})).waiver == WaiverNote(waived_at=at)


@given(
    parts=st.fixed_dictionaries({name: st.none() | SECONDS for name in ("termination_s", "start_s", "migration_s", "boot_s")})
)
def test_the_shortest_outage_is_the_sum_of_what_was_measured(parts: dict[str, float | None]) -> None:
    figures = HopFigures(from_release="1.0.0", to_release="2.0.0", strategy=Strategy.SCALE_TO_ZERO, **parts)
    assert figures.limit_s == pytest.approx(sum(value for value in parts.values() if value is not None))
