"""What a release is, what it says of itself, and what it asks of its database."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.demo.towpath.background import phase_of
from lockage.demo.towpath.cli import main
from lockage.demo.towpath.errors import SettingsError, UnknownReleaseError
from lockage.demo.towpath.migrator import migrations_of
from lockage.demo.towpath.releases import migrations_dir, release_named, releases
from lockage.demo.towpath.settings import settings_from
from lockage.demo.towpath.statements import printed, statements_of

VERSIONS = [release.version for release in releases()]


def test_every_release_adds_to_the_one_before() -> None:
    for earlier, later in pairwise(releases()):
        assert earlier.last_migration < later.last_migration
        assert statements_of(earlier).keys() <= statements_of(later).keys()


def test_migrations_are_numbered_without_a_hole_and_each_has_its_way_back() -> None:
    newest = migrations_of(releases()[-1])
    assert [migration.version for migration in newest] == list(range(1, releases()[-1].last_migration + 1))
    for migration in newest:
        assert (migrations_dir() / migration.path.name.replace(".up.", ".down.")).exists()
    assert len(list(migrations_dir().iterdir())) == 2 * len(newest)


def test_the_scope_of_a_key_is_read_by_2_26_and_no_longer_by_2_27() -> None:
    assert re.search(r"\bscope\b", statements_of(release_named("2.26.6"))["authenticate"])
    assert not re.search(r"\bscope\b", "".join(statements_of(release_named("v2.27.8")).values()))


def test_an_unknown_release_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnknownReleaseError, match=r"no towpath 2\.28\.0; there are 2\.26\.0, 2\.26\.6"):
        release_named("2.28.0")


@pytest.mark.parametrize("version", VERSIONS)
def test_version_is_printed_like_that_of_real_control_planes(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--release", version, "version"]) == 0
    assert re.match(rf"towpath v{re.escape(version)} \w{{3}} \w{{3}} [ \d]\d \d\d:", capsys.readouterr().out)
    assert main(["version", "--release", version, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == f"v{version}"


def test_the_environment_says_which_release_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TOWPATH_RELEASE", "2.26.6")
    assert main(["version"]) == 0
    assert "v2.26.6" in capsys.readouterr().out


def test_releases_are_printed_with_their_last_migration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["releases", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"2.26.0": 12, "2.26.6": 13, "2.27.8": 18, "2.27.9": 19}


def test_printed_statements_are_those_that_the_application_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statements", "--release", "2.26.0"]) == 0
    assert capsys.readouterr().out == printed(statements_of(release_named("2.26.0")))
    assert main(["--release", "2.27.8", "statements", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == statements_of(release_named("2.27.8"))


def test_a_command_that_fails_says_so_and_exits_as_documented(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TOWPATH_PG_CONNECTION_URL", raising=False)
    assert main(["server"]) == 2
    assert 'Encountered an error running "towpath server"\nerror: TOWPATH_PG_CONNECTION_URL' in capsys.readouterr().err
    assert main(["--release", "1.0.0", "version"]) == 2


def test_version_starts_without_the_database_driver() -> None:
    code = "import sys; from lockage.demo.towpath.cli import main; main(['version']); assert 'psycopg' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("value", ["no", "-1", "nan"])
def test_a_number_that_is_none_is_refused_by_the_variables_name(value: str) -> None:
    with pytest.raises(SettingsError, match="TOWPATH_REPORT_LENGTH_S"):
        settings_from({"TOWPATH_PG_CONNECTION_URL": "x", "TOWPATH_REPORT_LENGTH_S": value})


def test_settings_come_from_the_environment_and_else_from_their_defaults() -> None:
    settings = settings_from({"TOWPATH_PG_CONNECTION_URL": "url", "TOWPATH_REPLICA": "towpath-2", "TOWPATH_PG_POOL_MAX": "5"})
    assert settings.application_name == "towpath/towpath-2"
    assert (settings.pool_max, settings.report_length_s) == (5, 30.0)


@given(st.text(max_size=20))
def test_the_phase_of_a_replica_lies_in_its_cycle_and_stays(replica: str) -> None:
    assert 0 <= phase_of(replica) < 1
    assert phase_of(replica) == phase_of(replica)


def test_replicas_in_a_row_begin_their_reports_apart() -> None:
    phases = sorted(phase_of(f"towpath-{number}") for number in range(1, 6))
    assert min(later - earlier for earlier, later in pairwise(phases)) > 0.1
