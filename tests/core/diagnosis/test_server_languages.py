"""What servers of ten languages say, said in English: each message with its names, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.diagnosis.log_lines import read_line
from lockage.core.diagnosis.server_entries import server_entries
from lockage.core.diagnosis.server_languages import in_english
from lockage.core.diagnosis.server_messages import meant_sqlstate
from lockage.core.diagnosis.server_words import MESSAGES


def translations() -> list[tuple[str, str]]:
    """(English, another language) of every message, with names put in."""
    found: list[tuple[str, str]] = []
    english = ""
    for line in MESSAGES.strip().splitlines():
        if not line.startswith("  "):
            english = line
        else:
            names = [f"name{number}" for number in range(1, english.count("%s") + 1)]
            said = line.strip()
            for number, name in enumerate(names, start=1):
                said = said.replace(f"%{number}$s", name).replace("%s", name, 1)
            found.append((english.replace("%s", "{}").format(*names), said))
    return found


@pytest.mark.parametrize(("english", "said"), translations(), ids=lambda text: text[:60])
def test_every_message_is_known_with_its_names(english: str, said: str) -> None:
    assert in_english(f"psycopg.OperationalError: FATAL:  {said}").endswith(f"FATAL:  {english}")


def test_every_message_has_a_sqlstate_by_its_english_words() -> None:
    english = {english for english, _ in translations()}
    assert [text for text in english if meant_sqlstate(f"FATAL:  {text}") is None] == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "goose run: pq: Rolle »app« existiert nicht (28000); pq: Rolle »app« existiert nicht (28000)",
            'goose run: pq: role "app" does not exist (28000); pq: role "app" does not exist (28000)',
        ),
        (
            "Caused by: org.postgresql.util.PSQLException: ERREUR: la relation « boats » existe déjà",
            'Caused by: org.postgresql.util.PSQLException: ERROR: relation "boats" already exists',
        ),
        ("ERROR:  se ha detectado un deadlock", "ERROR:  deadlock detected"),
    ],
)
def test_a_line_keeps_what_stands_around_the_message(line: str, text: str) -> None:
    assert read_line(line).text == text
    assert read_line(line).raw == line


def test_the_servers_own_log_is_read_in_its_language() -> None:
    [entry] = server_entries(
        (
            "2026-11-22 02:59:30.000 UTC [4711] FEHLER:  Verklemmung (Deadlock) entdeckt",
            "2026-11-22 02:59:30.000 UTC [4711] DETAIL:  Prozess 4711 wartet auf AccessExclusiveLock.",
            "2026-11-22 02:59:30.000 UTC [4711] TIPP:  Einzelheiten zur Anfrage finden Sie im Serverlog.",
            "2026-11-22 02:59:30.000 UTC [4711] ANWEISUNG:  ALTER TABLE users ADD COLUMN c int",
        )
    )
    assert (entry.severity, entry.sqlstate, entry.message) == ("ERROR", "40P01", "deadlock detected")
    assert entry.statement == "ALTER TABLE users ADD COLUMN c int"
    assert entry.failed


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    in_english(text)


@pytest.mark.parametrize("line", ["ERROR: no such user", "über alles gesprochen", "ATTENTION: boats", "Rolle rückwärts"])
def test_what_the_server_does_not_say_stays_as_it_is(line: str) -> None:
    assert read_line(line).raw == line
    assert "does not exist" not in in_english(line)
