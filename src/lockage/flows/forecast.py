"""Forecast a script: on the schema of a live database, or of the migrations before it.

Not for deciding what follows from a forecast (``core.plan``). The surprising thing: production is only read, once, to make the
shadow; everything else happens there, and the running release's statements are executed there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.checks.find import with_checks
from lockage.core.forecast.compatibility import Breaks
from lockage.core.forecast.compose import compose
from lockage.core.forecast.hazards.find import HazardQuestion, with_hazards
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Trace
from lockage.core.forecast.traffic import Traffic
from lockage.core.migration.formats.format import Format, Transaction
from lockage.core.migration.ledger import Ledger
from lockage.core.migration.script import Migration, Selection, select
from lockage.core.release.statements import RunningRelease, running_release
from lockage.flows.before_script import LeftOut, make_ledger, run_earlier
from lockage.flows.calibrate import Calibrate, uncalibrated, worked_on
from lockage.flows.check_data import AskData, as_it_is
from lockage.flows.compare import appraised, with_waits
from lockage.flows.old_release import judged
from lockage.flows.trace_script import trace_script
from lockage.ports import Narrate, Shadow, Shadows
from lockage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a forecast uses beside schema and script."""

    hazards: HazardQuestion | None = None  # None: none are looked for
    calibrate: Calibrate = uncalibrated  # how fast the server is
    traffic: Traffic | None = None  # who is at work in the database; None: nobody looked
    ask_data: AskData = as_it_is  # what the data say to the checks
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is to be traced on a shadow."""

    script: Sequence[Migration]
    earlier: Sequence[Migration]  # executed before it, untraced
    form: Format
    transaction: Transaction
    ledger: str | None
    release: RunningRelease
    rows: Mapping[str, float] = field(default_factory=dict[str, float])
    sizes_known: bool
    remarks: Sequence[str]


def forecast_folder(
    migrations: Sequence[Migration],
    *,
    form: Format,
    shadows: Shadows,
    narrate: Narrate,
    from_version: int | None = None,
    to_version: int | None = None,
    server_major: int | None = None,
    transaction: Transaction | None = None,
    ledger: str | None = None,
    statements: Sequence[str] | RunningRelease = (),
    remarks: Sequence[str] = (),
    beside: Beside | None = None,
) -> Forecast:
    """The forecast of the script on the schema that the migrations before it make; sizes are not known there.

    ``from_version`` and ``to_version`` as in ``core.migration.script.select``; ``transaction`` is the format's own when None;
    ``ledger`` is ``schema.table`` of the migrator; ``statements`` are the running release's; ``remarks`` are assumptions that
    come with the source; ``server_major`` is the PostgreSQL that it will run on.
    Raises ``UsageError`` (LK401, LK405) and ``RefusedError`` when an earlier migration cannot be executed.
    """
    selection = select(migrations, from_version=from_version, to_version=to_version)
    _parse_all(selection)
    table = ledger or form.default_ledger
    with shadows.empty(major=server_major) as shadow:
        make_ledger(shadow, form, table, selection)
        work = _Work(
            script=selection.script,
            earlier=selection.applied,
            form=form,
            transaction=transaction or form.transaction,
            ledger=table,
            release=running_release(statements),
            sizes_known=False,
            remarks=remarks,
        )
        return _forecast(shadow, work, beside or Beside(), narrate=narrate)


def forecast_database(
    migrations: Sequence[Migration],
    *,
    url: str,
    form: Format,
    shadows: Shadows,
    narrate: Narrate,
    from_version: int,
    to_version: int | None = None,
    at_version: int | None = None,
    transaction: Transaction | None = None,
    ledger: str | None = None,
    statements: Sequence[str] | RunningRelease = (),
    rows: Mapping[str, float] | None = None,
    remarks: Sequence[str] = (),
    beside: Beside | None = None,
) -> Forecast:
    """The forecast of the script on the schema and the sizes of the live database at ``url``.

    ``at_version`` is where that database stands: migrations between it and ``from_version`` are executed untraced first; None:
    it stands at ``from_version``. ``rows``: relation (``schema.name``) to the rows it will have by then, where that is known.
    Raises ``UsageError`` (LK401, LK405), and what making a shadow raises.
    """
    at = from_version if at_version is None else at_version
    selection = select(migrations, from_version=from_version, to_version=to_version, fresh=at == 0)
    _parse_all(selection)
    with shadows.of_database(url) as shadow:
        work = _Work(
            script=selection.script,
            earlier=tuple(migration for migration in selection.applied if migration.version > at),
            form=form,
            transaction=transaction or form.transaction,
            ledger=ledger or form.default_ledger,
            release=running_release(statements),
            rows=rows or {},
            sizes_known=True,
            remarks=remarks,
        )
        return _forecast(shadow, work, beside or Beside(), narrate=narrate)


def _parse_all(selection: Selection) -> None:
    # Whoever wrote bad SQL should hear of it before a server is started.
    for migration in (*selection.applied, *selection.script):
        migration.statements()


def _forecast(shadow: Shadow, work: _Work, beside: Beside, *, narrate: Narrate) -> Forecast:
    release, rehearsed = work.release, run_earlier(shadow, work.earlier, narrate)
    relations = _with_rows(shadow.relations(), work.rows)
    sized, catalog = relations if work.sizes_known else (), shadow.catalog()
    with shadow.statements() as old, shadow.session() as session:
        unchecked = old.prepare(release.statements) if release.statements else ()
        rules = session.rules()
        trace = trace_script(
            session,
            work.script,
            transaction=work.transaction,
            ledger=Ledger(table=work.ledger, form=work.form) if work.ledger else None,
            narrate=narrate,
            relations=sized,
        )
        found = old.broken() if release.statements else Breaks()
    made = compose(
        trace,
        migrations=work.script,
        relations=relations,
        sizes_known=work.sizes_known,
        rules=rules,
        compatibility=judged(
            release,
            shadow=shadow,
            script=work.script,
            unchecked=unchecked,
            found=found,
            prepare=lambda twin: run_earlier(twin, work.earlier, lambda _: None),
            narrate=narrate,
        ),
        assumptions=(*shadow.assumptions, *_assumptions(work, rehearsed)),
        calibration=beside.calibrate(worked_on(trace)),
    )
    ledger = work.ledger or _ledger_there(work.form, trace.start)
    made = with_checks(replace(made, script=replace(made.script, ledger=ledger)), trace, catalog, major=shadow.major)
    made = beside.ask_data(made)
    hazards = _question(beside.hazards, rehearsed)
    return _weighed(made, work, beside, hazards, trace=trace, rules=rules, relations=sized)


def _weighed(
    made: Forecast,
    work: _Work,
    beside: Beside,
    hazards: HazardQuestion | None,
    *,
    trace: Trace,
    rules: CatalogRules,
    relations: Sequence[Relation],
) -> Forecast:
    """With who waits, then the hazards, which ask for that, then the strategies: a script that fails for certain has none."""
    settings, texts = beside.settings, work.release.texts
    made = with_waits(made, trace=trace, rules=rules, statements=texts, traffic=beside.traffic, settings=settings)
    if hazards:
        made = with_hazards(made, hazards, trace=trace, rules=rules, relations=relations, lock=work.form.lock)
    return appraised(made, settings=settings)


def _ledger_there(form: Format, mark: CatalogMark) -> str | None:
    """The table with a row for each migration, if there is just one that the format's migrator can mean."""
    name = form.applied.table.rpartition(".")[2] if form.applied is not None else None
    found = [relation.relation for relation in mark.relations.values() if relation.relation.rpartition(".")[2] == name]
    return found[0] if len(found) == 1 else None


