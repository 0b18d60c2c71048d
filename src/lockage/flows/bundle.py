"""Make a bundle: everything that a vendor will ask for, of whatever answers, without a secret.

Not for judging (``core.diagnosis``) nor for the archive, and it changes nothing. The surprising thing: the diagnosis in a
bundle is made from the masked evidence in it, so that whoever judges the bundle on another machine gets the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from lockage.core.bundle.about import bundled
from lockage.core.bundle.cutting import SERVER_LOG, cut_evidence, log_path, safe_name
from lockage.core.bundle.index_page import index_page
from lockage.core.bundle.manifest import DroppedSource, Manifest, Tool
from lockage.core.bundle.packing import Masker, Packed, PackedFile, Redacting, leak_in, masking_of, pack
from lockage.core.bundle.sources import Form, Source
from lockage.core.diagnosis.evidence import Evidence, Missing
from lockage.core.diagnosis.findings import Case, Diagnosis
from lockage.core.plan.steps import Plan
from lockage.core.progress import MigrationText
from lockage.core.redaction.records import STATEMENTS
from lockage.core.redaction.redaction import Redaction
from lockage.core.redaction.variables import learn_addresses, learn_value, learn_variable
from lockage.core.release.profile import Profile, VendorProfile
from lockage.errors import LockageError
from lockage.flows.bundle_records import records_of
from lockage.flows.looks import Answer, Looks
from lockage.ports import Clock, Journals
from lockage.ports.objects import ObjectReader, SeenObject, SeenVariable
from lockage.settings import Bundling

INDEX, MANIFEST, DIAGNOSIS, EVIDENCE, PROFILE, MIGRATIONS, SCHEMA = (
    "index.html",
    "manifest.json",
    "diagnosis.json",
    "evidence.json",
    "profile.json",
    "migrations.json",
    "schema.sql",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """What a bundle is made of, and whom to ask for the rest."""

    case: Case
    judge: Callable[[Case], Diagnosis]
    reader: Callable[[], ObjectReader]  # finds the way to the objects, which may take its time, or fail
    journals: Journals
    schema: Callable[[], str] | None  # gives a schema dump; None: it was not asked for
    addresses: tuple[str, ...]  # of the database, passwords and all
    secrets: tuple[str, ...] = ()  # others that are known
    key: bytes  # random, of this bundle alone
    ip_addresses: bool
    made_by: Tool
    began_at: datetime
    began_s: float  # by the clock's monotonic time
    clock: Clock
    settings: Bundling = field(default_factory=Bundling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A bundle, ready to be written."""

    files: tuple[tuple[str, bytes], ...]  # the page and the manifest first
    manifest: Manifest


def make_bundle(
    given: Ingredients,
    *,
    say: Callable[[str], None] = lambda _: None,
    masker: Masker | None = None,
    limit_s: float | None = None,
) -> Made:
    """The bundle of a deployment; ``say`` gets what goes on, ``masker`` is another one than the usual."""
    redaction = Redaction(key=given.key, public=public_names(given.case), addresses=given.ip_addresses)
    objects, missing = _objects(given, redaction, limit_s=limit_s, say=say)
    masker = masker or Redacting(redaction)
    sources, more = _sources(given, objects)
    packed = pack(sources, masker, also=redaction.seen, say=say)
    diagnosis, judged = _judged(given, packed, masker, also=redaction.seen)
    packed = Packed(files=(*judged.files, *packed.files), dropped=(*packed.dropped, *judged.dropped))
    manifest = _manifest(given, packed, redaction, missing=(*given.case.evidence.missing, *missing, *more))
    page = index_page(manifest, diagnosis, vendor=given.case.profile.vendor)
    if leak_in(page, redaction.seen) is not None:
        page = index_page(manifest, None, vendor=given.case.profile.vendor)
    if leak_in(page, redaction.seen) is not None:  # in a name of something
        manifest = msgspec.structs.replace(
            manifest, missing=(), deployment=msgspec.structs.replace(manifest.deployment, limits=())
        )
        page = index_page(manifest, None, vendor=VendorProfile())
    index = PackedFile(path=INDEX, what="this page", text=page, data=page)
    manifest = msgspec.structs.replace(manifest, files=(index.listed(), *manifest.files))
    table = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    return Made(
        files=((INDEX, index.content), (MANIFEST, table), *((file.path, file.content) for file in packed.files)),
        manifest=manifest,
    )


