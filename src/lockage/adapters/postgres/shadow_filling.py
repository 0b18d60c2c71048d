"""Fills a shadow's server with what was taken of a live database, and says what of it is not there or not the same.

Not for taking it (``original``, ``dump``) nor for tracing. The surprising thing: where tables could not be read the dump is
restored twice, because what hangs on them (views, foreign keys, row types) can only be made when they are there, and they only
when the types of the dump are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres import likeness, standins
from lockage.adapters.postgres.any_text import NO_ENCODING
from lockage.adapters.postgres.binaries import Binaries
from lockage.adapters.postgres.catalog import read_relations
from lockage.adapters.postgres.dump import RestoreError, restore
from lockage.adapters.postgres.dumped_statistics import RESTORES_ITSELF, put_statistics, split_statistics
from lockage.adapters.postgres.extension_sketches import make_sketches
from lockage.adapters.postgres.hidden_tables import make_hidden
from lockage.adapters.postgres.invalid_indexes import make_invalid
from lockage.adapters.postgres.original import Original
from lockage.adapters.postgres.reaching_out import reaching_names
from lockage.adapters.postgres.session import foreign_errors
from lockage.adapters.postgres.shadow_server import Login, ShadowServer
from lockage.adapters.postgres.sleeping import make_sleep, wake
from lockage.adapters.postgres.small_tables import advance_sequences, put_rows
from lockage.core.forecast.grants import grants_to_read
from lockage.core.wording import counted

ERRORS_NAMED = 10
"""Statements of a dump that are named one by one; one missing type can take hundreds with it."""

_LOCALE_PROVIDERS_SINCE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A server with everything put on it, and what was not."""

    login: Login
    errors: tuple[str, ...]  # messages about statements of the dump that the server did not take
    left_out: tuple[str, ...]  # settings
    collations: tuple[str, ...]  # that sort as C
    without_rows: tuple[str, ...]  # small tables and ledgers that did not take theirs
    without_statistics: int  # columns
    disarmed: tuple[str, ...]  # event triggers
    present: frozenset[str]  # relations


def fill(shadow: ShadowServer, original: Original, dump: bytes, *, programs: Binaries, asleep: bool = False) -> Filled:
    """Gives the server filled; ``programs`` restore the dump, whose functions fall ``asleep`` when they are made.

    Raises RefusedError (LK425) and what a session raises.
    """
    server = shadow.server
    login = Login(server=server, major=shadow.major, database=original.database, role=original.migrating_role)
    with foreign_errors("preparing the shadow"):
        _name_database(shadow, original)
        with login.session("fill", role=server.superuser, **login.quiet) as session:
            likeness.create_roles(session, original)
            likeness.create_tablespaces(session, original, data_dir=server.data_dir, major=shadow.major)
            if asleep:
                make_sleep(session)
            dump, statistics = (dump, None) if shadow.major >= RESTORES_ITSELF else split_statistics(dump)
            dump, collations = standins.with_known_collations(session, dump)
            make_sketches(session, original.sketches)
            errors = _restored(session, original, dump, login=login, programs=programs)
            errors += make_invalid(session, original.invalid_indexes)
            left_out = likeness.apply_settings(session, original)
            unwritten = put_statistics(session, statistics) if statistics is not None else 0
            refused = put_rows(session, original.small_tables, without=reaching_names(session) if original.small_tables else ())
            bare = [f"{one.schema}.{one.name}" for one in original.ledgers if not likeness.put_ledger(session, one)]
            advance_sequences(session, ((t.schema, t.name) for t in (*original.small_tables, *original.ledgers)))
            likeness.retouch_catalog(session, original, major=shadow.major)
            likeness.lengthen_files(session, original, data_dir=server.data_dir, major=shadow.major)
            disarmed = likeness.disarm_event_triggers(session, of_logins=asleep)
            if asleep:
                wake(session)
            present = frozenset(relation.relation for relation in read_relations(session))
    return Filled(
        login=login,
        errors=errors,
        left_out=left_out,
        collations=collations,
        without_rows=(*refused, *bare),
        without_statistics=unwritten,
        disarmed=disarmed,
        present=present,
    )


def _restored(
    session: psycopg.Connection[TupleRow], original: Original, dump: bytes, *, login: Login, programs: Binaries
) -> tuple[str, ...]:
    url = login.server.url(original.database)

    def once() -> tuple[RestoreError, ...]:
        return restore(url, dump, binaries=programs, options=login.quiet, major=login.major)

    errors = once()
    if not original.hidden:
        return tuple(error.message for error in errors)
    refused = make_hidden(session, original.hidden)
    # What fails twice with the same words was not for want of these tables; the rest is there by now.
    again = set(once())
    return (*refused, *(error.message for error in errors if error in again))


