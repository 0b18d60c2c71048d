"""The address of a workload's database, as the profile says where its replicas have it from.

Not for coming there (``ways``). The surprising thing: what an application takes for an address is often not what libpq does:
names of drivers in the scheme, settings of a pool as parameters, certificates whose files are in the container only. The first
two are left out; the files are taken from where they are mounted.

Codes: LK534 the address is not where the profile says · LK536 what is there is no address of a PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from lockage.adapters.kubernetes.environment import Environment
from lockage.core.release.profile import DatabaseParts, DatabaseProfile
from lockage.errors import LockageError, RefusedError

_SCHEME = re.compile(r"(?:jdbc:)?(?:postgres|postgresql|psql|pgsql|postgis)(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
"""As SQLAlchemy ("postgresql+asyncpg"), Java and Django have it. libpq knows the first two only."""

_KEYWORDS = re.compile(r"\s*[a-z_]+\s*=", re.IGNORECASE)
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address as the replicas have it, with what libpq understands of it."""

    url: str  # a URL, or libpq's NAME=VALUE words
    origin: str  # where it was found: "variable CODER_PG_CONNECTION_URL of container coder of Deployment/coder (Secret/db)"
    command: tuple[str, ...] = ()  # prints the password, asked anew for each connection
    left_out: tuple[str, ...] = ()  # parameters that are not libpq's


def database_address(environment: Environment, profile: DatabaseProfile) -> Address:
    """Where the workload's database is.

    Raises ``RefusedError``: LK534 it is not where the profile says, LK535 a Secret or a key is missing, LK536 it is no address
    of a PostgreSQL; as the client does.
    """
    for name, wanted in profile.requires.items():
        value = environment.variable(name)
        if value not in (None, wanted):
            raise _no_address(f"variable {name} of {environment.where}", f"{value!r} and not {wanted!r}")
    text, origin = _found(environment, profile)
    url, left_out = understood(text, origin=origin)
    when = profile.password_command_when
    wants_command = all(environment.variable(name) == value for name, value in when.items())
    return Address(url=url, origin=origin, command=profile.password_command if wants_command else (), left_out=left_out)


def with_files(url: str, read: Callable[[str], bytes | None], *, folder: Path) -> str:
    """The URL with files of the container (certificates, keys) put into a folder here, which belongs to the caller.

    Raises ``RefusedError`` (LK536) when it names one that is neither mounted nor here.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        return url  # whoever uses it says so
    brought: dict[str, str] = {}
    for name in _FILES:
        path = parameters.get(name, "")
        if not path.startswith("/"):
            continue
        content = read(path)
        if content is not None:
            here = folder / name
            here.touch(mode=0o600)
            here.write_bytes(content)
            brought[name] = str(here)
        elif not Path(path).is_file():
            raise _no_address(f"{name} of the database's address", f"a file of the container that no Secret brings: {path}")
    return make_conninfo(url, **brought) if brought else url


def understood(text: str, *, origin: str) -> tuple[str, tuple[str, ...]]:
    """The address as libpq takes it, and the names of the parameters that it does not know.

    Raises ``RefusedError`` (LK536); nothing of the text is told, since all of it may be a password.
    """
    text = text.strip()
    scheme = _SCHEME.match(text)
    if scheme is None:
        if _KEYWORDS.match(text):
            return text, ()
        raise _no_address(origin, f"no address of a PostgreSQL ({_shape(text)})")
    before, _, query = text[scheme.end() :].partition("?")
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} | {"ssl"}
    parameters = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in parameters if name in known]
    left_out = tuple(name for name, _ in parameters if name not in known)
    return f"postgresql://{before}" + (f"?{urlencode(kept, quote_via=quote)}" if kept else ""), left_out


def _found(environment: Environment, profile: DatabaseProfile) -> tuple[str, str]:
    places: list[str] = []
    if profile.url_env is not None:
        value = environment.variable(profile.url_env)
        place = f"variable {profile.url_env} of {environment.where}"
        if value:
            return value, f"{place} ({environment.origin(profile.url_env)})"
        places.append(f"{place} is {'empty' if value == '' else 'not set'}")
    if profile.url_file is not None:
        path = environment.expanded(profile.url_file)
        content = environment.file(path)
        if content:
            return content.decode("utf-8", errors="replace"), f"file {path} of {environment.where}"
        places.append(f"no Secret or ConfigMap brings file {path} into {environment.where}")
    if profile.parts is not None:
        parts = {name: _part(environment, profile.parts, name) for name in DatabaseParts.__struct_fields__}
        values = {name: value or profile.defaults.get(name, "") for name, value in parts.items()}
        missing = [str(getattr(profile.parts, name)) for name in ("host", "user", "database") if not values[name]]
        if not missing:
            return _composed(values), f"{_names(profile.parts)} of {environment.where}"
        places.append(f"{', '.join(missing)} of {environment.where} {'is' if len(missing) == 1 else 'are'} not set")
    raise RefusedError(
        f"the database's address is not where the profile says: {'; '.join(places)}",
        code="LK534",
        hint="correct database in the profile, or give --database URL",
    )


def _part(environment: Environment, parts: DatabaseParts, name: str) -> str | None:
    place: str | None = getattr(parts, name)
    if place is None:
        return None
    if not place.startswith("/"):
        return environment.variable(place)
    content = environment.file(place)
    return None if content is None else content.decode("utf-8", errors="replace").rstrip("\r\n")


def _names(parts: DatabaseParts) -> str:
    return ", ".join(str(getattr(parts, name)) for name in DatabaseParts.__struct_fields__ if getattr(parts, name))


def _composed(values: Mapping[str, str]) -> str:
    def quoted(name: str) -> str:
        return quote(values[name], safe="")

    login = quoted("user") + (f":{quoted('password')}" if values["password"] else "")
    host = f"[{values['host']}]" if ":" in values["host"] and "," not in values["host"] else quote(values["host"], safe=",.-:")
    port = f":{quoted('port')}" if values["port"] else ""
    query = f"?sslmode={quoted('sslmode')}" if values["sslmode"] else ""
    return f"postgresql://{login}@{host}{port}/{quoted('database')}{query}"


def _shape(text: str) -> str:
    """What a text is like, without showing any of it but a scheme."""
    scheme, separator, _ = text.partition("://")
    if separator and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.:-]{0,30}", scheme):
        return f"it begins with {scheme}://"
    return f"{len(text)} characters that begin with no postgres://"


def _no_address(where: str, what: str) -> LockageError:
    return RefusedError(
        f"{where} is {what}", code="LK536", hint="correct database in the profile, or give --database postgresql://…"
    )
