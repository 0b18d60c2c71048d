"""A diagnosis without the values in statements: what a person pastes into a chat must not be somebody's e-mail address.

Not for the credentials in it, which never stay (``redaction``), nor for commands to type, which need their values. The
surprising thing: it works on what was said and not on what was seen. A migration that is under way is known by its text, and
with its literals gone it would be known no more.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from lockage.core.diagnosis.findings import Case, Diagnosis, Exhibit, Finding
from lockage.core.diagnosis.migrator import statement_in_words
from lockage.core.redaction import mask_statement, mask_values

LEAST_CHARS = 20
"""Below this a statement is not looked for: ``COMMIT`` and ``BEGIN`` have no values, and stand everywhere."""


def without_values(diagnosis: Diagnosis, case: Case) -> Diagnosis:
    """The same, with ``***`` for every literal of a statement in causes, evidence and progress."""
    statements = tuple(_statements(case))

    def masked(text: str) -> str:
        for statement in statements:
            text = _masked_statement(text, statement)
        return mask_values(text)

    def of_finding(finding: Finding) -> Finding:
        shown = tuple(Exhibit(source=one.source, text=masked(one.text)) for one in finding.evidence)
        return replace(finding, cause=masked(finding.cause), evidence=shown)

    migrating = diagnosis.migrating
    return replace(
        diagnosis,
        findings=tuple(map(of_finding, diagnosis.findings)),
        migrating=replace(migrating, text=masked(migrating.text)) if migrating is not None else None,
    )


def _statements(case: Case) -> Iterator[str]:
    """Statements of sessions that have values, as they are shown, each once; long ones first, as one may begin another."""
    looks = case.evidence.database.looks or ()
    texts = {statement_in_words(s.query, most=len(s.query)) for look in looks for s in look.sessions}
    yield from sorted((t for t in texts if len(t) >= LEAST_CHARS and mask_statement(t) != t), key=len, reverse=True)


def _masked_statement(text: str, statement: str) -> str:
    """The text with the values masked where it shows the statement, or as much of it as there was room for."""
    done = 0
    while (begin := text.find(statement[:LEAST_CHARS], done)) >= 0:
        end = begin + LEAST_CHARS
        while end < len(text) and end - begin < len(statement) and text[end] == statement[end - begin]:
            end += 1
        shown = mask_statement(text[begin:end])
        text = text[:begin] + shown + text[end:]
        done = begin + len(shown)
    return text