def public_names(case: Case) -> tuple[str, ...]:
    """Names and texts that stay readable, though somebody may have them for a password."""
    evidence, profile = case.evidence, case.profile
    workload, server = evidence.platform.workload, evidence.database.server
    named = [
        evidence.deployment,
        evidence.namespace,
        evidence.platform_kind,
        profile.name,
        profile.title,
        profile.workload.image,
    ]
    named += [profile.vendor.name, *profile.vendor.contact.split()]
    named += [workload.name] if workload is not None else []
    named += [server.user, server.database] if server is not None else []
    return tuple(one.strip("<>(),;") for one in named if one)


def learn_secrets(
    redaction: Redaction,
    *,
    addresses: Sequence[str],
    secrets: Sequence[str],
    reader: Callable[[], ObjectReader],
    clock: Clock,
    limit_s: float,
) -> None:
    """Teach a redaction what a bundle would know to be secret, as far as it can be read in so many seconds."""
    learn_addresses(redaction, addresses)
    for secret in secrets:
        learn_value(redaction, secret)
    looks = Looks(clock=clock, limit_s=limit_s, look_s=limit_s)
    opened = looks.within(Answer("the platform's objects", reader))
    if opened is not None:
        variables, credentials = _asked(looks, opened)
        looks.wait(lambda _: None)
        _learn(redaction, variables, credentials)


# --- what is asked for ------------------------------------------------------------------------------------------------


def _objects(
    given: Ingredients, redaction: Redaction, *, limit_s: float | None, say: Callable[[str], None]
) -> tuple[tuple[SeenObject, ...], tuple[Missing, ...]]:
    """The objects that were given in time, and the secrets learned that go with them."""
    learn_addresses(redaction, given.addresses)
    for secret in given.secrets:
        learn_value(redaction, secret)
    left_s = (given.settings.limit_s if limit_s is None else limit_s) - (given.clock.monotonic() - given.began_s)
    looks = Looks(clock=given.clock, limit_s=max(2.0, left_s), look_s=given.settings.look_s)
    opening = Answer("the platform's objects", given.reader)
    reader = looks.within(opening)
    if reader is None:
        return (), (opening.missing,) if opening.missing is not None else ()
    answers = [Answer(f"{name} as YAML", look) for name, look in reader.objects().items()]
    variables, credentials = _asked(looks, reader)
    looks.share(answers, threads=4)
    looks.wait(say)
    _learn(redaction, variables, credentials)
    found = tuple(one for answer in answers for one in answer.value or ())
    missing = tuple(one.missing for one in (variables, *answers) if one.missing is not None)
    return found, missing


def _asked(looks: Looks, reader: ObjectReader) -> tuple[Answer[tuple[SeenVariable, ...]], Answer[tuple[str, ...]]]:
    variables: Answer[tuple[SeenVariable, ...]] = Answer("the application's variables", reader.variables)
    credentials: Answer[tuple[str, ...]] = Answer("our own credentials", reader.credentials)
    looks.ask(credentials)
    looks.ask(variables)
    return variables, credentials


def _learn(redaction: Redaction, variables: Answer[tuple[SeenVariable, ...]], credentials: Answer[tuple[str, ...]]) -> None:
    for variable in variables.value or ():
        learn_variable(redaction, name=variable.name, value=variable.value, secret=variable.secret)
    for credential in credentials.value or ():
        learn_value(redaction, credential)


# --- what goes in -----------------------------------------------------------------------------------------------------


def _sources(given: Ingredients, objects: Sequence[SeenObject]) -> tuple[tuple[Source, ...], tuple[Missing, ...]]:
    limits, case = given.settings, given.case
    evidence, cuts = cut_evidence(
        case.evidence, log_bytes=limits.log_bytes, logs_bytes=limits.logs_bytes, server_log_bytes=limits.server_log_bytes
    )
    plain = msgspec.to_builtins(evidence)
    record = limits.record_bytes
    sources = [
        Source(path=EVIDENCE, what="the evidence", form=Form.JSON, data={**plain, "known": case.known}, limit_bytes=record),
        Source(
            path=PROFILE,
            what="the profile",
            form=Form.JSON,
            data=msgspec.to_builtins(case.profile),
            limit_bytes=record,
            named=False,
        ),
        Source(
            path=MIGRATIONS,
            what="the migrations",
            form=Form.JSON,
            data=_script(case.script),
            limit_bytes=record,
            statements=STATEMENTS | {"text"},
        ),
        *_logs(evidence, cuts, limits),
        *_of_objects(objects, limits),
    ]
    records, missing = records_of(given.journals, case, limits)
    sources += records
    if given.schema is not None:
        try:
            dump = given.schema()
        except LockageError as error:
            missing = (*missing, Missing(source="the schema", why=error.message))
        else:
            sources.append(Source(path=SCHEMA, what="the schema", form=Form.SCHEMA, data=dump, limit_bytes=limits.schema_bytes))
    return tuple(sources), missing


