"""All rules over one forecast: its hazards, worst first.

Not for rules. The surprising thing: the catalogue is handed in, since it is data in files, and the core opens none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Forecast, Hazard, Severity
from lockage.core.forecast.hazards import blocking, failing, indexes, ledger, loss, queueing, release, room, tables
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.kinds import HazardKind
from lockage.core.forecast.hazards.seen import Seen
from lockage.core.forecast.production import Production
from lockage.core.forecast.trace import CatalogRules, Trace
from lockage.core.migration.applied import Applied
from lockage.core.migration.formats.format import MigratorLock
from lockage.settings import HazardLimits

Rule = Callable[[Seen], Iterator[Found]]

Catalogue = Mapping[str, HazardKind]
"""By code."""

RULES: tuple[Rule, ...] = (
    blocking.long_exclusive,
    blocking.long_write_block,
    blocking.changes_behind_ddl,
    blocking.opposite_orders,
    queueing.waits_without_limit,
    tables.rewrites,
    tables.constraints_checked_at_once,
    tables.not_null_by_scan,
    indexes.builds_that_block,
    indexes.invalid_indexes,
    indexes.builds_that_wait_for_the_migrator,
    indexes.indexes_that_go,
    room.numbers_run_out,
    room.disk,
    room.wal,
    room.lock_table,
    failing.refuses_a_transaction,
    failing.fails_on_data,
    failing.enum_value_used_too_early,
    failing.fails_for_certain,
    failing.unknown,
    release.broken_queries,
    release.what_goes_away,
    ledger.out_of_order,
    ledger.edited,
    loss.rows_thrown_away,
    loss.taken_along,
)

_FAILURES = {"H040", "H041", "H042", "H043"}
"""What of the catalogue is a failure; H041 is an error only where the rows were asked and stand in the way."""

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def find_hazards(seen: Seen, catalogue: Catalogue) -> tuple[Hazard, ...]:
    """The hazards, worst first, then in the order of the script; what fails for certain is worse than all else.

    Every code that a rule gives is in the catalogue.
    """
    places = {migration.file: number for number, migration in enumerate(seen.forecast.script.migrations)}
    found = dict.fromkeys(_hazard(one, catalogue[one.code]) for rule in RULES for one in rule(seen))
    fails = {*certain_failures(found)}
    return tuple(
        sorted(
            found,
            key=lambda one: (-_RANK[one.severity], one not in fails, places.get(one.file, -1), one.line, one.code),
        )
    )


def reaching(hazards: Iterable[Hazard], severity: Severity) -> tuple[Hazard, ...]:
    """Those that are as bad, or worse."""
    return tuple(hazard for hazard in hazards if _RANK[hazard.severity] >= _RANK[severity])


def certain_failures(hazards: Iterable[Hazard]) -> tuple[Hazard, ...]:
    """Those that say that the script fails for certain, as it is, on this schema and with what is known of its rows."""
    return tuple(hazard for hazard in hazards if hazard.code in _FAILURES and hazard.severity is Severity.ERROR)


def _hazard(found: Found, kind: HazardKind) -> Hazard:
    return Hazard(
        code=found.code,
        severity=found.severity or kind.severity,
        relation=found.relation,
        file=found.file,
        line=found.line,
        sentence=found.sentence,
        remedy=found.remedy or " ".join(kind.remedy.split()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardQuestion:
    """What a forecast is to know of hazards beside what it traces."""

    catalogue: Catalogue
    production: Production = field(default_factory=Production)
    applied: Applied = field(default_factory=lambda: Applied(version=0))
    limits: HazardLimits = field(default_factory=HazardLimits)


def with_hazards(
    forecast: Forecast,
    question: HazardQuestion,
    *,
    trace: Trace,
    rules: CatalogRules,
    relations: Iterable[Relation],
    lock: MigratorLock,
) -> Forecast:
    """The forecast with its hazards, and what could not be seen of them as an assumption.

    ``rules`` are those before the script, ``relations`` production's sizes (none: they are not known), ``lock`` the migrator's.
    """
    seen = Seen(
        trace=trace,
        forecast=forecast,
        rules=rules,
        relations={relation.relation: relation for relation in relations},
        production=question.production,
        applied=question.applied,
        migrator_lock=lock,
        limits=question.limits,
    )
    unseen = question.production.unseen if seen.sizes_known else ()
    said = (
        (f"of the server these are not known, so that hazards of them may be missing: {', '.join(unseen)}",) if unseen else ()
    )
    return replace(forecast, hazards=find_hazards(seen, question.catalogue), assumptions=(*forecast.assumptions, *said))
