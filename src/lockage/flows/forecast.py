"""Forecast a script: on the schema of a live database, or of the migrations before it.

Not for deciding what follows from a forecast (``core.plan``). The surprising thing: production is only read, once, to make the
shadow; everything else happens there, and the running release's statements are executed there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.checks.find import with_checks
from lockage.core.forecast.compatibility import Breaks
from lockage.core.forecast.compose import compose
from lockage.core.forecast.hazards.find import HazardQuestion, with_hazards
from lockage.core.forecast.traffic import Traffic
from lockage.core.migration.formats.format import Format, Transaction
from lockage.core.migration.ledger import Ledger
from lockage.core.migration.procedure import reach_outside
from lockage.core.migration.script import Migration, Selection, select
from lockage.core.release.statements import RunningRelease, running_release
from lockage.errors import RefusedError
from lockage.flows.calibrate import Calibrate, uncalibrated, worked_on
from lockage.flows.check_data import AskData, as_it_is
from lockage.flows.compare import appraised
from lockage.flows.old_release import judged
from lockage.flows.trace_script import trace_script
from lockage.ports import Narrate, Shadow, Shadows
from lockage.settings import Settings


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
    hazards: HazardQuestion | None = None,
    settings: Settings | None = None,
) -> Forecast:
    """The forecast of the script on the schema that the migrations before it make; sizes are not known there.

    ``from_version`` and ``to_version`` as in ``core.migration.script.select``; ``transaction`` is the format's own when None;
    ``ledger`` is ``schema.table`` of the migrator; ``statements`` are the running release's; ``remarks`` are assumptions that
    come with the source; without ``hazards`` none are looked for; ``server_major`` is the PostgreSQL that it will run on.
    Raises ``UsageError`` (LK401, LK405) and ``RefusedError`` when an earlier migration cannot be executed.
    """
    selection = select(migrations, from_version=from_version, to_version=to_version)
    _parse_all(selection)
    table = ledger or form.default_ledger
    with shadows.empty(major=server_major) as shadow:
        if table is not None:
            _make_ledger(shadow, Ledger(table=table, form=form), selection)
        return _forecast(
            shadow,
            selection.script,
            earlier=selection.applied,
            form=form,
            transaction=transaction or form.transaction,
            ledger=table,
            statements=statements,
            rows={},
            sizes_known=False,
            remarks=remarks,
            calibrate=uncalibrated,
            hazards=hazards,
            traffic=None,
            ask_data=as_it_is,
            settings=settings or Settings(),
            narrate=narrate,
        )


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
    hazards: HazardQuestion | None = None,
    remarks: Sequence[str] = (),
    calibrate: Calibrate = uncalibrated,
    traffic: Traffic | None = None,
    ask_data: AskData = as_it_is,
    settings: Settings | None = None,
) -> Forecast:
    """The forecast of the script on the schema and the sizes of the live database at ``url``.

    ``at_version`` is where that database stands: migrations between it and ``from_version`` are executed untraced first; None:
    it stands at ``from_version``. ``rows``: relation (``schema.name``) to the rows it will have by then, where that is known.
    Without ``hazards`` none are looked for.
    ``calibrate`` says how fast its server is, ``traffic`` who is at work in it; None: nobody looked.
    ``ask_data`` answers the checks of a forecast.
    Raises ``UsageError`` (LK401, LK405), and what making a shadow raises.
    """
    selection = select(migrations, from_version=from_version, to_version=to_version)
    _parse_all(selection)
    at = from_version if at_version is None else at_version
    with shadows.of_database(url) as shadow:
        return _forecast(
            shadow,
            selection.script,
            earlier=tuple(migration for migration in selection.applied if migration.version > at),
            form=form,
            transaction=transaction or form.transaction,
            ledger=ledger or form.default_ledger,
            statements=statements,
            rows=rows or {},
            sizes_known=True,
            remarks=remarks,
            calibrate=calibrate,
            hazards=hazards,
            traffic=traffic,
            ask_data=ask_data,
            settings=settings or Settings(),
            narrate=narrate,
        )


def _make_ledger(shadow: Shadow, ledger: Ledger, selection: Selection) -> None:
    everything = (*selection.applied, *selection.script)
    if any(ledger.is_made_by(statement) for migration in everything for statement in migration.statements()):
        return
    version = selection.applied[-1].version if selection.applied else 0
    definition = ledger.definition(version)
    if definition:
        shadow.run(";\n".join(definition))


def _parse_all(selection: Selection) -> None:
    # Whoever wrote bad SQL should hear of it before a server is started.
    for migration in (*selection.applied, *selection.script):
        migration.statements()


def _forecast(
    shadow: Shadow,
    script: Sequence[Migration],
    *,
    earlier: Sequence[Migration],
    form: Format,
    transaction: Transaction,
    ledger: str | None,
    statements: Sequence[str] | RunningRelease,
    rows: Mapping[str, float],
    sizes_known: bool,
    remarks: Sequence[str],
    calibrate: Calibrate,
    hazards: HazardQuestion | None,
    traffic: Traffic | None,
    ask_data: AskData,
    settings: Settings,
    narrate: Narrate,
) -> Forecast:
    assumptions = [*shadow.assumptions, *_run_earlier(shadow, earlier, narrate), *remarks, *_of_migrators(script)]
    if not sizes_known:
        assumptions.append("no database was given: sizes are unknown, and so is the high end of whatever works over rows")
    relations = _with_rows(shadow.relations(), rows)
    catalog = shadow.catalog()
    release = running_release(statements)
    with shadow.statements() as old, shadow.session() as session:
        unchecked = old.prepare(release.statements) if release.statements else ()
        rules = session.rules()
        trace = trace_script(
            session,
            script,
            transaction=transaction,
            ledger=Ledger(table=ledger, form=form) if ledger else None,
            narrate=narrate,
            relations=relations if sizes_known else (),
        )
        found = old.broken() if release.statements else Breaks()
    compatibility = judged(
        release,
        shadow=shadow,
        script=script,
        unchecked=unchecked,
        found=found,
        prepare=lambda twin: list(_run_earlier(twin, earlier, lambda _: None)),
        narrate=narrate,
    )
    made = compose(
        trace,
        migrations=script,
        relations=relations,
        sizes_known=sizes_known,
        rules=rules,
        compatibility=compatibility,
        assumptions=assumptions,
        calibration=calibrate(worked_on(trace)),
    )
    made = ask_data(with_checks(replace(made, script=replace(made.script, ledger=ledger)), trace, catalog, major=shadow.major))
    made = appraised(made, trace=trace, rules=rules, statements=release.texts, traffic=traffic, settings=settings)
    if hazards is None:
        return made
    sized = relations if sizes_known else ()
    return with_hazards(made, hazards, trace=trace, rules=rules, relations=sized, lock=form.lock)


def _of_migrators(script: Sequence[Migration]) -> Iterable[str]:
    """What the migrators will make of the files, and of files that are applied over and over."""
    for migration in script:
        yield from migration.remarks
    repeatable = [migration.file for migration in script if migration.repeatable]
    if repeatable:
        yield f"repeatable migrations are taken to have changed, so they run after the others: {', '.join(repeatable)}"


def _run_earlier(shadow: Shadow, earlier: Sequence[Migration], narrate: Narrate) -> Iterable[str]:
    """Execute the migrations before the script; gives a sentence for each thing that was left out."""
    left_out: list[str] = []
    if earlier:
        narrate(f"running {len(earlier)} earlier migrations on the shadow")
    for migration in earlier:
        if migration.language != "sql":
            left_out.append(f"{migration.file} was not run before the script: it is written in {migration.language}")
            continue
        text = migration.text
        parsed = migration.statements()
        outside = [statement for statement in parsed if reach_outside(statement)]
        if outside:
            text = ";\n".join(statement.text for statement in parsed if statement not in outside)
            lines = ", ".join(str(statement.line) for statement in outside)
            left_out.append(f"{migration.file} was run without line {lines}, which reaches out of the database")
        if not parsed:
            continue
        try:
            shadow.run(text)
        except RefusedError as error:
            raise RefusedError(f"{migration.file}: {error.message}", code=error.code, hint=error.hint) from error
    return left_out


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
