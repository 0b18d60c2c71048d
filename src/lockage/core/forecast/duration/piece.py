"""One piece of a statement's work on one relation, with its seconds."""

from __future__ import annotations

from dataclasses import dataclass

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.trace import CatalogRelation


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of work."""

    kind: str
    relation: CatalogRelation
    rows: float
    seconds: Seconds
    wal_bytes: float = 0.0
    note: str = ""  # what the figures do not say
