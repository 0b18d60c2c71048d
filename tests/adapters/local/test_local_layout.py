"""Where the local platform keeps its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockage.adapters.local.layout import Layout, check_private
from lockage.errors import RefusedError


def test_socket_paths_stay_short_however_long_the_state_folder_is(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path / ("x" * 200) / ("y" * 200))
    assert len(str(layout.api_socket)) < 100
    assert len(str(layout.front_socket)) < 100


def test_the_same_folder_has_the_same_sockets_by_whatever_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Layout.of(tmp_path / "link").api_socket == Layout.of(tmp_path / "real").api_socket
    assert Layout.of(tmp_path / "other").api_socket != Layout.of(tmp_path / "real").api_socket


def test_a_socket_folder_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    check_private(tmp_path / "absent")
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    (tmp_path / "link").symlink_to(folder)
    for wrong in (folder, tmp_path / "link"):
        with pytest.raises(RefusedError) as raised:
            check_private(wrong)
        assert raised.value.code == "LK308"
    folder.chmod(0o700)
    check_private(folder)
