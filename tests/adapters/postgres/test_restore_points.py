"""What a real server shows of backups."""

from __future__ import annotations

import pytest

from lockage.adapters.postgres.restore_points import read_restore_points
from lockage.settings import Watching

pytestmark = pytest.mark.real


def test_a_server_without_an_archive_shows_none(database_url: str) -> None:
    assert read_restore_points(database_url, watching=Watching()).seen == ()
