"""A schema dump without the secrets in its literals, which can still be restored.

Not for reading by others (``schema_dump`` takes the bodies and all literals out). The surprising thing: only what stands
between quotes, or in a comment of code, is ever masked. A name or a keyword that looks like a secret is the schema itself, and
without it the shadow would be of another.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lockage.core.redaction.finds import Kind
from lockage.core.redaction.masking import MASK
from lockage.core.redaction.named import is_harmless, is_telling
from lockage.core.redaction.quoted import Cut, Quoted, literals_of, statements_of
from lockage.core.redaction.redaction import shapes

_TEXTS = r"(?:pg_catalog\.)?(?:text|character varying|varchar|character|bpchar|bytea|jsonb?|name|citext)\b"
_OTHER_TYPE = re.compile(rf"'\s*::(?!{_TEXTS})")
"""A literal of another type than text: an enum's label, a date, the name of a relation. No secret is one."""

_ENUM = re.compile(r"CREATE TYPE [^;(]*? AS ENUM\b", re.IGNORECASE)
_FOREIGN = re.compile(r"(?:CREATE|ALTER)\s+(?:SERVER|USER MAPPING|FOREIGN DATA WRAPPER)\b", re.IGNORECASE)
_OPTION = re.compile(r"(?P<option>\w+)\s+\Z")
_OPEN_OPTIONS = frozenset({"extensions", "analyze_sampling", "sslmode", "updatable", "truncatable", "format", "encoding"})
_OPEN_VALUE = re.compile(r"\d{1,7}(?:\.\d+)?|true|false|on|off|auto")
_DEFAULT = re.compile(
    r"""(?mx) (?P<name>"[^"\n]+"|\w+) [ ] (?:[^\n',;()]|\([^()\n]*\))*?
        (?:\bDEFAULT|:=)[ ]* (?P<literal>[eE]?'(?:[^']+|'')*')""",
)
_BOUND = re.compile(r"FOR VALUES [^;]*\Z")
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+(?![\w.@-])")
"""An e-mail address; a pattern that addresses must match has brackets and stars where this has none."""


class Masked(NamedTuple):
    """A dump, and how many places of it are masked."""

    text: str
    places: int


def without_secrets(dump: str) -> Masked:
    """The dump with ``***`` in the place of passwords, tokens, keys, addresses and options of foreign servers and users."""
    quoted = [
        one
        for cut in statements_of(dump)
        if not _ENUM.match(dump, cut.start)
        for one in literals_of(dump, cut.start, cut.end)
        if one.of_code or not _OTHER_TYPE.match(dump, one.end)
    ]
    places = {*_of_shape(dump, quoted), *_of_columns(dump), *_of_servers(dump), *_of_people(dump, quoted)}
    parts, done, masked = list[str](), 0, 0
    for start, end in sorted(places):
        if start < done or dump[start:end].strip() in ("", MASK):
            continue
        parts += (dump[done:start], MASK)
        done, masked = end, masked + 1
    parts.append(dump[done:])
    return Masked("".join(parts), masked)


def _of_shape(dump: str, quoted: Sequence[Quoted]) -> Iterator[tuple[int, int]]:
    """What shows to be secret by itself or by a name beside it, as far as it stands in a literal."""
    ends = [one.end for one in quoted]
    for layer, find in shapes(dump, personal=False):
        if find.kind is Kind.VALUE:
            continue
        start, end = (find.start, find.end) if layer.below is None else layer.span(find.start, find.end)
        for one in quoted[bisect_left(ends, start + 1) :]:
            if one.start >= end:
                break
            yield max(start, one.start), min(end, one.end)


def _of_columns(dump: str) -> Iterator[tuple[int, int]]:
    """Defaults of columns, variables and parameters whose name says that they are secret."""
    for found in _DEFAULT.finditer(dump):
        start, end = found.span("literal")
        start = dump.index("'", start) + 1
        value = dump[start : end - 1]
        # Of a variable, DECLARE or another word of the language may come first.
        names = re.findall(r'"[^"\n]+"|\w+', dump[found.start() : found.start("literal")])
        if any(is_telling(name) for name in names) and not is_harmless(value) and not _OTHER_TYPE.match(dump, end - 1):
            yield start, end - 1


def _of_people(dump: str, quoted: Sequence[Quoted]) -> Iterator[tuple[int, int]]:
    """Addresses of people; but for those by which partitions are told apart, which are the schema itself."""
    for one in quoted:
        if "@" in dump[one.start : one.end] and not _BOUND.search(dump, max(0, one.start - 4000), one.start):
            for found in _ADDRESS.finditer(dump, one.start, one.end):
                yield found.span()


def _of_servers(dump: str) -> Iterator[tuple[int, int]]:
    for cut in statements_of(dump):
        if _FOREIGN.match(dump, cut.start):
            yield from _options(dump, cut)


def _options(dump: str, cut: Cut) -> Iterator[tuple[int, int]]:
    for one in literals_of(dump, cut.start, cut.end):
        named = _OPTION.search(dump, max(cut.start, one.start - 80), one.start - 1)
        option = named["option"].lower() if named is not None else ""
        if option not in _OPEN_OPTIONS and not _OPEN_VALUE.fullmatch(dump[one.start : one.end]):
            yield one.start, one.end
