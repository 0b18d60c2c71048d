"""All rules of all families, for whoever makes a diagnosis.

Not for rules themselves. The surprising thing: their order decides nothing; it is that of the catalogue for people's sake.
"""

from __future__ import annotations

from lockage.core.diagnosis.families import (
    cluster,
    configuration,
    deadlocks,
    exit,  # noqa: A004 - a family is named as the catalogue names it
    failover,
    hung,
    image,
    ledger,
    limits,
    memory,
    path,
    privileges,
    probes,
    slow,
    waiting,
)
from lockage.core.diagnosis.findings import Rule

RULES: tuple[Rule, ...] = (
    *probes.RULES,
    *memory.RULES,
    *exit.RULES,
    *image.RULES,
    *configuration.RULES,
    *privileges.RULES,
    *limits.RULES,
    *deadlocks.RULES,
    *waiting.RULES,
    *slow.RULES,
    *hung.RULES,
    *failover.RULES,
    *ledger.RULES,
    *path.RULES,
    *cluster.RULES,
)
