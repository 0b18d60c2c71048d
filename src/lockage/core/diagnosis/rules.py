"""All rules of all families, for whoever makes a diagnosis.

Not for rules themselves. The surprising thing: their order decides nothing; it is that of the catalogue for people's sake.
"""

from __future__ import annotations

from lockage.core.diagnosis.families import ledger, path
from lockage.core.diagnosis.findings import Rule

RULES: tuple[Rule, ...] = (*ledger.RULES, *path.RULES)
