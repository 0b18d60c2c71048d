"""towpath's database as a deployment of years has it: logins, the seeded database, and copies of that.

Not for a server (``stage``, ``pods_database``). The surprising thing: it is seeded once and then copied file by file, so that
every way to upgrade begins from the very same rows within a second.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TypeAlias

import psycopg
from psycopg import sql

from lockage.errors import HaltedError

FIRST_RELEASE = "2.26.0"
TARGET_RELEASE = "2.27.8"

SERVER_SETTINGS = {
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    "track_activity_query_size": "16kB",
    "log_lock_waits": "on",
    "shared_preload_libraries": "pg_stat_statements",
}
"""Small, counting statements as production does, and otherwise as PostgreSQL comes: fsync and synchronous commit stay on, so
that times are honest."""

Administrator: TypeAlias = psycopg.Connection[tuple[object, ...]]
"""A session, with autocommit, of somebody who may make roles and databases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A role with a password."""

    name: str
    password: str = field(repr=False)


def make_logins(administrator: Administrator, *, application: Login, lockage: Login) -> None:
    """The application's role, and Lockage's, which may look and signal; former ones of these names are gone."""
    for login in (application, lockage):
        name, password = sql.Identifier(login.name), sql.Literal(login.password)
        administrator.execute(sql.SQL("drop role if exists {}").format(name))
        administrator.execute(sql.SQL("create role {} login password {}").format(name, password))
    grant = sql.SQL("grant pg_monitor, pg_signal_backend, {} to {}")
    administrator.execute(grant.format(sql.Identifier(application.name), sql.Identifier(lockage.name)))


def make_database(administrator: Administrator, name: str, *, owner: str) -> None:
    """A new, empty database."""
    made = sql.SQL("create database {} owner {} template template0")
    administrator.execute(made.format(sql.Identifier(name), sql.Identifier(owner)))


def count_statements(administrator: Administrator) -> None:
    """The database of this session tells what is asked of it, and how often."""
    administrator.execute("create extension if not exists pg_stat_statements schema public")


def copy_database(administrator: Administrator, name: str, *, owner: str, template: str) -> None:
    """A copy of a database, and what the copy wrote is no part of anybody's upgrade."""
    copy = sql.SQL("create database {} owner {} template {} strategy file_copy")
    administrator.execute(copy.format(*map(sql.Identifier, (name, owner, template))))
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege):  # an administrator of somebody's cloud
        administrator.execute("checkpoint")


def drop_database(administrator: Administrator, name: str) -> None:
    """The database is gone, whoever is in it; nothing where there is none."""
    administrator.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def drop_login(administrator: Administrator, login: Login) -> None:
    """The role is gone; nothing where there is none."""
    administrator.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(login.name)))


def run_towpath(url: str, *arguments: str, hint: str) -> None:
    """One of towpath's own commands, of the first release, on a database. Raises ``HaltedError`` (LK350) with the hint."""
    command = [sys.executable, "-m", "lockage.demo.towpath", "--release", FIRST_RELEASE, *arguments]
    environment = {**os.environ, "TOWPATH_PG_CONNECTION_URL": url, "TOWPATH_REPLICA": "setup"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HaltedError(
            f"towpath {arguments[0]} ended with exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}",
            code="LK350",
            hint=hint,
        )
