"""What a kind of hazard is: title, reason, remedy, and an example of it and of its cure.

Not for rules. The surprising thing: the examples are executed. The manual page is what a forecast says of them, and a test
fails where a bad one is not found, or a good one is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from lockage.core.forecast.assess import Severity
from lockage.core.forecast.production import Production
from lockage.core.migration.formats.format import Transaction


class Established(StrEnum):
    """How a hazard is known; never by what something is called."""

    EXECUTION = "execution"  # a statement was executed on a shadow, and what it did was read
    CATALOG = "catalog"  # of the shadow or of production
    SETTINGS = "settings"  # of production, and what its server says of itself
    FILES = "files"  # the migrations against the ledger that names them


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A script, with what is particular to the database it runs on."""

    script: str = ""  # its only file
    files: Mapping[str, str] = {}  # or several: name to SQL
    setup: str = ""  # SQL behind that of the kind
    format: str = "plain"
    transaction: Transaction | None = None
    statements: tuple[str, ...] = ()  # of the running release
    production: Production | None = None  # what a throw-away server cannot show

    def named_files(self) -> Mapping[str, str]:
        """Its files by name."""
        return self.files or {"1_change.sql": self.script}


class HazardKind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the catalogue of hazards."""

    title: str  # a clause
    severity: Severity  # where nothing makes it milder or worse
    established: Established
    why: str
    remedy: str
    source: str = ""
    setup: str = ""  # SQL of the database that both examples run on
    lock_timeout: str = "2s"  # of that database: what it is about is not to be told of every example
    rows: Mapping[str, float] = {}  # how many the forecast is to take a table (schema.name) to have
    bad: Example
    good: Example
