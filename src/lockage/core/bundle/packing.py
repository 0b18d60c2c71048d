"""Sources made into files: learned from, masked, cut to their limits, and looked at once more for what should not be there.

Not for collecting, nor for the archive. The surprising thing: masking is handed in, so that a test can break it; the second
look then drops every source that still shows a secret, and the rest is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockage.core.bundle.cutting import newest_lines
from lockage.core.bundle.leaks import find_leak
from lockage.core.bundle.manifest import BundledFile, DroppedSource, Masking
from lockage.core.bundle.sources import Form, Source, learn, masked, written
from lockage.core.redaction.finds import TOKEN
from lockage.core.redaction.records import Data
from lockage.core.redaction.redaction import Redaction


class Masker(Protocol):
    """Who masks sources."""

    @property
    def seen(self) -> Collection[str]:
        """Every secret that is known by now."""
        ...

    def learn(self, source: Source) -> None:
        """Keep in mind what is secret in a source."""
        ...

    def masked(self, source: Source) -> Data:
        """The source's data without secrets."""
        ...


class Redacting:
    """The masker that bundles are made with."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction

    @property
    def seen(self) -> Collection[str]:
        """Every secret that was handed in or learned."""
        return self._redaction.seen

    def learn(self, source: Source) -> None:
        """Keep in mind what is secret in a source."""
        learn(source, self._redaction)

    def masked(self, source: Source) -> Data:
        """The source's data without secrets."""
        return masked(source, self._redaction)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFile:
    """One file as it stands in the bundle, with the data that it was written from."""

    path: str
    what: str
    text: str
    data: Data
    cut: str | None = None

    @property
    def content(self) -> bytes:
        """Its bytes."""
        return self.text.encode("utf-8", "replace")

    def listed(self) -> BundledFile:
        """Its line in the manifest."""
        content = self.content
        return BundledFile(
            path=self.path, what=self.what, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), cut=self.cut
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What came of the sources."""

    files: tuple[PackedFile, ...]
    dropped: tuple[DroppedSource, ...]

    def data(self, path: str) -> Data:
        """The masked data of a file; None where it is not in the bundle."""
        return next((file.data for file in self.files if file.path == path), None)


def pack(
    sources: Sequence[Source], masker: Masker, *, also: Collection[str] = (), say: Callable[[str], None] = lambda _: None
) -> Packed:
    """The files of all sources but those that cannot be freed of secrets, or are too large.

    ``also`` are secrets that are looked for in the end, whatever the masker knows; ``say`` gets what goes on.
    """
    for number, source in enumerate(sources, start=1):
        say(f"learning what is secret: {source.what} ({number} of {len(sources)})")
        masker.learn(source)
    files, dropped = list[PackedFile](), list[DroppedSource]()
    for number, source in enumerate(sources, start=1):
        say(f"masking: {source.what} ({number} of {len(sources)})")
        made = _made(source, masker)
        why = _too_large(source, made) or leak_in(made.text, {*masker.seen, *also})
        if why is None:
            files.append(made)
        else:
            dropped.append(DroppedSource(path=source.path, what=source.what, why=why))
    return Packed(files=tuple(files), dropped=tuple(dropped))


def leak_in(text: str, secrets: Collection[str]) -> str | None:
    """Why a file must not be written; None where it may."""
    leak = find_leak(text, secrets)
    return None if leak is None else f"the second look found {leak.what} in it, {leak.how}"


def masking_of(files: Sequence[PackedFile], *, in_place_only: int, ip_addresses: bool) -> Masking:
    """What was masked, counted in the files."""
    tokens = [found[0] for file in files for found in TOKEN.finditer(file.text)]
    kinds = Counter(token.strip("[]").rpartition("-")[0] or token.strip("[]") for token in tokens)
    return Masking(
        tokens=dict(sorted(kinds.items())),
        different=len({token for token in tokens if "-" in token}),
        in_place_only=in_place_only,
        ip_addresses=ip_addresses,
    )


def _made(source: Source, masker: Masker) -> PackedFile:
    data, cut = masker.masked(source), source.cut
    if source.form is Form.TEXT:
        lines, shorter = newest_lines(str(data).split("\n"), source.limit_bytes)
        data, cut = "\n".join(lines) + "\n" if lines and lines[-1] else "\n".join(lines), shorter or cut
    elif source.form is Form.LINES and isinstance(data, (list, tuple)):
        encoded = [written(Form.LINES, [line]).rstrip("\n") for line in data]
        kept, shorter = newest_lines(encoded, source.limit_bytes)
        data, cut = list(data)[len(data) - len(kept) :], shorter or cut
    text = written(source.form, data)
    return PackedFile(path=source.path, what=source.what, text=text, data=data, cut=cut)


def _too_large(source: Source, made: PackedFile) -> str | None:
    size = len(made.content)
    if size <= source.limit_bytes:
        return None
    return f"it is larger ({size} bytes) than what is taken of it ({source.limit_bytes} bytes), and cannot be cut"