def _script(script: Sequence[MigrationText]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(migration) for migration in script]


def _logs(evidence: Evidence, cuts: Mapping[str, str], limits: Bundling) -> list[Source]:
    sources: list[Source] = []
    for log in evidence.platform.logs or ():
        path, before = log_path(log), ", before its last restart" if log.previous else ""
        sources.append(
            Source(
                path=path,
                what=f"log of {log.replica}, container {log.container}{before}",
                form=Form.TEXT,
                data="\n".join(log.lines),
                limit_bytes=2 * limits.log_bytes,  # tokens may be longer than what they stand for
                cut=cuts.get(path),
            )
        )
    if evidence.database.server_log is not None:
        sources.append(
            Source(
                path=SERVER_LOG,
                what="PostgreSQL's own log",
                form=Form.TEXT,
                data="\n".join(evidence.database.server_log),
                limit_bytes=2 * limits.server_log_bytes,
                cut=cuts.get(SERVER_LOG),
            )
        )
    return sources


def _of_objects(objects: Sequence[SeenObject], limits: Bundling) -> list[Source]:
    return [
        Source(
            path=f"objects/{safe_name(one.kind)}-{safe_name(one.name)}.yaml",
            what=f"{one.kind}/{one.name}",
            form=Form.YAML,
            data=one.data,
            limit_bytes=limits.object_bytes,
        )
        for one in objects[: limits.objects_most]
    ]


# --- what comes of it -------------------------------------------------------------------------------------------------


def _judged(given: Ingredients, packed: Packed, masker: Masker, *, also: frozenset[str]) -> tuple[Diagnosis | None, Packed]:
    """What the rules say of the masked evidence, and the file of it."""
    try:
        diagnosis = given.judge(_masked_case(given.case, packed))
    except Exception as error:  # noqa: BLE001 - a bundle is what one sends when Lockage itself is at a loss
        why = f"it could not be made: {type(error).__name__}"
        return None, Packed(files=(), dropped=(DroppedSource(path=DIAGNOSIS, what="the diagnosis", why=why),))
    source = Source(
        path=DIAGNOSIS,
        what="the diagnosis",
        form=Form.JSON,
        data=msgspec.to_builtins(diagnosis),
        limit_bytes=given.settings.record_bytes,
    )
    made = pack((source,), masker, also=also)
    masked = made.data(DIAGNOSIS)
    return (msgspec.convert(masked, Diagnosis) if masked is not None else None), made


def _masked_case(case: Case, packed: Packed) -> Case:
    """The case as whoever opens the bundle has it."""
    evidence, profile, script = packed.data(EVIDENCE), packed.data(PROFILE), packed.data(MIGRATIONS)
    return replace(
        case,
        evidence=msgspec.convert(evidence, Evidence),
        profile=msgspec.convert(profile, Profile) if profile is not None else case.profile,
        script=msgspec.convert(script, tuple[MigrationText, ...]) if script is not None else (),
    )


def _manifest(given: Ingredients, packed: Packed, redaction: Redaction, *, missing: Sequence[Missing]) -> Manifest:
    told = tuple(Missing(source=redaction.text(one.source), why=redaction.text(one.why)) for one in missing)
    plan = packed.data("plan.json")
    return Manifest(
        at=given.began_at,
        took_s=round(given.clock.monotonic() - given.began_s, 1),
        made_by=given.made_by,
        deployment=bundled(given.case, plan=_plan(plan)),
        files=tuple(file.listed() for file in packed.files),
        dropped=packed.dropped,
        missing=told,
        masking=masking_of(packed.files, in_place_only=redaction.hidden_only_in_place, ip_addresses=given.ip_addresses),
        partial=bool(told or packed.dropped),
    )


def _plan(data: object) -> Plan | None:
    try:
        return msgspec.convert(data, Plan) if data is not None else None
    except msgspec.ValidationError:
        return None
