"""The ledger: dirty, newer or older than the image, half a file, empty, two rows for one migration, a file edited, drift.

Pure. The surprising thing: a ledger is judged only while nobody migrates. In the middle of a migration "dirty" and "older than
the image" are how it must be; and the most dangerous state, a schema newer than the image, looks like the most harmless crash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lockage.core.diagnosis.checksums import edited
from lockage.core.diagnosis.families.ledger_drift import drifted
from lockage.core.diagnosis.families.ledger_missing import TABLE_IS_THERE, lost
from lockage.core.diagnosis.families.ledger_owners import two_deployments
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.ledger_lines import LedgerLine, Objection, ledger_lines
from lockage.core.diagnosis.ledger_said import told_to_be_missing, told_to_be_older
from lockage.core.diagnosis.present import is_ready, living
from lockage.core.diagnosis.rollout import target
from lockage.core.diagnosis.schema_behind import asks_for_what_is_not_there
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.diagnosis.ticket import ledger_in_words
from lockage.core.diagnosis.typed import identifier, lockage, psql
from lockage.core.diagnosis.under_migration import migrator
from lockage.core.diagnosis.voices import voices
from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.migration.statement import split_statements
from lockage.core.progress import MigrationText
from lockage.core.release.route import last_migration
from lockage.core.wording import listed
from lockage.errors import LockageError

SETTLED_S = 60.0
"""How long a replica must be up before a ledger below its image says that it does not migrate by itself."""


def settled(case: Case) -> LedgerReading | None:
    """The ledger, where it was seen and nobody migrates; None otherwise."""
    ledger = case.evidence.database.ledger
    if ledger is None or ledger.state is LedgerState.MIGRATING or migrator(case) is not None:
        return None
    return ledger


# --- dirty and half applied -------------------------------------------------------------------------------------------


def dirty(case: Case) -> Iterator[Finding]:
    """F060, and F063 where a part of the file may have stayed."""
    version, evidence = _dirty_version(case)
    if version is None:
        return
    model = case.profile.migrations.transaction
    file = next((one for one in case.script if str(one.version) == version), None)
    stays, why = _may_stay(case, file)
    whole = "" if stays else ", and nothing of that file was committed unless somebody wrote the mark by hand"
    yield Finding(
        code="F060",
        cause=f"the ledger is dirty at migration {_named(version, file)}: it was begun and not ended{whole}",
        confidence=0.95,
        why="the ledger itself says so, and nobody migrates now",
        evidence=evidence,
        next=lockage(case, "recover", "--plan-only"),
        avoid=f"do not force the ledger or set dirty to false before it is known which statements of {version} were applied: "
        "the next start would skip them or fail on them",
        # A process that ends because it will not start on a dirty ledger is no cause of it.
        rules_out=("F061", "F062", *(("F010", "F012") if ledger_lines(case, Objection.DIRTY) else ())),
    )
    if stays:
        yield Finding(
            code="F063",
            cause=f"a part of migration {_named(version, file)} may be applied and the rest not: {why}",
            confidence=0.8 if file is not None or model == "statement" else 0.5,
            why="the ledger is dirty and the file does not stand or fall as a whole; only the catalog tells how far it came",
            evidence=evidence,
            next=lockage(case, "recover", "--plan-only"),
            avoid="do not run the file again as it is: what is applied already fails the second time",
        )


def _dirty_version(case: Case) -> tuple[str | None, tuple[Exhibit, ...]]:
    said = ledger_lines(case, Objection.DIRTY)
    lines = tuple(line.exhibit for line in said)
    ledger = settled(case)
    if ledger is None:
        unseen = case.evidence.database.ledger is None and migrator(case) is None
        version = next((line.version for line in said if line.version), "(not named)")
        return (version, lines) if unseen and said else (None, ())
    if ledger.state is LedgerState.READ and ledger.dirty:
        return str(ledger.version), (_read(ledger), *lines)
    if ledger.state is LedgerState.UNREADABLE and said:  # of a format that is not read here: its migrator's words stand for it
        return next((line.version for line in said if line.version), "(not named)"), lines
    newest = next(iter(case.evidence.database.ledger_rows or ()), None)
    # An older failed row was repaired: others stand above it.
    if newest is not None and (newest.dirty or newest.success is False):
        how = "dirty" if newest.dirty else "not successful"
        return newest.version, (Exhibit(source=ledger.table, text=f"row {newest.version} is {how}"), *lines)
    return None, ()


def _may_stay(case: Case, file: MigrationText | None) -> tuple[bool, str]:
    """Whether a failed file can leave a part of itself behind, and why."""
    model = case.profile.migrations.transaction
    if model == "statement":
        return True, "each of its statements commits alone"
    if model == "whole" or (file is None and not case.known):
        return False, ""
    if file is None:
        return True, "its text is not known here; what it commits itself, or builds CONCURRENTLY, stays"
    return _leaves_a_part(file)


def _leaves_a_part(file: MigrationText) -> tuple[bool, str]:
    try:
        statements = split_statements(file.text, file=file.name)
    except LockageError:
        return True, "its text cannot be read as SQL"
    if any(s.control is not None for s in statements):
        return True, "it begins or ends transactions itself"
    if any(s.concurrently for s in statements):
        return True, "it builds CONCURRENTLY, outside of a transaction"
    return False, ""


def _named(version: str, file: MigrationText | None) -> str:
    return f"{version} ({file.name})" if file is not None and file.name else version


def _read(ledger: LedgerReading) -> Exhibit:
    return Exhibit(source=ledger.table, text=ledger_in_words(ledger))


# --- newer and older --------------------------------------------------------------------------------------------------


def newer(case: Case) -> Iterator[Finding]:
    """F061: an older image over a schema that has moved."""
    ledger, last = settled(case), last_of_image(case)
    said = ledger_lines(case, Objection.NEWER)
    version = ledger.version if ledger is not None and ledger.state is LedgerState.READ else None
    beyond = version is not None and last is not None and version > last
    fits_exactly = version is not None and version == last and _release_known(case)
    if case.known and ledger is not None and ledger.state in (LedgerState.MISSING, LedgerState.EMPTY):
        return  # of a ledger whose name is a guess its absence says nothing
    if not beyond and (not said or fits_exactly):
        return
    shown = str(version) if version is not None else next((line.version for line in said if line.version), "an unknown one")
    read = (_read(ledger),) if ledger is not None and (case.known or version is not None) else ()
    yield Finding(
        code="F061",
        cause=f"the schema is newer than the image: the ledger is at {shown}, {_image_ends(case, last if beyond else None)}",
        confidence=_sure_of_newer(case, beyond=beyond, said=said),
        why=_why_newer(case, said=said),
        evidence=(*read, *_owner_of(case, version), *(line.exhibit for line in said)),
        next=lockage(case, "releases", "--fits"),
        avoid="never force the ledger back and never run down migrations: the schema stays as it is, and the old release "
        "writes into tables that it does not know",
        rules_out=("F062",),
    )


def _why_newer(case: Case, *, said: tuple[LedgerLine, ...]) -> str:
    if said:
        return "the migrator of the image says so itself"
    if _release_known(case):
        return "the profile says where the release ends"
    return "by the folder of migrations that is known here, which may be of another release"


def _sure_of_newer(case: Case, *, beyond: bool, said: tuple[LedgerLine, ...]) -> float:
    if said:
        return 0.97
    return 0.95 if beyond and _release_known(case) else 0.6


def _release_known(case: Case) -> bool:
    workload = case.evidence.platform.workload
    try:
        return workload is not None and last_migration(case.profile, workload.release) is not None
    except LockageError:
        return False


def _image_ends(case: Case, last: int | None) -> str:
    workload = case.evidence.platform.workload
    image = workload.release if workload is not None else "the image"
    return f"where {image} ends at {last}" if last is not None else f"and {image} has no such migration"


def _owner_of(case: Case, version: int | None) -> Iterator[Exhibit]:
    """The releases that end at this version, where the profile knows them."""
    names = tuple(name for name, last in case.profile.migrations.releases.items() if last == version)
    if names:
        yield Exhibit(source=f"profile {case.profile.name}", text=f"{listed(names)} ends at migration {version}")


def older(case: Case) -> Iterator[Finding]:
    """F062: the image serves over a schema that lacks its migrations, and nobody migrates."""
    ledger, last = settled(case), last_of_image(case)
    if ledger is None or ledger.state is not LedgerState.READ or ledger.dirty:
        return
    said = ledger_lines(case, Objection.OLDER)
    behind = ledger.version is not None and last is not None and ledger.version < last and _release_known(case)
    serving = tuple(name for name in _serving(case) if behind)
    if not serving and not said:
        return
    known = f", {_image_ends(case, last)}" if behind else ""
    who = f"{listed(serving)} serves" if serving else f"{listed(tuple(line.replica for line in said))} waits for it"
    yield Finding(
        code="F062",
        cause=f"the schema is older than the image, and nobody migrates: the ledger is at {ledger.version}{known}; {who}",
        confidence=0.9 if behind else 0.7,
        why="a replica of the release is up and has left the ledger as it was" if serving else "the application says so",
        evidence=(_read(ledger), *(line.exhibit for line in said)),
        next=lockage(case, "forecast", *(("--to", target(case)) if behind else ())),
        avoid="do not restart it for that: a release that does not migrate when it starts will not the next time",
    )


def _serving(case: Case) -> Iterator[str]:
    """Replicas of the wanted image that are ready, and have been for long enough to have migrated."""
    workload = case.evidence.platform.workload
    for detail in living(case):
        images = {container.image for container in detail.containers if container.main and not container.init}
        up_s = min(
            ((case.evidence.at - c.state.started_at).total_seconds() for c in detail.containers if c.state.started_at),
            default=0.0,
        )
        if workload is not None and workload.image in images and is_ready(case, detail) and up_s > SETTLED_S:
            yield detail.name


# --- rows that are not right ------------------------------------------------------------------------------------------


def twice(case: Case) -> Iterator[Finding]:
    """F067: one migration stands in the ledger twice."""
    if settled(case) is None:
        return
    rows = case.evidence.database.ledger_rows or ()
    failed = {row.version for row in rows if row.success is False or row.dirty}
    # A name without its application is no key: Django numbers the migrations of each from 0001.
    counts = Counter(row.version for row in rows if row.version not in failed and (row.version.isdigit() or "." in row.version))
    found = tuple(version for version, count in sorted(counts.items()) if count > 1)
    if not found:
        return
    table = case.profile.migrations.ledger
    yield Finding(
        code="F067",
        cause=f"migration {listed(found)} stands {counts[found[0]]} times in {table}: two migrators ran at once",
        confidence=0.9,
        why="a migrator that is alone, or holds a lock, writes one row for each",
        evidence=tuple(Exhibit(source=table, text=f"{counts[version]} rows of {version}") for version in found),
        next=lockage(case, "verify"),
        avoid="do not only delete the second row: what the migration did twice, rows that it inserted above all, stays",
    )


def edited_migration(case: Case) -> Iterator[Finding]:
    """F066: a file that was applied long ago is not what it was."""
    if settled(case) is None and case.evidence.database.ledger is not None:
        return
    said = ledger_lines(case, Objection.EDITED)
    changed = edited(case.evidence.database.ledger_rows or (), case.script)
    if not said and not changed:
        return
    versions = tuple(dict.fromkeys((*changed, *(line.version for line in said if line.version))))
    which = f"migration {listed(versions)} was" if versions else "a migration that is applied was"
    yield Finding(
        code="F066",
        cause=f"{which} edited after it had been applied: the ledger's checksum is another than that of the file",
        confidence=0.95 if said else 0.85,
        why="the migrator itself says so" if said else "other files have the checksum that the ledger says",
        evidence=(
            *(
                Exhibit(source=case.profile.migrations.ledger, text=f"checksum of {version} does not fit its file")
                for version in changed
            ),
            *(line.exhibit for line in said),
        ),
        next=lockage(case, "verify"),
        avoid="do not write the new checksum into the ledger before it is known what the edit changed: the schema has the old "
        "file's work",
        # A process that ends because it will not start over an edited file is no cause of it.
        rules_out=("F010", "F012") if said else (),
    )


# --- the catalog ------------------------------------------------------------------------------------------------------


def invalid_indexes(case: Case) -> Iterator[Finding]:
    """F070: an index that a failed build left behind."""
    running = migrator(case)
    if running is not None and "concurrently" in running.session.query.lower():
        return  # every index that is built so is invalid until the end
    schema = case.profile.migrations.ledger.rpartition(".")[0]
    left = tuple(
        one for one in case.evidence.database.invalid_indexes or ()
        if not one.building and (not case.known or one.relation.startswith(f"{schema}."))
    )  # fmt: skip
    if not left:
        return
    names = tuple(one.index for one in left)
    remains = names[0].endswith(("_ccnew", "_ccold")) or "_ccnew" in names[0] or "_ccold" in names[0]
    met = _met_again(case, names)
    first = identifier(met[0] if met is not None else names[0])
    statement = f"DROP INDEX CONCURRENTLY {first}" if remains or met is not None else f"REINDEX INDEX CONCURRENTLY {first}"
    twice = any(one.unique for one in left) and not remains
    settle = "as it is unique, its build met rows twice, most likely: settle those first; then: " if twice else ""
    and_on = ", and let the replica start: its migration builds it anew" if met is not None else ""
    yield Finding(
        code="F070",
        cause=f"{listed(tuple(f'index {one.index} of {one.relation}' for one in left))} is invalid: a build CONCURRENTLY "
        "failed and left it; no query uses it, every write pays for it, and a unique one keeps nothing unique",
        confidence=0.9,
        why="pg_index says so, and nobody builds it now",
        evidence=(
            *(Exhibit(source="pg_index", text=f"{one.index} on {one.relation} is not valid") for one in left),
            *((met[1],) if met is not None else ()),
        ),
        next=f"{settle}{psql(case, statement)}{and_on}",
        avoid="not while a migration runs: it would wait for the migration's transaction, and the next migration for it",
    )


def _met_again(case: Case, names: tuple[str, ...]) -> tuple[str, Exhibit] | None:
    """The one that a migration fails on because it is there already, with the line that says so."""
    for voice in voices(case):
        for name in names if voice.complaint.sqlstate == TABLE_IS_THERE else ():
            if f'"{name.rpartition(".")[2]}"' in voice.complaint.message:
                return name, voice.exhibit
    return None


def no_ledger(case: Case) -> Iterator[Finding]:
    """F069: no ledger, or an empty one, over tables that exist."""
    yield from lost(case, settled(case))


def drifted_schema(case: Case) -> Iterator[Finding]:
    """F064 and F068: the catalog is not what the ledger says."""
    yield from drifted(case, settled(case))


RULES: tuple[Rule, ...] = (
    dirty, newer, older, no_ledger, twice, edited_migration, two_deployments, invalid_indexes, drifted_schema,
    asks_for_what_is_not_there, told_to_be_older, told_to_be_missing,
)  # fmt: skip
