"""What every ``Journals`` must do, on disk and in memory: subclass ``JournalsSuite`` and give it ``journals``."""

from __future__ import annotations

from datetime import UTC, datetime

from lockage.ports import JournalEntry, Journals

AT = datetime(2026, 1, 5, 3, 0, 0, 123456, tzinfo=UTC)


def entry(text: str) -> JournalEntry:
    """An entry with something in every field."""
    return JournalEntry(at=AT, kind="saw", hop=1, step="guard-migration", text=text, data=b'{"a": 1}')


class JournalsSuite:
    """Inherited by the tests of each implementation."""

    def test_what_was_appended_is_read_in_order_and_unchanged(self, journals: Journals) -> None:
        entries = tuple(entry(text) for text in ("first", "Zweites, mit Ümläuten", "third"))
        with journals.create("demo", run_id="run-1") as journal:
            for one in entries:
                journal.append(one)
            assert journal.run_id == "run-1"
            assert journal.entries() == entries
            assert journals.read("run-1") == entries, "also while it is written"
        assert journals.read("run-1") == entries

    def test_a_run_goes_on_where_it_was(self, journals: Journals) -> None:
        with journals.create("demo", run_id="run-1") as journal:
            journal.append(entry("before"))
        with journals.open("run-1") as journal:
            journal.append(entry("after"))
        assert [e.text for e in journals.read("run-1")] == ["before", "after"]

    def test_a_run_of_which_nothing_was_written_is_a_run(self, journals: Journals) -> None:
        with journals.create("demo", run_id="run-1"):
            pass
        assert journals.runs("demo") == ("run-1",)
        assert journals.read("run-1") == ()
