"""A case on disk: the evidence with what one must know to judge it, so that another machine gives the same answer.

Not for collecting, nor for bundles, which hold more. The surprising thing: a file of evidence is an ``lockage.evidence/1`` with
three keys beside it (``profile``, ``known``, ``script``), so whoever reads evidence alone reads it too.

Codes: LK601 a file cannot be read · LK602 it holds no evidence · LK604 it cannot be written.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from lockage.core.diagnosis.evidence import Evidence
from lockage.core.diagnosis.findings import Case
from lockage.core.progress import MigrationText
from lockage.core.redaction.records import Data
from lockage.core.release.generic import profile_of_migrations
from lockage.core.release.profile import Profile
from lockage.errors import RefusedError, UsageError

EVIDENCE = "evidence.json"
PROFILE = "profile.json"
MIGRATIONS = "migrations.json"
"""Names of a case's parts in a bundle."""

MEMBER_LIMIT_BYTES = 256 * 1024 * 1024
"""Largest part of a bundle that is read: the logs of 200 replicas are 60 MB, and a broken bundle must not fill the memory."""


class _Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the evidence in its file."""

    profile: Profile | None = None
    known: bool = True
    script: tuple[MigrationText, ...] = ()


def read_case(file: Path, *, profile: Profile | None = None) -> Case:
    """The case in a file of evidence, or in a bundle; ``profile`` where the user names one, instead of the file's.

    Raises ``UsageError``: LK601 it cannot be read, LK602 it holds no evidence.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", code="LK601", hint="lockage diagnose --from FILE"
        ) from error
    try:
        case = _of_bundle(file) if content[:2] == b"\x1f\x8b" else _of_evidence(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, tarfile.TarError, EOFError, OSError) as error:
        raise UsageError(
            f"{file} holds no evidence: {error}",
            code="LK602",
            hint="give a bundle (lockage bundle) or a file that lockage diagnose --save wrote",
        ) from error
    return case if profile is None else Case(evidence=case.evidence, profile=profile, script=case.script)


def save_case(case: Case, file: Path, *, masked: Callable[[Data], Data]) -> None:
    """Write the case, redacted, whole or not at all; only its owner may read it.

    Raises ``RefusedError`` (LK604) when it cannot be written.
    """
    beside = _Beside(profile=case.profile, known=case.known, script=case.script)
    content = {**msgspec.to_builtins(case.evidence), **msgspec.to_builtins(beside)}
    encoded = msgspec.json.format(msgspec.json.encode(masked(content)), indent=1)
    beside_it = file.with_name(f".{file.name}.new")
    try:
        beside_it.touch(mode=0o600)
        beside_it.write_bytes(encoded + b"\n")
        beside_it.replace(file)
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}", code="LK604", hint="choose another file") from error


def _of_evidence(content: bytes) -> Case:
    return _joined(msgspec.json.decode(content, type=Evidence), msgspec.json.decode(content, type=_Beside))


def _of_bundle(file: Path) -> Case:
    parts: dict[str, bytes] = {}
    with tarfile.open(file, "r:gz") as bundle:
        for member in bundle:
            name = member.name.rpartition("/")[2]
            if name in (EVIDENCE, PROFILE, MIGRATIONS) and member.isfile() and member.size <= MEMBER_LIMIT_BYTES:
                opened = bundle.extractfile(member)
                parts.setdefault(name, opened.read() if opened is not None else b"")
    if EVIDENCE not in parts:
        raise tarfile.ReadError(f"there is no {EVIDENCE} in it")
    beside = msgspec.json.decode(parts[EVIDENCE], type=_Beside)
    if PROFILE in parts:
        beside = msgspec.structs.replace(beside, profile=msgspec.json.decode(parts[PROFILE], type=Profile))
    if MIGRATIONS in parts:
        script = msgspec.json.decode(parts[MIGRATIONS], type=tuple[MigrationText, ...])
        beside = msgspec.structs.replace(beside, script=script)
    return _joined(msgspec.json.decode(parts[EVIDENCE], type=Evidence), beside)


def _joined(evidence: Evidence, beside: _Beside) -> Case:
    if beside.profile is not None:
        return Case(evidence=evidence, profile=beside.profile, known=beside.known, script=beside.script)
    ledger = evidence.database.ledger.table if evidence.database.ledger is not None else "public.schema_migrations"
    nobody_s = profile_of_migrations(form="plain", source="", transaction="file", ledger=ledger)
    return Case(evidence=evidence, profile=nobody_s, known=False, script=beside.script)
