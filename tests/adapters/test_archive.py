"""Archives of migrations: read in memory, never unpacked, and no size that they state is believed."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from lockage.adapters.sources import archive as reader
from lockage.adapters.sources.archive import is_archive, read_archive
from lockage.errors import UsageError

FILES = {"app/db/001_a.sql": b"SELECT 1", "app/db/002_b.go": b"package m", "app/logo.png": b"\x89PNG", "app/.git/x.sql": b""}
MATTERING = {"app/db/001_a.sql": b"SELECT 1", "app/db/002_b.go": b""}  # of a program only the name


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def packed(path: Path, files: dict[str, bytes], *, mode: str = "w:gz", links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_what_can_matter_is_read_from_a_tar_however_it_is_packed(tmp_path: Path, mode: str) -> None:
    path = packed(tmp_path / "a.bin", FILES, mode=mode)
    assert is_archive(path)
    assert read_archive(path) == MATTERING


def test_what_can_matter_is_read_from_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", FILES)
    assert is_archive(path)
    assert read_archive(path) == MATTERING


def test_a_file_of_sql_and_a_folder_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1")
    assert not any(is_archive(path) for path in (tmp_path, tmp_path / "a.sql", tmp_path / "missing"))


@pytest.mark.parametrize("name", ["../out.sql", "/etc/out.sql", "a/../../out.sql", "a\\..\\..\\out.sql"])
def test_a_name_that_leads_outside_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for path in (zipped(inside / "a.zip", {name: b"x"}), packed(inside / "a.tar.gz", {name: b"x"})):
        with pytest.raises(UsageError, match="leads out of it") as caught:
            read_archive(path)
        assert (caught.value.code, bool(caught.value.hint)) == ("LK655", True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "a.zip", "inside"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar", MATTERING, mode="w", links={"app/db/003_c.sql": "/etc/passwd"})
    assert read_archive(path) == MATTERING


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_whole(tmp_path: Path, kind: str) -> None:
    files = {"1_a.sql": bytes(reader.FILE_LIMIT_BYTES + 1)}
    path = zipped(tmp_path / "a.zip", files) if kind == "zip" else packed(tmp_path / "a.tgz", files)
    assert path.stat().st_size < 100_000
    with pytest.raises(UsageError, match=r"1_a\.sql: more than the") as caught:
        read_archive(path)
    assert caught.value.code == "LK413"


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_an_archive_that_is_cut_short_is_said_to_be_broken(tmp_path: Path, cut: float) -> None:
    noise = bytes(n * n % 251 for n in range(200_000))
    path = packed(tmp_path / "a.tgz", {"1_a.sql": noise})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(UsageError) as caught:
        read_archive(path)
    assert caught.value.code == "LK655"


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"1_a.sql": b"SELECT 1"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag "encrypted", in the file's own head
    data[data.index(b"PK\x01\x02") + 8] |= 1  # … and in the list at the end
    path.write_bytes(bytes(data))
    with pytest.raises(UsageError) as caught:
        read_archive(path)
    assert caught.value.code == "LK655"
