"""What of a script silences foreign keys and triggers, and what ends that."""

from __future__ import annotations

import pytest

from lockage.core.migration.replication_role import Quiet, quiet_after


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("SET session_replication_role = replica", None, "session"),
        ("set session session_replication_role to 'replica'", None, "session"),
        ("SET LOCAL\n session_replication_role='replica'", None, "local"),
        ("SET session_replication_role = origin", "session", None),
        ("SET session_replication_role TO DEFAULT", "local", None),
        ("RESET session_replication_role", "session", None),
        ("SET lock_timeout = '2s'", "session", "session"),
        ("SET my.session_replication_role_of_mine = replica", None, None),
    ],
)
def test_the_scripts_own_words_silence_triggers_and_keys(text: str, before: Quiet | None, after: Quiet | None) -> None:
    assert quiet_after(text, before) == after
