"""Catalogues of codes that are explained in TOML files, one file a family: how they are read and held to their form.

Not for what stands in them (``causes``, ``hazards``). The surprising thing: a broken file is our own defect, and yet it is told
in a sentence with file, key and what was expected, because that is what whoever edits the file needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Generic, TypeVar

import msgspec

from lockage.errors import LockageError

T = TypeVar("T")

Fault = tuple[str, str]
"""A key, and what was expected of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue(Generic[T]):
    """The files of one folder of the package."""

    folder: str  # of the package, and what is in it: "causes"
    entry: type[T]
    code: re.Pattern[str]  # of an entry
    such_as: str  # such a code
    faults: Callable[[str, T], Iterator[Fault]]  # of an entry in the file of a family
    error: str  # code of the error for a file that is not valid

    def entries(self) -> Mapping[str, T]:
        """All entries by code, in order. Raises ``LockageError`` where a file is not valid."""
        files = sorted(
            (file for file in resources.files("lockage").joinpath(self.folder).iterdir() if file.name.endswith(".toml")),
            key=lambda file: file.name,
        )
        found: dict[str, T] = {}
        for file in files:
            for code, entry in self.read(file.read_bytes(), file=file.name).items():
                if code in found:
                    raise self._invalid(file.name, f"{code}: it is in another file too")
                found[code] = entry
        return dict(sorted(found.items()))

    def read(self, text: bytes, *, file: str) -> Mapping[str, T]:
        """The entries of one file, by code. Raises ``LockageError`` naming file, key and what was expected."""
        try:
            table = msgspec.toml.decode(text, type=dict[str, self.entry])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._invalid(file, str(error)) from error
        for code, entry in table.items():
            if not self.code.fullmatch(code):
                raise self._invalid(file, f"{code}.: expected a code such as {self.such_as}")
            for key, expected in self.faults(file.removesuffix(".toml"), entry):
                raise self._invalid(file, f"{code}.{key}: expected {expected}")
        return table

    def _invalid(self, file: str, problem: str) -> LockageError:
        return LockageError(
            f"the catalogue of {self.folder} is broken: {file}: {problem}", code=self.error, hint="install Lockage anew"
        )


def one_line(text: str) -> str:
    """A text of several lines in one."""
    return " ".join(text.split())
