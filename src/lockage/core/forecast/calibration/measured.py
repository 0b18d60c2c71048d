"""From samples that were timed on the target to its speeds, with the doubt that they leave.

Not for timing. The surprising thing: a sample does not replace the model of the work, it says by which factor the model is off
on this server; so what was timed on twenty thousand rows also speaks of twenty million, where memory and WAL behave otherwise.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from lockage.core.forecast.calibration.computing import (
    COMPUTE_ROW_S,
    computing_ratio,
    computing_sentence,
    says_computing,
)
from lockage.core.forecast.duration.building import building, rewriting
from lockage.core.forecast.duration.calibration import Calibration
from lockage.core.forecast.duration.changing import deleting, inserting, updating
from lockage.core.forecast.duration.cost import Cost, reference_seconds, together
from lockage.core.forecast.duration.rates import WORK, Rate, Speeds
from lockage.core.forecast.duration.structure import Index, Table, index_of
from lockage.core.forecast.target_reading import ColumnDetail, Sample, SampleKind, TableDetail

SORT_COMPARE_S = 0.0085e-6
"""Reference machine: one comparison of a sort of md5 texts in C, their making not counted."""

ENOUGH_BYTES = 1024.0 * 1024
"""Read from outside shared_buffers: over fewer, a sample is the time of its start."""

START_S = 0.0001
"""What a query takes before its first row: a sample of few pages is little longer."""

SAME_MOMENT = 1.5
"""How far the same server is off its own sample a minute later, with nothing else changed: 1.3 on a machine of its own, more on
a virtual one that shares its processors."""

SCRATCH = TableDetail(
    columns={
        "id": ColumnDetail(type="bigint", mean_bytes=8.0, correlation=1.0),
        "owner": ColumnDetail(type="integer", mean_bytes=4.0, correlation=0.0),
        "token": ColumnDetail(type="text", mean_bytes=33.0, correlation=0.0),
    }
)
"""The columns of the tables that samples of writing are taken on, as far as indexes have them."""

_KINDS = {
    SampleKind.INSERT: ("insert", "refresh"),
    SampleKind.UPDATE: ("update", "merge", "lock"),
    SampleKind.DELETE: ("delete",),
    SampleKind.INDEX: ("index-build",),
    SampleKind.REWRITE: ("rewrite",),
    SampleKind.KEY: ("foreign-key", "cascade", "trigger"),
}


def with_samples(calibration: Calibration, samples: Sequence[Sample]) -> Calibration:
    """The calibration with everything that the samples say."""
    speeds, said = calibration.speeds, list[str]()
    by_kind: dict[SampleKind, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.seconds > 0:
            by_kind[sample.kind].append(sample)
    for step in (_computing, _scanning, _committing, _writing):
        speeds, sentence = step(by_kind, speeds)
        if sentence:
            said.append(sentence)
    return replace(calibration, speeds=speeds, assumptions=(*_kept(calibration.assumptions, said), *said))


def _kept(before: Sequence[str], said: Sequence[str]) -> list[str]:
    """What was said before and is not settled now: advice that was followed, and what a shorter query had found."""
    again = any(says_computing(one) for one in said)
    return [one for one in before if not ((said and "--calibrate=" in one) or (again and says_computing(one)))]


def _computing(samples: dict[SampleKind, list[Sample]], speeds: Speeds) -> tuple[Speeds, str]:
    ratios = [computing_ratio(one) for one in samples.get(SampleKind.COMPUTE, ())]
    ratios += [
        one.seconds / (one.rows * (COMPUTE_ROW_S + SORT_COMPARE_S * math.log2(max(one.rows, 2.0))))
        for one in samples.get(SampleKind.SORT, ())
    ]
    if not ratios:
        return speeds, ""
    value, spread = centre(ratios)
    doubt = together(1.3, min(spread, 1.5))
    return (
        replace(speeds, cpu=Rate(value=value, below=doubt, above=doubt * 1.1)),
        computing_sentence(value, f"{len(ratios)} timed queries"),
    )


def _scanning(samples: dict[SampleKind, list[Sample]], speeds: Speeds) -> tuple[Speeds, str]:
    scans = samples.get(SampleKind.SCAN, ())
    found: list[float] = []
    for one in scans:
        computed = START_S + one.rows * (WORK.scan_row_s + 2 * WORK.check_row_s) * speeds.cpu.value
        left = one.seconds - computed - one.hit_bytes * speeds.hit_byte_s.value
        if one.read_bytes >= max(ENOUGH_BYTES, one.hit_bytes / 9):
            found.append(max(left, one.seconds / 10) / one.read_bytes)
    if not scans:
        return speeds, ""
    hits = sum(one.hit_bytes for one in scans)
    everything = hits + sum(one.read_bytes for one in scans)
    if found:
        value, spread = centre(found)
        speeds = replace(speeds, read_byte_s=Rate(value=value, below=together(1.4, spread), above=together(1.6, spread)))
        speed = f"pages outside shared_buffers come at {1 / value / 1e6:.0f} MB/s"
    elif hits == everything:
        speed = "all of it was in shared_buffers"
    else:
        speed = "too little of the rest to tell how fast it comes"
    count = len({one.relation for one in scans})
    share = hits / everything if everything else 1.0
    tables = "1 table" if count == 1 else f"{count} tables"
    return speeds, f"{everything / 1e6:.0f} MB of {tables} were read: {share:.0%} in shared_buffers; {speed}"


def _committing(samples: dict[SampleKind, list[Sample]], speeds: Speeds) -> tuple[Speeds, str]:
    commits = [one.seconds for one in samples.get(SampleKind.COMMIT, ())]
    if not commits:
        return speeds, ""
    value, spread = centre(commits)
    return (
        replace(
            speeds,
            commit_s=Rate(value=value, below=together(1.6, spread), above=together(2.5, spread)),
            statement_s=replace(speeds.statement_s, below=2.2, above=6.0),
        ),
        f"a commit took {value * 1000:.2g} ms",
    )


def _writing(samples: dict[SampleKind, list[Sample]], speeds: Speeds) -> tuple[Speeds, str]:
    factors: dict[str, Rate] = {}
    for kind, names in _KINDS.items():
        ratios = [one.seconds / modelled_seconds(one, speeds) for one in samples.get(kind, ())]
        if ratios:
            value, spread = centre(ratios)
            rate = Rate(value=value, below=together(SAME_MOMENT, spread), above=together(SAME_MOMENT, spread))
            factors |= dict.fromkeys(names, rate)
    if not factors:
        return speeds, ""
    every = [rate.value for rate in factors.values()]
    speeds = replace(
        speeds,
        factors=factors,
        # The factors hold the server's speed now, so that only its moods are left of the doubt about it.
        cpu=Rate(value=speeds.cpu.value, below=1.2, above=1.25),
        write_byte_s=Rate(value=speeds.write_byte_s.value, below=1.4, above=1.7),
        model=0.8,
    )
    return speeds, (
        f"writing in a scratch schema took {min(every):.1f} to {max(every):.1f} times what the model says, kind by kind, "
        "and is taken to do so in large tables"
    )


def modelled_seconds(sample: Sample, speeds: Speeds) -> float:
    """What the model says of a sample of writing, at these speeds."""
    speeds = replace(speeds, page_images=False)  # the tables are newer than the last checkpoint, as a rule
    indexes = tuple(index_of(index, SCRATCH) for index in sample.indexes)
    kept = () if sample.kind is SampleKind.INDEX else indexes
    cost = _cost(sample, _table(sample, kept), indexes, speeds)
    return reference_seconds(cost, speeds) + speeds.statement_s.value / 4


def _cost(sample: Sample, table: Table, indexes: tuple[Index, ...], speeds: Speeds) -> Cost:
    costs: Mapping[SampleKind, Callable[[], Cost]] = {
        SampleKind.INSERT: lambda: inserting(table, sample.rows, sample.row_bytes, speeds),
        SampleKind.UPDATE: lambda: updating(table, sample.rows, (), speeds),
        SampleKind.DELETE: lambda: deleting(table, sample.rows, speeds),
        SampleKind.INDEX: lambda: building(indexes[0], table, speeds),
        SampleKind.REWRITE: lambda: rewriting(table, speeds),
        SampleKind.KEY: lambda: (
            inserting(table, sample.rows, sample.row_bytes, speeds) + Cost(cpu_s=sample.rows * WORK.key_look_s)
        ),
    }
    return costs[sample.kind]()


def _table(sample: Sample, indexes: tuple[Index, ...]) -> Table:
    return Table(
        oid=0,
        rows=sample.rows,
        row_bytes=sample.row_bytes,
        file_bytes=sample.rows * sample.row_bytes,
        toast_bytes=0.0,
        dead_rows=0.0,
        indexes=indexes,
        known=True,
        hit_ratio=1.0,  # it was written a moment ago
    )


def centre(ratios: Iterable[float]) -> tuple[float, float]:
    """Geometric mean, and the factor by which they are off it: the root of the mean square, so that one bad moment is one."""
    logs = [math.log(max(ratio, 1e-12)) for ratio in ratios]
    mean = sum(logs) / len(logs)
    return math.exp(mean), math.exp(math.sqrt(sum((one - mean) ** 2 for one in logs) / len(logs)))
