"""What migrators, clients and poolers really said before they ended, and the cause that is in plain sight in it.

Each text is as its program prints it; none is of an application that a profile describes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.findings import Case, Diagnosis
from lockage.core.diagnosis.rules import RULES
from lockage.interfaces.causes import causes
from support import cases as c

NAME = c.names()[0]


def ended_with(*lines: str, known: bool = False) -> Case:
    """The new release's first replica ends again and again with these words; the old ones serve, and no ledger is known."""
    new = c.pod(NAME, ready=False, containers=(c.crashing(c.ended(1, at=40, after_s=12)),), created_at=c.ago(300))
    platform = {
        "details": (new, *(c.old_pod(name) for name in c.names(of=c.OLD_SET))),
        "revisions": (
            c.old_revision(wanted=3, present=3, ready=3),
            c.revision(wanted=1, present=1, ready=0, created_at=c.ago(300)),
        ),
        "conditions": c.progressing(reason="ReplicaSetUpdated"),
        "logs": (c.log(*lines, previous=True),),
    }
    return c.case(platform=platform, known=known, database={"ledger": None, "ledger_rows": None, "server_log": None})


def told(seen: Case) -> Diagnosis:
    diagnosis = diagnose(seen, causes=causes(), rules=RULES)
    assert not [one for one in diagnosis.missing if one.source.startswith("rule ")]
    return diagnosis


CORPUS = Path(__file__).parents[2] / "corpus" / "last_words.txt"


def said() -> list[tuple[str, str, tuple[str, ...]]]:
    """(cause, name, lines) of each text."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for part in CORPUS.read_text().split("\n=== ")[1:]:
        head, *lines = part.rstrip("\n").split("\n")
        code, _, name = head.partition(" ")
        found.append((code, name, tuple(lines)))
    return found


SAID = said()


@pytest.mark.parametrize(("code", "lines"), [(code, lines) for code, _, lines in SAID], ids=[name for _, name, _ in SAID])
def test_the_cause_in_plain_sight_comes_first(code: str, lines: tuple[str, ...]) -> None:
    first, *others = told(ended_with(*lines)).findings
    assert first.code == code
    assert {other.code for other in others if other.because is None} == set()
    assert any(line.strip()[:60] in str(first) for line in lines if line.strip())