def _question(hazards: HazardQuestion | None, rehearsed: Sequence[LeftOut]) -> HazardQuestion | None:
    if hazards is None:
        return None
    return replace(hazards, applied=replace(hazards.applied, not_run=tuple(one.file for one in rehearsed)))


def _assumptions(work: _Work, rehearsed: Sequence[LeftOut]) -> Iterable[str]:
    """What came with the source, and what the migrators will make of the files."""
    yield from (one.sentence for one in rehearsed)
    yield from work.remarks
    for migration in work.script:
        yield from migration.remarks
    repeatable = [migration.file for migration in work.script if migration.repeatable]
    if repeatable:
        yield f"repeatable migrations are taken to have changed, so they run after the others: {', '.join(repeatable)}"
    if not work.sizes_known:
        yield "no database was given: sizes are unknown, and so is the high end of whatever works over rows"


def _with_rows(relations: Sequence[Relation], rows: Mapping[str, float]) -> tuple[Relation, ...]:
    return tuple(_resized(relation, rows.get(relation.relation)) for relation in relations)


def _resized(relation: Relation, rows: float | None) -> Relation:
    if rows is None:
        return relation
    ratio = rows / relation.rows if relation.rows > 0 else 1.0
    return replace(
        relation,
        rows=rows,
        heap_bytes=int(relation.heap_bytes * ratio),
        index_bytes=int(relation.index_bytes * ratio),
        toast_bytes=int(relation.toast_bytes * ratio),
    )
