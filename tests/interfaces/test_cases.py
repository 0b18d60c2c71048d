"""A case written to a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockage.errors import RefusedError
from lockage.interfaces.cases import save_case
from support.cases import case


def test_a_folder_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "case.json"
    with pytest.raises(RefusedError) as refused:
        save_case(case(), file, masked=lambda data: data)
    assert (refused.value.code, refused.value.message) == ("LK604", f"{file} cannot be written: No such file or directory")
