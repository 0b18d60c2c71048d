"""What a database has that its schema dump does not carry: a shadow is given it, and a survey file keeps it.

Not for reading it (adapters do). The surprising thing: these records may come out of somebody else's file, so what becomes SQL
as it stands is among the words that PostgreSQL knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

RoleWord: TypeAlias = Literal[
    "SUPERUSER", "NOSUPERUSER", "INHERIT", "NOINHERIT", "CREATEROLE", "NOCREATEROLE",
    "CREATEDB", "NOCREATEDB", "REPLICATION", "NOREPLICATION", "BYPASSRLS", "NOBYPASSRLS",
]  # fmt: skip
"""What a role may, in the words of CREATE ROLE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One role of the server; never its password."""

    name: str
    attributes: tuple[RoleWord, ...]
    member_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings:
    """Settings that the catalog holds for sessions of a role (None: of all), here or in every database."""

    role: str | None
    everywhere: bool
    settings: tuple[str, ...]  # "name=value"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallTable:
    """One table with all of its rows, each as PostgreSQL writes a row; data, and in a file only where they were asked for."""

    schema: str
    name: str
    columns: tuple[str, ...]  # that can be given
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSketch:
    """An extension that PostgreSQL does not bring, and what makes its members, in order."""

    name: str
    schema: str
    version: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadTable:
    """What the catalog says of a table that could not be read."""

    schema: str
    name: str
    partners: tuple[str, ...]  # schema.name of tables that it refers to, or that refer to it
    orders: tuple[tuple[int, str], ...]  # what makes it, each with its place among those of all tables
