"""Folders of migrations and statements are given as they are, or refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockage.adapters.sources import folder as module
from lockage.adapters.sources.folder import read_folder, read_statements, read_tree, resolve
from lockage.errors import UsageError


def test_regular_files_are_given_by_name_and_undecoded(tmp_path: Path) -> None:
    (tmp_path / "0002_b.up.sql").write_bytes(b"\xff\xfe not utf-8")
    (tmp_path / "0001_a.up.sql").write_text("select 1;")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "0003_c.up.sql").write_text("select 3;")
    (tmp_path / ".hidden").write_text("")
    os.mkfifo(tmp_path / "pipe")
    files = read_folder(tmp_path)
    assert list(files.items()) == [("0001_a.up.sql", b"select 1;"), ("0002_b.up.sql", b"\xff\xfe not utf-8")]


def test_a_link_to_a_file_counts_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("select 1;")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "0001_a.up.sql").symlink_to(tmp_path / "real")
    assert read_folder(tmp_path / "folder") == {"0001_a.up.sql": b"select 1;"}


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    for look in (lambda: read_folder(tmp_path / name), lambda: resolve(str(tmp_path / name))):
        with pytest.raises(UsageError) as caught:
            look()
        assert caught.value.code == "LK411"
        assert str(tmp_path / name) in caught.value.message


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "0001_a.up.sql").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError) as caught:
        read_folder(tmp_path)
    assert "0001_a.up.sql" in caught.value.message


def test_a_file_far_larger_than_a_migration_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "dump.sql").open("wb") as file:
        file.truncate(module.FILE_LIMIT_BYTES + 1)
    with pytest.raises(UsageError) as caught:
        read_folder(tmp_path)
    assert caught.value.code == "LK413"
    assert "dump.sql: 34 MB, more than the 34 MB" in caught.value.message


def test_too_many_files_together_are_refused(tmp_path: Path) -> None:
    for number in range(9):
        with (tmp_path / f"{number}.sql").open("wb") as file:
            file.truncate(module.FILE_LIMIT_BYTES)
    with pytest.raises(UsageError) as caught:
        read_folder(tmp_path)
    assert caught.value.code == "LK413"
    assert "together" in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "0001_a.up.sql").write_text("")
    (tmp_path / "0001_a.up.sql").chmod(0)
    with pytest.raises(UsageError) as caught:
        read_folder(tmp_path)
    assert caught.value.code == "LK412"


def test_a_folder_inside_an_installed_package_is_found() -> None:
    found = resolve("package:lockage.adapters.postgres/sql")
    assert (found / "select_sessions.sql").is_file()
    assert resolve("package:lockage") == found.parents[2]


@pytest.mark.parametrize(
    "source", ["package:no_such_package/x", "package:lockage/no_such_folder", "package:", "package:json.tool"]
)
def test_a_package_that_has_no_such_folder_is_named(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(source)
    assert caught.value.code == "LK411"


def test_a_relative_path_is_relative_to_what_the_caller_says(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    assert resolve("migrations", relative_to=tmp_path) == tmp_path / "migrations"
    assert resolve(str(tmp_path / "migrations"), relative_to=Path("/elsewhere")) == tmp_path / "migrations"


def test_statements_of_a_release_are_given_and_unknown_releases_are_said(tmp_path: Path) -> None:
    (tmp_path / "2.26.0.sql").write_text("-- name: á\nselect 1;")
    assert read_statements(str(tmp_path), "2.26.0") == "-- name: á\nselect 1;"
    for release in ("2.26.1", "../2.26.0"):
        with pytest.raises(UsageError) as caught:
            read_statements(str(tmp_path), release)
        assert caught.value.code == "LK414"
        assert "it has those of 2.26.0" in caught.value.message


def test_statements_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "2.26.0.sql").write_bytes(b"\xff")
    with pytest.raises(UsageError) as caught:
        read_statements(str(tmp_path), "2.26.0")
    assert caught.value.code == "LK412"


def test_a_tree_has_what_can_matter_in_folders_within_but_nothing_hidden(tmp_path: Path) -> None:
    for name in (
        "1_a.sql",
        "notes.txt",
        "2024/2_b.sql",
        "2024/notes.txt",
        ".git/3_c.sql",
        "2024/.hidden/4_d.sql",
        "1/2/3/4/5/6/7/x.sql",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert read_tree(tmp_path) == {"1_a.sql": b"1_a.sql", "notes.txt": b"notes.txt", "2024/2_b.sql": b"2024/2_b.sql"}


def test_a_link_that_leads_nowhere_matters_only_where_a_migration_is_meant(tmp_path: Path) -> None:
    (tmp_path / "0001_a.up.sql").write_text("select 1;")
    (tmp_path / "later").mkdir()
    for readme in (tmp_path / "README", tmp_path / "later" / "README"):
        readme.symlink_to(tmp_path / "nowhere")
    assert list(read_tree(tmp_path)) == ["0001_a.up.sql"]
    for place in (tmp_path / "later", tmp_path):
        (place / "0002_b.up.sql").symlink_to(tmp_path / "nowhere")
        with pytest.raises(UsageError, match=r"0002_b\.up\.sql is a link to a file that is not there$") as caught:
            read_tree(tmp_path)
        assert caught.value.code == "LK412"
