"""How each fault of the local catalogue ends when ``lockage recover NAME --yes`` is typed: mended, or handed to a person.

The surprising thing: rows are held against those of a calm migration of the very same database, so that a row that is lost, one
that is there twice and one that a half-applied migration has changed are all seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from faults.ground import FERRY_APP, Ground
from lockage.core.release.sketch import LedgerSeen, Seen, profile_text
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.flows.fence import FENCE_KEY
from lockage.interfaces.folders import HOME_VARIABLE

OF_THE_MOMENT = frozenset({"replicas", "schema_migrations", "alembic_version"})
"""Tables that say who runs now, or where the schema is, and nothing that a user has made."""

USED = ["last_used", "updated_at", "expires_at", "sailed_at"]
"""Columns that using the application changes, or that a copy of its seed has otherwise."""

LIMIT_S = 90.0
"""For one command: its own limits are minutes, and a recovery that needs them is one that did not work."""

Rows = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a fault ends when somebody recovers from it."""

    release: str | None  # that serves at the end; None: no software can end this
    person: str = ""  # what a person is told to do, where one must: a regular expression
    template: str = "towpath 2.26.6 300"  # the database that the fault began with
    by_hand: tuple[str, ...] = ()  # what the fault itself did to its rows, as statements
    arguments: tuple[str, ...] = ()  # typed beside --yes
    code: str = "LK585"  # of the refusal
    as_admin: bool = False  # by the database's administrator, as what is to be mended belongs to nobody else


@dataclass(kw_only=True)
class Desk:
    """Where somebody types ``lockage``: a home and a folder with a ``lockage.toml`` of their own."""

    ground: Ground
    home: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def describe(self, *, as_admin: bool = False) -> None:
        """``lockage.toml``, and the profile that ``lockage profile`` would sketch of a stranger."""
        name, url = self.ground.database, self.ground._socket_url(self.ground.database) if as_admin else self.ground.watcher_url
        profile = name
        if name == "ferry":
            profile = "ferry.toml"
            (self.home / profile).write_text(profile_text(stranger()), encoding="utf-8")
        (self.home / "lockage.toml").write_text(
            f'schema = "lockage.deployments/1"\n[deployments.{name}]\nprofile = "{profile}"\ndatabase = "{url}"\n'
            f'[deployments.{name}.platform]\nkind = "local"\nfolder = "{self.ground.state}"\n',
            encoding="utf-8",
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The real command, in a session of its own with no terminal; its words are in ``out`` and ``err``."""
        with self.out.open("wb") as out, self.err.open("wb") as err:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("lockage")), *arguments],
                env=os.environ | {HOME_VARIABLE: str(self.home / "home")},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def lockage(self, *arguments: str) -> tuple[int, str]:
        """Its exit code, and all that it said."""
        code = self.begin(*arguments).wait(LIMIT_S)
        return code, self.out.read_text(encoding="utf-8") + self.err.read_text(encoding="utf-8")

    @property
    def out(self) -> Path:
        return self.home / "out"

    @property
    def err(self) -> Path:
        return self.home / "err"


@contextmanager
def a_desk(ground: Ground) -> Iterator[Desk]:
    """A desk, cleared at the end whatever happens."""
    with tempfile.TemporaryDirectory(prefix="lk-desk-") as folder:
        desk = Desk(ground=ground, home=Path(folder))
        try:
            yield desk
        finally:
            for process in desk.running:
                process.kill()
                process.wait(10)


def stranger() -> Seen:
    """What ``lockage profile`` sees of ferry."""
    return Seen(
        name="ferry",
        workload="ferry",
        namespace="ferry",
        image="harbourworks/ferry",
        release="1.4.0",
        container="ferry",
        containers=1,
        application_names=("{replica}",),
        ledgers=(LedgerSeen(table="public.alembic_version", columns=("version_num",)),),
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def rows(ground: Ground, database: str) -> Rows:
    """Every row of every table as text, sorted, those of the moment left out."""
    with ground.admin(database) as session:
        tables = session.execute("select oid::regclass::text, relname from pg_class where relkind in ('r', 'p') and"
                                 " relnamespace = 'public'::regnamespace order by 1").fetchall()  # fmt: skip
        every = sql.SQL("select (to_jsonb(each) - %s::text[])::text from {} as each order by 1")
        return {
            name: [str(row) for (row,) in session.execute(every.format(sql.SQL(quoted)), (USED,)).fetchall()]
            for quoted, name in tables
            if name not in OF_THE_MOMENT
        }


def calm_rows(ground: Ground, ending: Ending, release: str) -> Rows:
    """The rows that a calm migration of what the fault began with makes."""
    with ground.admin() as session:
        session.execute("drop database if exists calm with (force)")
        copy = sql.SQL("create database calm owner {} template {} strategy file_copy")
        session.execute(copy.format(sql.Identifier(ground.application.name), sql.Identifier(ground._template(ending.template))))
    login = f"{ground.application.name}:{quote(ground.application.password)}"
    url = f"postgresql://{login}@127.0.0.1:{ground.port}/calm"
    if ending.template.startswith("ferry"):
        command = [sys.executable, str(FERRY_APP), release, "migrate"]
        subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=True, capture_output=True, timeout=60)
    else:
        migrate(url, release=release_named(release), application_name="setup")
    if ending.by_hand:
        ground.order(*ending.by_hand, database="calm")
    return rows(ground, "calm")


def differing(calm: Rows, found: Rows) -> dict[str, tuple[list[str], list[str]]]:
    """Of each table the rows that are missing, and those that should not be there."""
    pairs = {name: (calm.get(name, []), found.get(name, [])) for name in calm.keys() | found.keys()}
    return {
        name: (sorted(set(was) - set(now))[:3], sorted(set(now) - set(was))[:3])
        for name, (was, now) in pairs.items()
        if was != now
    }


# --- the end ----------------------------------------------------------------------------------------------------------


def against_end(ground: Ground, ending: Ending, *, replicas: int) -> list[str]:
    """What is not as it should be after a recovery, one sentence each."""
    workload, there = ground.platform.workload(), ground.platform.replicas()
    wrong = [f"it asks for {workload.release}"] if workload.release != ending.release else []
    serving = [r for r in there if r.ready and r.release == ending.release]
    if not len(serving) == len(there) == replicas:
        wrong.append(f"{len(serving)} of {len(there)} replicas serve {ending.release}, and there should be {replicas}")
    return wrong + left_behind(ground)


def left_behind(ground: Ground) -> list[str]:
    """What of Lockage is still on the objects or in the database."""
    notes = [key for key in ground.platform.workload().annotations if key.startswith("lockage.dev/")]
    wrong = [f"the note {key} stands on it" for key in notes]
    if ground.platform.lease() is not None:
        wrong.append("its lease is held")
    held = "select from pg_locks where locktype = 'advisory' and %s = ((classid::bigint << 32) | objid::bigint)"
    if ground.ask(held, FENCE_KEY):
        wrong.append("its fence is held")
    return wrong


def ledger(ground: Ground) -> list[tuple[object, ...]]:
    """The rows of the ledger."""
    table = "alembic_version" if ground.database == "ferry" else "schema_migrations"
    with ground.admin(ground.database) as session:
        session.execute("set lock_timeout = '2s'")  # whoever migrates has it
        return list(session.execute(sql.SQL("select * from {} order by 1").format(sql.Identifier(table))).fetchall())


# --- every fault ------------------------------------------------------------------------------------------------------
