"""What of backups can be seen with read rights: an archive of WAL, tools that stream, objects of the cluster.

Not a promise: that something was written somewhere does not mean that it restores, and no sentence here says so. The surprising
thing: a backup tool is known by the names that its slots and sessions have, which are data here and anybody's to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

TOOLS = (
    ("barman", "Barman"),
    ("pgbackrest", "pgBackRest"),
    ("pg_receivewal", "pg_receivewal"),
    ("pg_basebackup", "pg_basebackup"),
    ("wal-g", "WAL-G"),
    ("walg", "WAL-G"),
    ("wal_g", "WAL-G"),
)
"""What the name of a slot or of a session that receives WAL holds, and whose it then is.

Source: Barman 3 (slot ``barman``, application ``barman_receive_wal``), pgBackRest 2 (``pgBackRest [archive-push]``),
PostgreSQL 18 (``pg_receivewal``, ``pg_basebackup``), WAL-G 3.
"""

NAMED = 4
"""Points that the one sentence names, the newest first; all stand in ``--json``."""

UNPROVED = "whether any of it restores, nobody says here"


class RestorePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a backup may be made of."""

    source: str  # "WAL archive", "replication slot", "receiver of WAL", "VolumeSnapshot", "Backup", "ScheduledBackup"
    name: str
    text: str  # a clause: what is seen of it
    at: datetime | None = None  # of what it holds last; None: that is not shown


class RestorePoints(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen, and what was not."""

    seen: tuple[RestorePoint, ...] = ()
    missing: tuple[str, ...] = ()  # what could not be looked at, with why: a clause each

    def joined(self, other: RestorePoints) -> RestorePoints:
        """Both."""
        return RestorePoints(seen=(*self.seen, *other.seen), missing=(*self.missing, *other.missing))

    @property
    def sentence(self) -> str:
        """All of it in one line for people."""
        ordered = sorted(self.seen, key=lambda p: -p.at.timestamp() if p.at is not None else 0.0)
        named = "; ".join(f"{p.source} {p.name}: {p.text}" for p in ordered[:NAMED])
        more = f"; and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
        unseen = f"; not looked at: {', '.join(self.missing)}" if self.missing else ""
        return f"{named}{more}{unseen}; {UNPROVED}" if ordered else f"none is seen{unseen}"


class Archiver(msgspec.Struct, frozen=True, kw_only=True):
    """``pg_stat_archiver``, and whether WAL is archived at all."""

    archive_mode: str  # "off", "on", "always"
    last_archived_wal: str | None
    last_archived_time: datetime | None
    last_failed_time: datetime | None
    failed_count: int


def of_database(archiver: Archiver, *, slots: Sequence[tuple[str, bool]], receivers: Sequence[str]) -> RestorePoints:
    """What a server shows: its archiver, its slots (name, whether one is read), and who receives WAL, by name."""
    return RestorePoints(seen=(*_archive(archiver), *_slots(slots), *_receivers(receivers)))


def _archive(archiver: Archiver) -> Iterator[RestorePoint]:
    if archiver.archive_mode == "off":
        return
    last, failed = archiver.last_archived_time, archiver.last_failed_time
    text = f"last archived {archiver.last_archived_wal} at {_at(last)}" if last is not None else "nothing was archived yet"
    if failed is not None and (last is None or failed > last):
        text += f", and since then it fails, {archiver.failed_count} times in all"
    yield RestorePoint(source="WAL archive", name=f"(archive_mode {archiver.archive_mode})", text=text, at=last)


def _slots(slots: Sequence[tuple[str, bool]]) -> Iterator[RestorePoint]:
    for name, active in slots:
        if (tool := _tool(name)) is not None:
            read = "is being read" if active else "is read by nobody now"
            yield RestorePoint(source="replication slot", name=name, text=f"named as {tool} names them, and {read}")


def _receivers(names: Sequence[str]) -> Iterator[RestorePoint]:
    for name in names:
        if (tool := _tool(name)) is not None:
            yield RestorePoint(source="receiver of WAL", name=name, text=f"named as {tool} is")


def _tool(name: str) -> str | None:
    return next((tool for part, tool in TOOLS if part in name.lower()), None)


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
