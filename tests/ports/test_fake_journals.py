"""The journals in memory of the flows' tests keep the port's promises, as far as one promises them of them."""

from __future__ import annotations

import pytest

from lockage.ports import Journals
from ports.journals_suite import JournalsSuite
from support.memory_journals import MemoryJournals


class TestMemoryJournals(JournalsSuite):
    @pytest.fixture
    def journals(self) -> Journals:
        return MemoryJournals()
