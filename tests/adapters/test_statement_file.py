"""A file with the running release's statements is text, or says why it is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockage.adapters.sources.statement_file import FILE_LIMIT_BYTES, read_statement_text
from lockage.errors import UsageError


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as refused:
        read_statement_text(path)
    assert refused.value.code == "LK707"
    return refused.value.message


def test_a_mark_of_the_byte_order_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "statements.csv"
    file.write_bytes("\ufeffselect 1".encode())
    assert read_statement_text(file) == "select 1"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv") == f"{tmp_path}/none.csv cannot be read: No such file or directory"
    (tmp_path / "latin.csv").write_bytes(b"select '\xe9'")
    assert refusal(tmp_path / "latin.csv") == f"{tmp_path}/latin.csv is not UTF-8 (byte 8)"


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    with file.open("wb") as sparse:
        sparse.truncate(FILE_LIMIT_BYTES + 1)
    assert refusal(file) == f"{file} is larger than 64 MiB"
