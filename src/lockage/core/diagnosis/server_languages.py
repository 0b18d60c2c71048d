"""What a server says in its own language, said in English, so that one set of rules reads both.

Not for what a person is shown: evidence quotes the line as it was written. The surprising thing: only messages that a cause
rests on are known, and a line is looked at closely only where it cannot be English or says that something failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lockage.core.diagnosis.server_words import KINDS, MESSAGES

KEPT = 16_384
"""Lines that are kept as they were said in English: replicas that crash say the same again and again."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    anchor: str  # the longest part without a name: looked for first, because it is quick
    letters: int  # in all parts
    pattern: re.Pattern[str]
    english: str  # with ``{}`` for the names
    order: tuple[int, ...]  # of the names in it, as groups of the pattern

    def said(self, found: re.Match[str]) -> str:
        """The English message with the names that were found."""
        return self.english.format(*(found[number] for number in self.order))


_PLACE = re.compile(r"%(?:(?P<number>\d)\$)?s")
_KINDS = "|".join(sorted(map(re.escape, KINDS), key=len, reverse=True))
_KIND = re.compile(rf"(?<!\w)(?P<kind>{_KINDS})\s?[:\uff1a](?=\s)")  # the second is a colon of full width
_FAILED = re.compile(r"\b(?:ERROR|FATAL|PANIC|FEHLER|ERREUR|ERRORE|FATALE|FEL|FATALT)\s?:")


@lru_cache(maxsize=KEPT)
def in_english(text: str) -> str:
    """The text with the server's severity and message in English; as it is where neither is known."""
    if text.isascii() and not _FAILED.search(text):
        return text
    text = kinds_in_english(text)
    for sentence in _SENTENCES:
        if sentence.anchor in text and sentence.pattern.search(text) is not None:
            return sentence.pattern.sub(sentence.said, text)  # some clients print it twice
    return text


def kinds_in_english(text: str) -> str:
    """The text with what stands before a message in English: its severity, or that it is a detail, a hint, a statement."""
    return _KIND.sub(lambda found: f"{KINDS[found['kind']]}:", text)


def _sentences() -> Iterator[_Sentence]:
    english = ""
    for line in MESSAGES.strip().splitlines():
        if line.startswith("  "):
            yield _sentence(line.strip(), english)
        else:
            english = line


def _sentence(said: str, english: str) -> _Sentence:
    parts = _PLACE.split(said)[::2]
    numbers = [int(found["number"] or index) for index, found in enumerate(_PLACE.finditer(said), start=1)]
    last = said.endswith("%s")
    names = ["(.+?)"] * (len(parts) - 1)
    if names and not parts[0]:
        names[0] = r"((?:[A-Z]+ )*[^\s:]+)"  # a name, or a command such as ALTER TABLE
    if last and names:
        names[-1] = r"([^\s,;]+(?:\.\w+)*)"
    pieces = [re.sub(r"(?:\\\s)+", r"\\s+", re.escape(part)) for part in parts]
    pattern = "".join(piece + name for piece, name in zip(pieces, [*names, ""], strict=True))
    order = tuple(numbers.index(number) + 1 for number in range(1, len(numbers) + 1))
    return _Sentence(
        anchor=max(parts, key=len).strip(),
        letters=sum(map(len, parts)),
        pattern=re.compile(pattern),
        english=_PLACE.sub("{}", english),
        order=order,
    )


_SENTENCES = tuple(sorted(_sentences(), key=lambda sentence: sentence.letters, reverse=True))
"""Those with the longest words first: one message may be a part of another."""
