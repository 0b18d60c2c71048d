"""What a failure on a shadow tells of a statement that tried to reach out of it."""

from __future__ import annotations

import pytest

from lockage.core.forecast.outside import stopped_at
from lockage.core.forecast.trace import Failure


@pytest.mark.parametrize(
    ("message", "how"),
    [
        ('could not execute command "touch x": Permission denied', "starts a program"),
        ('could not open file "/tmp/x" for writing: Permission denied', "opens a file of the server's machine"),
        ('could not open file "…" for reading: No such file or directory', "opens a file of the server's machine"),
        ('could not create server file "/tmp/x": Permission denied', "opens a file of the server's machine"),
        ("could not establish connection", "calls another server"),
        ('could not connect to server "elsewhere"', "calls another server"),
        ("could not connect to the publisher: connection to server failed", "calls another server"),
        ('subscription "s" could not connect to the publisher: connection to server failed', "calls another server"),
    ],
)
def test_the_servers_words_tell_what_it_could_not_reach(message: str, how: str) -> None:
    assert stopped_at(Failure(sqlstate="42501", message=message)) == how


@pytest.mark.parametrize(
    "message",
    [
        'could not open file "base/5/16384": No such file or directory',
        'could not access file "$libdir/x": No such file or directory',
        "permission denied for table t",
    ],
)
def test_other_failures_are_the_statements_own(message: str) -> None:
    assert stopped_at(Failure(sqlstate="58P01", message=message)) is None


def test_what_did_not_fail_was_not_stopped() -> None:
    assert stopped_at(None) is None
