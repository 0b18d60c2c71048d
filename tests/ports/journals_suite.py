"""What every ``Journals`` must do, on disk and in memory: subclass ``JournalsSuite`` and give it ``journals``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockage.errors import RefusedError, UsageError
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

    def test_runs_are_listed_oldest_first_and_by_deployment(self, journals: Journals) -> None:
        for deployment, run_id in (("demo", "run-2"), ("other", "run-3"), ("demo", "run-1")):
            with journals.create(deployment, run_id=run_id):
                pass
        assert journals.runs("demo") == ("run-1", "run-2")
        assert journals.runs() == ("run-1", "run-2", "run-3")
        assert journals.runs("nobody") == ()

    def test_a_second_writer_of_a_deployment_is_refused_and_may_write_later(self, journals: Journals) -> None:
        with journals.create("demo", run_id="run-1"):
            for second in (journals.create("demo", run_id="run-2"), journals.open("run-1")):
                with pytest.raises(RefusedError) as refused, second:
                    pass
                assert refused.value.code == "LK312"
            with journals.create("other", run_id="run-3"):
                pass
        with journals.open("run-1") as journal:
            journal.append(entry("later"))
        assert len(journals.read("run-1")) == 1

    def test_a_writer_that_fails_is_a_writer_no_more(self, journals: Journals) -> None:
        with pytest.raises(ZeroDivisionError), journals.create("demo", run_id="run-1"):
            raise ZeroDivisionError
        with journals.open("run-1"):
            pass

    def test_a_run_is_created_once_and_an_unknown_one_is_named(self, journals: Journals) -> None:
        with journals.create("demo", run_id="run-1"):
            pass
        with pytest.raises(RefusedError) as refused, journals.create("demo", run_id="run-1"):
            pass
        assert refused.value.code == "LK314"
        with pytest.raises(UsageError, match="run-9") as unknown:
            journals.read("run-9")
        assert unknown.value.code == "LK319"
