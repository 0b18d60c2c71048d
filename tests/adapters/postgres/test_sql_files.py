"""The adapter's queries as files: what holds for each of them, without a server."""

from __future__ import annotations

from importlib import resources


def test_sql_can_be_sent_to_a_database_of_any_encoding() -> None:
    folder = resources.files("lockage.adapters.postgres") / "sql"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    assert texts
    assert [name for name, text in texts.items() if not text.isascii()] == []
