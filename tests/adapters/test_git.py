"""Releases from a real repository's tags: patches with back-ported migrations, numbers that diverge, look-alikes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lockage.adapters.release_tables import keep_table, kept_table
from lockage.adapters.sources.git import read_release_table
from lockage.core.migration.formats import golang_migrate
from lockage.core.release.fits import Fit, ambiguities, fits
from lockage.errors import UsageError

FOLDER = "server/database/migrations"


class Repository:
    """A repository that is made as the test goes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> None:
        who = [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.invalid",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "tag.gpgsign=false",
        ]
        subprocess.run(["git", "-C", str(self.path), *who, *arguments], check=True, capture_output=True)

    def release(self, tag: str, **migrations: str) -> None:
        for name, text in migrations.items():
            file = self.path / FOLDER / f"{name.removeprefix('m')}.up.sql"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.with_name(file.name.replace(".up.", ".down.")).write_text("-- back")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", tag)
        self.git("tag", "-m", tag, tag)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "app")
    fixtures = made.path / FOLDER / "testdata" / "fixtures"
    fixtures.mkdir(parents=True)
    for number in range(1, 30):
        (fixtures / f"{number:06}_fixture.up.sql").write_text("select 1")
    made.release("v2.26.0", m000001_users="create table users ()", m000002_keys="create table keys ()")
    made.git("branch", "release/2.26")
    made.release("v2.27.0-rc.1", m000003_teams="create table teams ()")
    made.release("v2.27.0", m000004_roles="create table roles ()")
    made.release("v2.27.1")
    made.git("checkout", "-q", "release/2.26")
    made.release("v2.26.1", m000003_index_keys="create index on keys ()")
    made.git("tag", "cli/v9.9.9")
    return made


def test_every_patch_is_read_with_what_it_really_brings(repository: Repository) -> None:
    table = read_release_table(repository.path, form=golang_migrate.FORMAT)
    assert table.folder == FOLDER
    assert [(r.release, r.last) for r in table.releases] == [("2.26.0", 2), ("2.26.1", 3), ("2.27.0", 4), ("2.27.1", 4)]
    assert [one.fit for one in fits(table.releases, 4)] == [Fit.LACKS, Fit.LACKS, Fit.ENDS, Fit.ENDS]


def test_a_back_port_with_another_s_number_is_told_by_what_the_file_holds(repository: Repository) -> None:
    table = read_release_table(repository.path, form=golang_migrate.FORMAT)
    (sentence,) = ambiguities(table.releases, 3)
    assert "index_keys in 2.26.1 and teams in 2.27.0" in sentence


def test_a_bare_clone_and_a_folder_inside_serve_as_well(repository: Repository, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository.path), str(bare)], check=True, capture_output=True)
    whole = read_release_table(repository.path, form=golang_migrate.FORMAT)
    assert read_release_table(bare, form=golang_migrate.FORMAT) == whole
    assert read_release_table(repository.path / "server", form=golang_migrate.FORMAT, folder=FOLDER) == whole


def test_the_checkout_stays_as_it_was(repository: Repository) -> None:
    (repository.path / FOLDER / "000001_users.up.sql").write_text("edited, and not committed")
    before = sorted((p, p.stat().st_mtime_ns) for p in repository.path.rglob("*") if p.is_file())
    read_release_table(repository.path, form=golang_migrate.FORMAT)
    assert sorted((p, p.stat().st_mtime_ns) for p in repository.path.rglob("*") if p.is_file()) == before


@pytest.mark.parametrize(
    ("name", "what"), [(".", "is no Git repository"), ("x", "is no folder"), ("nowhere", "does not exist")]
)
def test_what_is_no_repository_is_a_mistake_of_the_command_line(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(UsageError) as usage:
        read_release_table(tmp_path / name, form=golang_migrate.FORMAT)
    assert (usage.value.code, usage.value.message) == ("LK697", f"{tmp_path / name} {what}")
    assert ("--migrations" in (usage.value.hint or "")) is (name == ".")


def test_a_repository_without_releases_or_migrations_says_which_is_missing(tmp_path: Path) -> None:
    empty = Repository(tmp_path / "empty")
    with pytest.raises(UsageError) as usage:
        read_release_table(empty.path, form=golang_migrate.FORMAT)
    assert usage.value.code == "LK575"
    empty.release("v1.0.0")
    with pytest.raises(UsageError) as usage:
        read_release_table(empty.path, form=golang_migrate.FORMAT)
    assert usage.value.code == "LK576"


def test_a_table_is_kept_and_one_that_is_damaged_is_none(repository: Repository, tmp_path: Path) -> None:
    table = read_release_table(repository.path, form=golang_migrate.FORMAT, today="2026-11-20")
    assert kept_table(tmp_path / "kept", "app") is None
    assert keep_table(tmp_path / "kept", "app", table)
    assert kept_table(tmp_path / "kept", "app") == table
    (tmp_path / "kept" / "app.json").write_text("{")
    assert kept_table(tmp_path / "kept", "app") is None
