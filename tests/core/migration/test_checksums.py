"""Checksums as migrators write them, and files that were edited after they were applied."""

from __future__ import annotations

import pytest

from lockage.core.migration.applied import edited_since
from lockage.core.migration.checksums import crc32_of_lines, sha256, sha384
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations

TEXT = b"CREATE TABLE orders (\n  id bigint PRIMARY KEY\n);\n"


@pytest.mark.parametrize("data", [TEXT, TEXT.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + TEXT, TEXT.rstrip(b"\n")])
def test_flyways_checksum_is_that_of_the_lines(data: bytes) -> None:
    # zlib.crc32(b"CREATE TABLE orders (  id bigint PRIMARY KEY);"), as a signed number.
    assert crc32_of_lines(data) == {"1195080086"}


def test_a_checkout_with_other_line_ends_has_the_checksum_of_the_original() -> None:
    for checksum in (sha256, sha384):
        [own] = checksum(TEXT.replace(b"\n", b" "))
        assert len(own) in {64, 96}
        assert checksum(TEXT) & checksum(TEXT.replace(b"\n", b"\r\n"))


FILES = {"1_a.sql": b"SELECT 1", "2_b.sql": b"SELECT 2", "3_c.sql": b"SELECT 3"}
MIGRATIONS = read_migrations(FILES, form=format_named("sqlx"))


def of(**files: bytes) -> dict[str, str]:
    return {name.removeprefix("v"): min(sha384(data)) for name, data in files.items()}


def test_a_file_that_is_not_what_was_applied_is_named() -> None:
    ledger = of(v1=b"SELECT 1", v2=b"SELECT 22")
    assert edited_since(MIGRATIONS, FILES, ledger, checksum=sha384) == ("2_b.sql",)


def test_where_no_file_agrees_the_migrator_reckons_otherwise_and_nothing_is_said() -> None:
    assert edited_since(MIGRATIONS, FILES, of(v1=b"x", v2=b"y"), checksum=sha384) == ()
    assert edited_since(MIGRATIONS, FILES, {}, checksum=sha384) == ()
