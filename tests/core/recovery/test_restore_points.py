"""What is said of backups that are seen, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lockage.core.recovery.restore_points import NAMED, UNPROVED, Archiver, RestorePoint, RestorePoints, of_database

AT = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


def archiver(**changes: object) -> Archiver:
    fields = {
        "archive_mode": "on", "last_archived_wal": "0000000100000000000000A1", "last_archived_time": AT,
        "last_failed_time": None, "failed_count": 0,
    } | changes  # fmt: skip
    return Archiver(**fields)  # type: ignore[arg-type]


def test_an_archive_is_named_by_what_it_took_last_and_nothing_is_promised() -> None:
    found = of_database(archiver(), slots=(), receivers=())
    assert found.sentence == (
        f"WAL archive (archive_mode on): last archived 0000000100000000000000A1 at 2026-11-22 23:00:00 UTC; {UNPROVED}"
    )


def test_an_archive_that_fails_since_then_is_called_so() -> None:
    found = of_database(archiver(last_failed_time=AT + timedelta(minutes=1), failed_count=7), slots=(), receivers=())
    assert "since then it fails, 7 times" in found.sentence
    assert (
        "fails"
        not in of_database(archiver(last_failed_time=AT - timedelta(1), failed_count=7), slots=(), receivers=()).sentence
    )


def test_where_nothing_is_archived_there_is_no_restore_point() -> None:
    assert of_database(archiver(archive_mode="off"), slots=(), receivers=()).sentence == "none is seen"


def test_slots_and_receivers_of_backup_tools_are_told_from_those_of_standbys() -> None:
    found = of_database(
        archiver(archive_mode="off"),
        slots=[("barman", True), ("_cnpg_shop_2", True), ("logical_copy", False)],
        receivers=["barman_receive_wal", "walreceiver"],
    )
    assert [(p.source, p.name) for p in found.seen] == [
        ("replication slot", "barman"),
        ("receiver of WAL", "barman_receive_wal"),
    ]


def test_of_many_the_newest_are_named_and_what_was_not_looked_at_is_said() -> None:
    many = [RestorePoint(source="VolumeSnapshot", name=f"s{n}", text="ready", at=AT + timedelta(n)) for n in range(NAMED + 2)]
    said = RestorePoints(seen=tuple(many)).joined(RestorePoints(missing=("backups (may not)",))).sentence
    assert said.startswith(f"VolumeSnapshot s{NAMED + 1}: ready; ")
    assert "; and 2 more; not looked at: backups (may not)" in said
    assert "s0:" not in said
