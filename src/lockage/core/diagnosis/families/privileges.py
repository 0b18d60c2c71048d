"""What the application's role may not do: its migrations are refused by PostgreSQL, not by Lockage.

The surprising thing: a role that owns the database does not own the tables in it. What a person created by hand, or an old
release under another role, belongs to that role, and only an owner may ALTER.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.rollout import failed, logged_of_migration, role, starting, troubled, written
from lockage.core.diagnosis.server_entries import ServerEntry
from lockage.core.diagnosis.typed import lockage, psql
from lockage.core.diagnosis.voices import Voice, voices
from lockage.core.wording import listed

_OWNER = re.compile(r"must be owner of (?P<kind>[\w ]+?) (?P<name>\S+)$")
_EXTENSION = re.compile(r'(?:extension|access file|load library) (?:control file )?"(?P<path>[^"]+)"')
_OF_AN_EXTENSION = re.compile(r'extension|could not (?:access file|load library) "')
_DENIED = re.compile(r"permission denied (?:for|to) (?P<what>.{1,80})")


def refused(case: Case) -> Iterator[Finding]:
    """F026 and F027: the role is not the owner, or lacks a privilege."""
    for voice in failed(case, "42501"):
        message = voice.complaint.message
        yield _refused(case, message, evidence=(voice.exhibit,), about=_about(voice), sure=_sure(voice))
    if not failed(case, "42501"):
        for entry in logged_of_migration(case, "42501")[-1:]:
            yield _refused(case, entry.message, evidence=(written(entry),), about=(), sure=0.75)


def _refused(case: Case, message: str, *, evidence: Sequence[Exhibit], about: tuple[str, ...], sure: float) -> Finding:
    who = role(case)
    as_whom = f"role {who}" if who else "the application's role"
    owner = _OWNER.search(message)
    if owner is None:
        denied = _DENIED.search(message)
        return Finding(
            code="F027",
            cause=f"PostgreSQL refuses {as_whom} what the migration needs: {message}",
            confidence=sure,
            why="the server's own words stand in the replica's log",
            evidence=(*evidence, *_create(case)),
            next=_grant(case, denied["what"] if denied else "", who),
            avoid="do not make the application's role a superuser: one GRANT is enough",
            rules_out=("F012", "F010"),
            about=about,
        )
    kind, name = owner["kind"].strip(), owner["name"].strip('"')
    full, owned = _full_name(case, name)
    return Finding(
        code="F026",
        cause=f"{as_whom} is not the owner of {kind} {full}{owned}, which the migration changes",
        confidence=sure,
        why="only an owner may change a relation, and the server's own words stand in the replica's log",
        evidence=(*evidence, *_others(case)),
        next=_take_over(case, kind, full, who),
        avoid="do not make the application's role a superuser: the relations that it is to change must be its own",
        rules_out=("F012", "F010", "F027"),
        about=(*about, f"relation {full}", *((f"role {who}",) if who else ())),
    )


def _take_over(case: Case, kind: str, name: str, who: str | None) -> str:
    kinds = {
        "relation": "TABLE",
        "table": "TABLE",
        "view": "VIEW",
        "materialized view": "MATERIALIZED VIEW",
        "sequence": "SEQUENCE",
    }
    what = kinds.get(kind, kind.upper())
    change = psql(case, f"ALTER {what} {name} OWNER TO {who or 'ROLE'}")
    return f"as a superuser or its owner: {change}"


def _grant(case: Case, what: str, who: str | None) -> str:
    kind, _, name = what.partition(" ")
    to = who or "ROLE"
    if kind == "schema":
        return f"as its owner: {psql(case, f'GRANT CREATE, USAGE ON SCHEMA {name} TO {to}')}"
    if kind in {"table", "relation", "view"}:
        return f"as its owner: {psql(case, f'GRANT ALL ON TABLE {name} TO {to}')}"
    roles = psql(case, f"\\du {to}")
    return f"as a superuser, grant it to {to}, or do that one statement for it; what the role may do: {roles}"


def _full_name(case: Case, name: str) -> tuple[str, str]:
    """The name with its schema, and whose it is (`` (owner x)``), where that was seen."""
    found = next((o for o in _not_owned(case) if o.partition(" ")[0].rpartition(".")[2] == name), name)
    full, _, owner = found.partition(" ")
    return full, f" {owner}" if owner else ""


def _not_owned(case: Case) -> tuple[str, ...]:
    privileges = case.evidence.database.privileges
    return privileges.not_owned if privileges is not None else ()


def _others(case: Case) -> tuple[Exhibit, ...]:
    privileges = case.evidence.database.privileges
    if privileges is None or not privileges.not_owned_count:
        return ()
    names = f"{privileges.not_owned_count} relations are other roles': {listed(privileges.not_owned)}"
    return (Exhibit(source="pg_class", text=names),)


def _create(case: Case) -> tuple[Exhibit, ...]:
    privileges = case.evidence.database.privileges
    if privileges is None or privileges.create_in_schema:
        return ()
    schema = case.profile.migrations.ledger.rpartition(".")[0]
    return (Exhibit(source="pg_namespace", text=f"role {privileges.role} may not create in schema {schema}"),)


_CLOSED = (
    (
        re.compile(r'role "(?P<name>[^"]+)" is not permitted to log in'),
        "role {name} may not log in: it is NOLOGIN",
        "ALTER ROLE {name} LOGIN",
    ),
    (
        re.compile(r'database "(?P<name>[^"]+)" is not currently accepting connections'),
        "database {name} takes no connections: somebody has closed it",
        "ALTER DATABASE {name} ALLOW_CONNECTIONS true",
    ),
)
"""What was shut on purpose. Source: PostgreSQL 18, utils/init/miscinit.c and postinit.c."""


def shut(case: Case) -> Iterator[Finding]:
    """F027: the role or the database was closed to logins."""
    for voice in voices(case):
        for words, cause, change in _CLOSED:
            if (found := words.search(voice.complaint.message) or words.search(voice.complaint.raw)) is not None:
                opened = psql(case, change.format(name=found["name"]))
                yield Finding(
                    code="F027",
                    cause=cause.format(name=found["name"]),
                    confidence=0.95,
                    why="the server's own words stand in the replica's log",
                    evidence=(voice.exhibit,),
                    next=f"find out who closed it and why; then, as a superuser: {opened}",
                    avoid="do not open it before that is known: a restore or a move of the data may be under way",
                    rules_out=("F012", "F010", "F023", "F024"),
                    about=_about(voice),
                )


def unread_log(case: Case) -> Iterator[Finding]:
    """F026 and F027 where no log was seen: privileges that are missing while a replica cannot start, less sure."""
    privileges = case.evidence.database.privileges
    if case.evidence.platform.logs is not None or case.evidence.database.server_log is not None or privileges is None:
        return
    tried = [r for r in starting(case) if r.restarts or r.last_exit is not None]
    if not tried or not (privileges.not_owned_count or not privileges.create_in_schema):
        return
    about = (*(f"pod {r.name}" for r in tried), f"role {privileges.role}")
    owner = bool(privileges.not_owned_count)
    yield Finding(
        code="F026" if owner else "F027",
        cause=f"role {privileges.role} "
        + (f"does not own {listed(privileges.not_owned)}" if owner else "may not create in its schema")
        + ", which migrations may have to change",
        confidence=0.4,
        why="the privileges are so, but no log was seen that says that a migration met them",
        evidence=(*_others(case), *_create(case)),
        next=f"kubectl logs {tried[0].name} --previous"
        if case.evidence.platform_kind == "kubernetes"
        else lockage(case, "survey"),
        about=about,
    )


# --- extensions -------------------------------------------------------------------------------------------------------


def extension(case: Case) -> Iterator[Finding]:
    """F028: an extension that the migration wants is not there."""
    for voice in failed(case, "58P01", "0A000", "42704"):
        message = voice.complaint.message
        if _OF_AN_EXTENSION.search(message):
            yield _extension(case, message, evidence=(voice.exhibit,), about=_about(voice), sure=_sure(voice))
            return
    for entry in logged_of_migration(case, "58P01", "0A000", "42704"):
        if _OF_AN_EXTENSION.search(entry.message):
            yield _extension(case, entry.message, evidence=(written(entry),), about=(), sure=0.75)
            return
    privileges = case.evidence.database.privileges
    if privileges is not None and privileges.missing_extensions and troubled(case):
        names = listed(privileges.missing_extensions)
        shown = (Exhibit(source="pg_available_extensions", text=f"not there: {names}"),)
        yield _extension(case, f"the server does not have {names}", evidence=shown, about=(), sure=0.6)


def _extension(case: Case, message: str, *, evidence: Sequence[Exhibit], about: tuple[str, ...], sure: float) -> Finding:
    found = _EXTENSION.search(message)
    name = found["path"].rpartition("/")[2].removesuffix(".control").removesuffix(".so") if found else "it"
    there = psql(case, "SELECT * FROM pg_available_extensions")
    listed_by_name = "allow-listed" in message
    get = f"put {name} on the provider's list (azure.extensions)" if listed_by_name else f"install {name} on the server"
    return Finding(
        code="F028",
        cause=f"the migration needs an extension that the server does not {'allow' if listed_by_name else 'have'}: {message}",
        confidence=sure,
        why="the server's own words" if about or sure > 0.7 else "the server's list of extensions lacks it",
        evidence=tuple(evidence),
        next=f"{get}, then see whether it is there: {there}",
        avoid="do not mark the migration as done: the application would meet the missing functions later",
        rules_out=("F012", "F010"),
        about=about,
    )


# --- read-only --------------------------------------------------------------------------------------------------------


_NO_PRIMARY = re.compile(r"(?:session is read-only|read only connection|server is in hot standby mode)\b|targetServerType")
"""What clients say that were told to look for a primary. Source: libpq (target_session_attrs), pgx, pgjdbc."""


def read_only(case: Case) -> Iterator[Finding]:
    """F029 and F030: a read-only setting, or a standby."""
    server, privileges = case.evidence.database.server, case.evidence.database.privileges
    said = failed(case, "25006", "55000")
    said = tuple(v for v in said if v.complaint.sqlstate == "25006" or "recovery" in v.complaint.message)
    entries = logged_of_migration(case, "25006") if not said else ()
    standby = server.in_recovery if server is not None else any("recovery" in v.complaint.message for v in said)
    standby = standby or any(_NO_PRIMARY.search(v.complaint.raw) for v in said)
    set_so = privileges is not None and privileges.read_only
    if not said and not entries and not ((standby or set_so) and troubled(case)):
        return
    evidence = (*(v.exhibit for v in said[:2]), *(written(e) for e in entries[-1:]))
    about = tuple(dict.fromkeys(key for voice in said for key in _about(voice)))
    yield _standby(case, evidence, about, said, entries) if standby else _setting(case, evidence, about, said, entries)


def _standby(
    case: Case, evidence: tuple[Exhibit, ...], about: tuple[str, ...], said: Sequence[Voice], entries: Sequence[ServerEntry]
) -> Finding:
    server = case.evidence.database.server
    followed = server is not None and server.in_recovery
    seen = (Exhibit(source="pg_is_in_recovery()", text="true: this server follows another one"),) if followed else ()
    elsewhere = server is not None and not server.in_recovery
    return Finding(
        code="F030",
        cause="the database address leads to a standby, where nobody can write",
        confidence=0.7 if elsewhere else 0.95 if said or entries else 0.8,
        why="the replica looks for a primary and finds none, though we reach one: its address has other hosts"
        if elsewhere
        else "the server says that it is in recovery" + (", and refuses to write" if said or entries else ""),
        evidence=(*evidence, *seen),
        next=psql(case, "SELECT pg_is_in_recovery(), sender_host, sender_port FROM pg_stat_wal_receiver"),
        avoid="do not promote the standby to get the upgrade done: two primaries is data lost",
        rules_out=("F012", "F010", "F029"),
        about=about,
    )


def _setting(
    case: Case, evidence: tuple[Exhibit, ...], about: tuple[str, ...], said: Sequence[Voice], entries: Sequence[ServerEntry]
) -> Finding:
    privileges, who = case.evidence.database.privileges, role(case)
    set_so = privileges is not None and privileges.read_only
    seen = (Exhibit(source="pg_db_role_setting", text="default_transaction_read_only = on"),) if set_so else ()
    as_whom = f"role {who}" if who else "the application's role"
    return Finding(
        code="F029",
        cause=f"transactions of {as_whom} are read-only"
        + (" by default_transaction_read_only" if set_so else " by a setting")
        + ", so that no migration can write",
        confidence=0.95 if (said or entries) and set_so else 0.85 if said or entries else 0.6,
        why="the setting is on for its role, its database or the server"
        if set_so
        else "the server refuses to write, and is no standby",
        evidence=(*evidence, *seen),
        next=psql(case, "SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting"),
        avoid="do not switch it off before it is known who switched it on: a full disk or a failover makes people do that",
        rules_out=("F012", "F010"),
        about=(*about, *((f"role {who}",) if who else ())),
    )


def _about(voice: Voice) -> tuple[str, ...]:
    return (f"pod {voice.detail.name}",)


def _sure(voice: Voice) -> float:
    return 0.95 if voice.complaint.stated or voice.migrates else 0.85


RULES: tuple[Rule, ...] = (refused, shut, unread_log, extension, read_only)
