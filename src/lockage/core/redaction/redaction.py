"""One redaction for everything that belongs together: what it has learned in one text, it masks in all of them.

Not for the second look at finished files (``leaks``), which shares nothing with it. The surprising thing: there are two rounds.
First every text is shown to ``learn``, then each is masked; so that a password that stands beside its name in one place goes
from all the others, too. The same secret becomes the same token, by a key that is thrown away: nobody can look one up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from lockage.core.redaction.credentials import credentials
from lockage.core.redaction.encoded import decoded_runs
from lockage.core.redaction.finds import TOKEN, Find, Kind
from lockage.core.redaction.known import KnownSecrets, is_searchable
from lockage.core.redaction.layers import LONG, Layer, joined, layers, plain
from lockage.core.redaction.named import named_values
from lockage.core.redaction.personal import emails, ip_addresses
from lockage.core.redaction.statements import quoted_statements, statement_literals
from lockage.core.redaction.told import told_values

KEPT_TEXTS = 5000
"""Texts whose finds are kept, since each is looked at twice; a log of days has more, and looks at each once."""

MAX_ROUNDS = 4
"""What is masked makes new neighbours; a further round seldom finds anything."""

_READABLE = re.compile(r"\w")
_PRECEDENCE = {kind: place for place, kind in enumerate(Kind)}


class Redaction:
    """What is known to be secret, and texts without it."""

    def __init__(
        self,
        *,
        key: bytes,
        known: Mapping[str, Kind] | None = None,
        public: Iterable[str] = (),
        addresses: bool = False,
    ) -> None:
        """``public`` are names and texts that stay readable; ``addresses``: mask IP addresses, too."""
        self._key = key
        self._public = frozenset(text.lower() for text in public)
        self._addresses = addresses
        self._secrets: dict[str, Kind] = {value: kind for value, kind in (known or {}).items() if value.strip()}
        self._search: KnownSecrets | None = None
        self._found: dict[tuple[str, bool], tuple[Find, ...]] = {}
        self._masked: dict[tuple[str, bool], str] = {}  # by what is known now

    @property
    def seen(self) -> frozenset[str]:
        """Every secret that was handed in or learned and can be told from ordinary words."""
        return frozenset(value for value in self._secrets if is_searchable(value, self._public))

    @property
    def hidden_only_in_place(self) -> int:
        """How many secrets are ordinary words, so that they are masked only where their place tells."""
        return len(self._secrets) - len(self.seen)

    def learn(self, text: str, *, statement: bool = False) -> None:
        """Keep in mind what is secret in a text."""
        for find in self._shapes(text, statement=statement):
            if find.telling:
                self.know(find.value, find.kind)

    def know(self, value: str, kind: Kind) -> None:
        """Keep a secret in mind that somebody else has found."""
        before = self._secrets.get(value)
        if before is not None and _PRECEDENCE[before] <= _PRECEDENCE[kind]:
            return
        if is_searchable(value, self._public) and TOKEN.search(value) is None:
            self._secrets[value] = kind
            self._search = None
            self._masked.clear()

    def text(self, text: str, *, statement: bool = False) -> str:
        """The text without its secrets; doing it twice changes nothing more. ``statement``: it is SQL and nothing else."""
        made = self._masked.get((text, statement))
        if made is None:
            if len(self._masked) >= KEPT_TEXTS:
                self._masked.clear()
            made = self._masked[text, statement] = self._without(text, statement=statement)
        return made

    def schema(self, dump: str) -> str:
        """A schema dump whose literals have been dealt with, without its secrets."""
        return self._without(dump, statement=False, literals=False)

    def _without(self, text: str, *, statement: bool, literals: bool = True) -> str:
        made = text
        for _ in range(MAX_ROUNDS if len(text) < LONG else 1):
            places = self._places(made, statement=statement)
            kept = places if literals else (find for find in places if find.kind is not Kind.VALUE)
            before, made = made, _replaced(made, kept, self._token)
            if made == before:
                break
        return made

    def token(self, value: str, kind: Kind) -> str:
        """What stands in the place of a value that is secret as a whole."""
        return value if not value.strip() or _is_token(value) else self._token(Find(0, len(value), kind, value))

    def _token(self, find: Find) -> str:
        if find.kind is Kind.VALUE:
            return "[value]"
        kind = self._secrets.get(find.value, find.kind) if find.kind is not Kind.ENCODED else find.kind
        digest = hmac.new(self._key, plain(find.value).strip().encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"[{kind.value}-{digest.hexdigest()[:6]}]"

    def _places(self, text: str, *, statement: bool) -> Iterator[Find]:
        """Every find, by places of the text itself."""
        if self._search is None:
            self._search = KnownSecrets(self._secrets, public=self._public)
        yield from self._shapes(text, statement=statement)
        for layer in chain(layers(text), joined(text)):
            for find in self._search.finds(layer):
                yield _lifted(find, layer)
            for start, end, readings in decoded_runs(layer.text):
                if any(self._is_known_in(reading) for reading in readings):
                    yield _lifted(Find(start, end, Kind.ENCODED, layer.text[start:end]), layer)

    def _is_known_in(self, decoded: str) -> bool:
        """Whether a known secret is in what was encoded, perhaps encoded once more."""
        assert self._search is not None
        return any(True for layer in layers(decoded) for _ in self._search.finds(layer))

    def _shapes(self, text: str, *, statement: bool) -> tuple[Find, ...]:
        """What shows by itself; kept, because every text is looked at twice."""
        found = self._found.get((text, statement))
        if found is None:
            of_shape = (_lifted(find, layer) for layer, find in shapes(text, addresses=self._addresses))
            if statement:  # all of it is one: no part of it needs to be recognised as one
                of_shape = chain(statement_literals(text), (find for find in of_shape if find.kind is not Kind.VALUE))
            found = tuple(find for find in of_shape if not self._is_public(find))
            if len(self._found) >= KEPT_TEXTS:
                self._found.clear()
            self._found[text, statement] = found
        return found

    def _is_public(self, find: Find) -> bool:
        return find.kind in (Kind.EMAIL, Kind.ADDRESS) and find.value.lower() in self._public


def shapes(text: str, *, addresses: bool = False, personal: bool = True) -> Iterator[tuple[Layer, Find]]:
    """Everything that shows to be secret by its shape or its name, with the layer whose places it has.

    ``personal``: e-mail addresses and what statements say, too.
    """
    layer = Layer("")
    for layer in layers(text):
        yield from ((layer, find) for find in _plain_shapes(layer.text, addresses=addresses, personal=personal))
    for coded in (layer, *joined(text)):
        for start, end, readings in decoded_runs(coded.text):
            inner = [
                find
                for reading in readings
                for find in _plain_shapes(plain(reading), addresses=False, personal=personal)
                if not (find.start == 0 and find.end == len(reading))  # a run that decodes to another run says nothing
            ]
            if inner or not readings:
                yield coded, Find(start, end, Kind.ENCODED, coded.text[start:end])
            yield from ((coded, Find(start, start, find.kind, find.value, find.telling)) for find in inner)


def _plain_shapes(text: str, *, addresses: bool, personal: bool) -> Iterator[Find]:
    yield from credentials(text)
    yield from named_values(text)
    yield from told_values(text)
    if personal:
        yield from emails(text)
        yield from quoted_statements(text)
    if addresses:
        yield from ip_addresses(text)


def _lifted(find: Find, layer: Layer) -> Find:
    if layer.below is None:
        return find
    start, end = layer.span(find.start, find.end)
    return find._replace(start=start, end=end)


def _is_token(text: str) -> bool:
    """Whether nothing is left to mask."""
    rest = TOKEN.sub("", text)
    return not rest.strip() or (rest != text and _READABLE.search(rest) is None)


def _replaced(text: str, finds: Iterable[Find], token: Callable[[Find], str]) -> str:
    tokens = [found.span() for found in TOKEN.finditer(text)] if "[" in text or "***" in text else []
    kept = [whole for find in finds if (whole := _not_through(text, find, tokens)) is not None]
    if not kept:
        return text
    parts, done = list[str](), 0
    for find in _merged(text, kept):
        parts += (text[done : find.start], token(find))
        done = find.end
    parts.append(text[done:])
    return "".join(parts)


def _not_through(text: str, find: Find, tokens: Sequence[tuple[int, int]]) -> Find | None:
    """The find, made larger where it cuts through a token; None where nothing is left to mask in it."""
    start, end = find.start, find.end
    for index in range(bisect_left(tokens, (start, start)) - 1, len(tokens)):
        if index >= 0 and tokens[index][0] >= end:
            break
        if index >= 0 and tokens[index][1] > start:
            start, end = min(start, tokens[index][0]), max(end, tokens[index][1])
    if end <= start or _is_token(text[start:end]):
        return None
    return find if (start, end) == (find.start, find.end) else find._replace(start=start, end=end, value=text[start:end])


def _merged(text: str, finds: Sequence[Find]) -> Iterator[Find]:
    """The finds one behind another; of those that overlap, the longest says what it is."""
    group: list[Find] = []
    end = 0
    for find in sorted(finds, key=lambda one: (one.start, -one.end)):
        if group and find.start >= end:
            yield _one(text, group)
            group = []
        end = max(end, find.end) if group else find.end
        group.append(find)
    yield _one(text, group)


def _one(text: str, group: Sequence[Find]) -> Find:
    start, end = min(find.start for find in group), max(find.end for find in group)
    known = {find.value: find for find in group if find.telling}
    if len(known) == 1:  # one that has its token already, with what belongs to it
        return next(iter(known.values()))._replace(start=start, end=end)
    best = min(group, key=lambda one: (one.start - one.end, _PRECEDENCE[one.kind]))
    whole = (best.start, best.end) == (start, end)
    return Find(start, end, best.kind, best.value if whole else text[start:end])


def masked_credentials(text: str, mask: str) -> str:
    """The text with the same mask for every password, token and key, and nothing else masked."""
    for _ in range(MAX_ROUNDS):
        finds = (_lifted(find, layer) for layer, find in shapes(text, personal=False))
        masked = _replaced(text, finds, lambda _: mask)
        if masked == text:
            break
        text = masked
    return text


def masked_values(text: str, mask: str) -> str:
    """The text without credentials, and without what the statements that it quotes say of rows."""
    known = masked_credentials(text, mask)
    return _replaced(known, quoted_statements(known), lambda _: mask)


def masked_statement(text: str, mask: str) -> str:
    """A statement without its literals."""
    return _replaced(text, statement_literals(text), lambda _: mask)