def _name_database(shadow: ShadowServer, original: Original) -> None:
    # Scripts say ALTER DATABASE with the name that production's has. Renaming is a hundred times faster than making one.
    name = sql.Identifier(original.database)
    with psycopg.connect(shadow.server.url("template1"), autocommit=True) as session:
        if original.encoding not in ("UTF8", NO_ENCODING):
            if original.database == "postgres":
                session.execute("alter database postgres rename to lockage_postgres")
            provider = " locale_provider libc" if shadow.major >= _LOCALE_PROVIDERS_SINCE else ""
            session.execute(
                sql.SQL("create database {} template template0 encoding {}" + provider + " locale 'C'").format(
                    name, sql.Literal(original.encoding)
                )
            )
        elif original.database != "postgres":
            session.execute(sql.SQL("alter database postgres rename to {}").format(name))


def assumptions_of(original: Original, filled: Filled, *, server: ShadowServer, ledger: str | None) -> Iterator[str]:
    """What differs from production, one sentence each; ``ledger`` is the table that was asked for by name."""
    if original.major != server.major:
        yield other_major(original.major, server)
    if original.encoding == NO_ENCODING:
        yield f"the database has no encoding ({NO_ENCODING}): on the shadow texts are UTF-8, or LATIN1 where they are none"
    yield from _hidden(original, filled)
    yield from _missing(original, filled)
    yield from _granting(original)
    if filled.collations:
        yield f"collations that are not on this machine ({', '.join(filled.collations)}) sort as C on the shadow"
    if original.migrating_role not in original.superusers:
        yield f"role {original.migrating_role} is a superuser on the shadow: what it lacks the privilege for does not show"
    for setting in filled.left_out:
        yield f"the script's role has {setting} in production, which does not hold on the shadow"
    if ledger is not None and not original.ledgers:
        yield f"production has no readable table {ledger}, so the shadow's ledger is empty"
    if filled.disarmed:
        names = ", ".join(filled.disarmed)
        yield f"event triggers that reach out of the database, or fire at a login, are off on the shadow: {names}"
    if filled.without_statistics:
        columns = counted(filled.without_statistics, "column") + (" are" if filled.without_statistics > 1 else " is")
        yield f"how the values of {columns} distributed is unknown to the shadow"
    yield from _copied(original, filled)


def _copied(original: Original, filled: Filled) -> Iterator[str]:
    for table in original.ledgers:
        if f"{table.schema}.{table.name}" in filled.without_rows:
            yield f"the shadow did not take the rows of the ledger {table.schema}.{table.name}, which is empty there"
    copied = [t for t in original.small_tables if f"{t.schema}.{t.name}" not in filled.without_rows]
    if copied:
        rows = sum(len(table.rows) for table in copied)
        yield (
            f"of {counted(len(copied), 'small table')} the shadow has the {counted(rows, 'row')} of this moment, of all others"
            " none: what a script does to their rows follows from statistics, foreign keys and code"
        )


def other_major(wanted: int | None, server: ShadowServer) -> str:
    """Says that the shadow is of another major than production, and why, as far as there is a reason beside the usual one."""
    why = f" (those of {wanted} on this machine do not start: {server.trouble})" if server.trouble else ""
    return (
        f"production runs PostgreSQL {wanted}, the shadow {server.major}: a few locks and failures differ between majors{why}"
    )


def _hidden(original: Original, filled: Filled) -> Iterator[str]:
    for table in original.hidden:
        name = f"{table.schema}.{table.name}"
        if name in filled.present:
            beside = f", and which of them its foreign keys tie to {', '.join(table.partners)}" if table.partners else ""
            yield f"{name} could not be read: the shadow has it as the catalog describes it; its rows are unknown{beside}"


def _missing(original: Original, filled: Filled) -> Iterator[str]:
    partners = {f"{table.schema}.{table.name}": table.partners for table in original.hidden}
    unreadable = {f"{schema}.{name}" for schema, name in original.unreadable}
    for name in sorted(unreadable - filled.present):
        beside = f", and what reaches it by the foreign keys of {', '.join(partners[name])}" if partners.get(name) else ""
        yield f"{name} could not be read, and is missing on the shadow: what touches it is unknown{beside}"
    for relation in original.relations:
        if relation.relation not in unreadable | filled.present:
            yield f"{relation.relation} could not be restored, and is missing on the shadow: what touches it is unknown"
    yield from _errors(filled.errors)


def _granting(original: Original) -> Iterator[str]:
    if original.unreadable and original.asker is not None:
        grants = grants_to_read(original.unreadable, relations=original.relations, role=original.asker)
        yield f"so that {original.asker} may read them: {'; '.join(grants)}"


def _errors(errors: Iterable[str]) -> Iterator[str]:
    messages: Sequence[str] = list(dict.fromkeys(errors))
    for message in messages[:ERRORS_NAMED]:
        yield f"the shadow did not take something of production's schema: {message}"
    if len(messages) > ERRORS_NAMED:
        left = counted(len(messages) - ERRORS_NAMED, "more thing")
        yield f"the shadow did not take {left} of production's schema"
