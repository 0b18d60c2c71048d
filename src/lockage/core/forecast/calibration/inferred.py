"""From what a server says of itself, and one short query without a table, to its speeds, each step with a sentence.

Not for the samples that a person asks for (``measured``). The surprising thing: settings tell what the server must do (log
whole pages, wait for standbys) but hardly how fast it is; of its disks only the waiting times that it has kept do, and few
servers keep them, and of its processor nothing does, which is why that alone is timed unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lockage.core.forecast.calibration.computing import computing_ratio, computing_sentence
from lockage.core.forecast.duration.calibration import Calibration
from lockage.core.forecast.duration.rates import UNKNOWN_SERVER, Rate, Speeds
from lockage.core.forecast.target_reading import BLOCK_BYTES, TargetReading

READS_ENOUGH, SYNCS_ENOUGH = 1000, 20
"""Over fewer, a mean says more of one bad moment than of the server."""

CPU_BELOW, CPU_ABOVE = 1.5, 1.7
"""Of the processor by one query of some milliseconds. Why: wider than by the samples of ``--calibrate=read`` (1.3), which are
longer and of two kinds; narrower than of a server of which nothing is known (1.8 and 2.2)."""

CPU_LEAST, CPU_MOST = 0.25, 6.0
"""Of the reference's time. Why: a fast desktop needs 0.6, a shared virtual core 2; what is far beyond was a bad moment rather
than a processor, and is taken in by the range alone."""

_ON = "on"


def infer(reading: TargetReading) -> Calibration:
    """The calibration that settings, views and a query of some milliseconds allow."""
    speeds, said = UNKNOWN_SERVER, list[str]()
    for step in (_computing, _memory, _logging, _committing, _reading, _load):
        speeds, sentence = step(reading, speeds)
        if sentence:
            said.append(sentence)
    return Calibration(
        speeds=speeds,
        tables=reading.tables,
        assumptions=(*said, *_unseen(reading)),
        oldest_transaction_s=reading.oldest_transaction_s,
    )


def _computing(reading: TargetReading, speeds: Speeds) -> tuple[Speeds, str]:
    sample = reading.compute
    if sample is None or sample.rows <= 0 or sample.seconds <= 0:
        return speeds, ""
    ratio = computing_ratio(sample)
    value = min(max(ratio, CPU_LEAST), CPU_MOST)
    cpu = Rate(value=value, below=CPU_BELOW * max(1.0, value / ratio), above=CPU_ABOVE * max(1.0, ratio / value))
    said = computing_sentence(ratio, f"a query of {_milliseconds(sample.seconds)}")
    if value != ratio:
        said += f"; {value:g} times is taken to be likely"
    return replace(speeds, cpu=cpu), said


def _memory(reading: TargetReading, speeds: Speeds) -> tuple[Speeds, str]:
    sizes = reading.sizes
    helpers = min(_number(reading, "max_parallel_maintenance_workers", 0.0), _number(reading, "max_parallel_workers", 0.0))
    multiplier = _number(reading, "hash_mem_multiplier", 1.0)
    return (
        replace(
            speeds,
            buffers_bytes=float(sizes.get("shared_buffers", speeds.buffers_bytes)),
            sort_bytes=float(sizes.get("maintenance_work_mem", speeds.sort_bytes)),
            work_bytes=float(sizes.get("work_mem", speeds.work_bytes)),
            hash_bytes=sizes["work_mem"] * multiplier if "work_mem" in sizes else speeds.hash_bytes,
            wal_limit_bytes=float(sizes.get("max_wal_size", speeds.wal_limit_bytes)),
            builders=1 + int(helpers),
        ),
        "",
    )


def _logging(reading: TargetReading, speeds: Speeds) -> tuple[Speeds, str]:
    settings = reading.settings
    speeds = replace(
        speeds,
        page_images=settings.get("full_page_writes", _ON) == _ON,
        logs_new_files=settings.get("wal_level", "replica") != "minimal",
    )
    if settings.get("wal_compression", "off") != "off":
        write = speeds.write_byte_s
        speeds = replace(speeds, write_byte_s=replace(write, below=write.below * 1.5))
        return speeds, f"wal_compression is {settings['wal_compression']}: whole pages in the WAL may be half as long"
    return speeds, ""


def _committing(reading: TargetReading, speeds: Speeds) -> tuple[Speeds, str]:
    settings = reading.settings
    names = settings.get("synchronous_standby_names", "")
    level = settings.get("synchronous_commit", _ON)
    if level == "off" or settings.get("fsync", _ON) == "off":
        which = "synchronous_commit" if level == "off" else "fsync"
        return (
            replace(speeds, commit_s=Rate(value=0.00015, below=3.0, above=5.0)),
            f"{which} is off: a commit does not wait for the disk",
        )
    commit, said = speeds.commit_s, ""
    if reading.sync_s is not None and reading.syncs >= SYNCS_ENOUGH:
        commit = Rate(value=reading.sync_s + 0.0002, below=2.0, above=3.0)
        said = f"a commit waits {_milliseconds(reading.sync_s)} for the disk, as {reading.syncs} flushes of the WAL did"
    if names and level != "local":
        wait_s = commit.value * 2 if reading.standby_s is None else reading.standby_s
        commit = Rate(value=commit.value + wait_s, below=commit.below * 1.5, above=commit.above * 2.5)
        seen = "nobody saw how long that takes" if reading.standby_s is None else _milliseconds(wait_s)
        said = "; ".join(filter(None, [said, f"a commit waits for a standby ({names}): {seen}"]))
    return replace(speeds, commit_s=commit), said


def _reading(reading: TargetReading, speeds: Speeds) -> tuple[Speeds, str]:
    if reading.read_block_s is not None and reading.reads >= READS_ENOUGH and reading.read_block_s > 0:
        rate = Rate(value=reading.read_block_s / BLOCK_BYTES, below=4.0, above=2.0)
        rate = replace(rate, value=max(rate.value, UNKNOWN_SERVER.read_byte_s.value / 4))
        return (
            replace(speeds, read_byte_s=rate),
            f"a page that is not in shared_buffers takes {reading.read_block_s * 1e6:.0f} µs, the mean of its reads so far",
        )
    if _number(reading, "random_page_cost", 4.0) <= 1.5:
        rate = replace(speeds.read_byte_s, above=4.0)
        return replace(speeds, read_byte_s=rate), "random_page_cost is low, so the disk is taken to be a fast one"
    return speeds, ""


def _load(reading: TargetReading, speeds: Speeds) -> tuple[Speeds, str]:
    busy = reading.active_sessions or 0
    if busy < 4:
        return speeds, ""
    more = min(2.0, 1.0 + busy / 16)
    return (
        replace(
            speeds,
            cpu=replace(speeds.cpu, above=speeds.cpu.above * more),
            write_byte_s=replace(speeds.write_byte_s, above=speeds.write_byte_s.above * more),
        ),
        f"{busy} sessions were at work when it was looked at, and as many are taken to be then",
    )


def _unseen(reading: TargetReading) -> Iterator[str]:
    if reading.read_block_s is None and reading.sync_s is None:
        yield (
            "how fast the server reads and writes was not measured: with the database at hand, --calibrate=read or"
            " --calibrate=write narrows the ranges"
        )
    hits = [detail.hit_ratio for detail in reading.tables.values() if detail.hit_ratio is not None]
    if hits:
        yield "pages of a table are found in shared_buffers as often as they were so far"


def _number(reading: TargetReading, name: str, default: float) -> float:
    try:
        return float(reading.settings.get(name, default))
    except ValueError:
        return default


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
