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

import msgspec
import pytest
from psycopg import sql

from faults.deployments import BARGE_PROFILE, bring_to
from faults.ground import Ground
from lockage.core.release.sketch import LedgerSeen, Seen, profile_text
from lockage.flows.fence import FENCE_KEY
from lockage.interfaces.folders import HOME_VARIABLE

LEDGERS = {
    "towpath": "select version, dirty from schema_migrations order by 1",
    "ferry": "select version_num from alembic_version",
    "barge": "select version, checksum from barge_history order by 1, 2",
    "tug": "select version_id, is_applied from goose_db_version order by 1",
}
STRANGERS = {
    "ferry": ("harbourworks/ferry", "1.4.0", LedgerSeen(table="public.alembic_version", columns=("version_num",))),
    "tug": ("yard/tug", "1.0.0", LedgerSeen(table="public.goose_db_version", columns=("id", "version_id", "is_applied"))),
}
"""Image, release and ledger of the applications that nobody has described."""

OF_THE_MOMENT = frozenset(
    {"replicas", "schema_migrations", "alembic_version", "barge_history", "goose_db_version", "purge_progress"}
)
"""Tables that say who runs now, where the schema is, or how far the application has tidied up: nothing that a user has made."""

USED = ["last_used", "updated_at", "expires_at", "sailed_at"]
"""Columns that using the application changes, or that a copy of its seed has otherwise."""

EVERY = "LOCKAGE_EVERY_RECOVERY"
"""Variable that asks for the recoveries that are left out of ``make test``."""

LEFT_OUT = pytest.mark.skipif(not os.environ.get(EVERY), reason=f"done as another one is: {EVERY}=1 recovers from every fault")

LIMIT_S = 90.0
"""For one command: its own limits are minutes, and a recovery that needs them is one that did not work."""

DRIVER = Path(__file__).parents[1] / "support" / "recover_driver.py"

Rows = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a fault ends when somebody recovers from it."""

    release: str | None  # that serves at the end; None: no software can end this
    person: str = ""  # what a person is told to do, where one must: a regular expression
    template: str = "towpath 2.26.6 300"  # the database that the fault began with
    by_hand: tuple[str, ...] = ()  # what the fault itself did to its rows, as statements
    arguments: tuple[str, ...] = ()  # typed beside --yes
    waits: bool = False  # nothing is to be done but to wait, and so it is said
    starts: int = 0  # of a replica that comes and goes: so often, and it is waited with
    code: str = "LK585"  # of the refusal


@dataclass(kw_only=True)
class Desk:
    """Where somebody types ``lockage``: a home and a folder with a ``lockage.toml`` of their own."""

    ground: Ground
    home: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def describe(self, *, profile_says: str | None = None) -> None:
        """``lockage.toml``, and the profile: the text that is given, or what ``lockage profile`` would sketch of a stranger."""
        name, url = self.ground.database, self.ground.watcher_url
        profile, text = name, profile_says
        if name in STRANGERS:
            text = profile_text(stranger(name))
        elif name == "barge":
            text = BARGE_PROFILE.format(folder=self.ground.migrations)
        if text is not None:
            profile = f"{name}.toml"
            (self.home / profile).write_text(text, encoding="utf-8")
        (self.home / "lockage.toml").write_text(
            f'schema = "lockage.deployments/1"\n[deployments.{name}]\nprofile = "{profile}"\ndatabase = "{url}"\n'
            f'[deployments.{name}.platform]\nkind = "local"\nfolder = "{self.ground.state}"\n',
            encoding="utf-8",
        )

    def begin(self, *command: str) -> subprocess.Popen[bytes]:
        """A command in a session of its own with no terminal; its words are in ``out`` and ``err``."""
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]
        own = {HOME_VARIABLE: str(self.home / "home"), "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            process = subprocess.Popen(
                command,
                env=os.environ | own,
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
        return self.done(str(Path(sys.executable).with_name("lockage")), *arguments)

    def recover_until(self, **order: object) -> tuple[int, str]:
        """``lockage recover`` that kills itself where the order says; its exit code, and all that it said."""
        return self.done(
            sys.executable, str(DRIVER), msgspec.json.encode(order | {"deployment": self.ground.database}).decode()
        )

    def done(self, *command: str) -> tuple[int, str]:
        """A command's exit code, and all that it said."""
        code = self.begin(*command).wait(LIMIT_S)
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


def stranger(name: str) -> Seen:
    """What ``lockage profile`` sees of a stranger."""
    image, release, ledger = STRANGERS[name]
    return Seen(
        name=name,
        workload=name,
        namespace=name,
        image=image,
        release=release,
        container=name,
        containers=1,
        application_names=("{replica}",),
        ledgers=(ledger,),
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def rows(ground: Ground, database: str) -> Rows:
    """Every row of every table as text, sorted, those of the moment left out, and keys that the application itself purges."""
    with ground.admin(database) as session:
        session.execute("set lock_timeout = '2s'")
        if ground.database == "towpath":
            session.execute("delete from api_keys where expires_at < now() - interval '7 days'")
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
    # A fault that lies in the role's own settings is none of the calm run's.
    url = f"postgresql://{login}@127.0.0.1:{ground.port}/calm?options=" + quote(
        "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
    )
    bring_to(ground.database, release, url)
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


def ledger(ground: Ground, database: str | None = None) -> list[tuple[object, ...]]:
    """The rows of the ledger."""
    with ground.admin(database or ground.database) as session:
        session.execute("set lock_timeout = '2s'")  # whoever migrates has it
        return list(session.execute(LEDGERS[ground.database].encode()).fetchall())


# --- every fault ------------------------------------------------------------------------------------------------------

OLD, NEW = "2.26.6", "2.27.8"
MANY_KEYS = f"towpath {OLD} 200000"
FERRY, TUG = "ferry 1.4.0", "tug 1.0.0"
FORWARD = Ending(release=NEW)

ENDINGS: dict[str, Ending] = {
    # locks
    "idle in transaction holds a table": FORWARD,
    "a running query holds a table": FORWARD,
    "a prepared transaction holds a table": Ending(release=NEW, arguments=("--end-prepared", "bank-4711")),
    "a stranger's migration waits for rows": Ending(release="1.4.1", template=FERRY),
    "an orphan of a killed process waits for somebody": FORWARD,
    "an orphan of a killed process works": Ending(release=NEW, template=MANY_KEYS),
    "somebody else holds the migration lock": FORWARD,
    # migrations
    "the liveness probe kills the migrating replica": Ending(release=NEW, template="towpath 2.26.0 200000"),
    "a migrating replica is cut off at the end of its grace": Ending(release=NEW, template=MANY_KEYS),
    "a liveness probe that asks for the wrong thing": Ending(release=None, person="was killed by its liveness probe", starts=4),
    "the migrating process is stopped": Ending(release=NEW, arguments=("--restart-hung",)),
    "scaled to zero": Ending(release=OLD),
    "a stranger's migration meets rows twice": Ending(
        release=None, person="could not create unique index .*lockage explain F012", template=FERRY
    ),
    "a migration makes what is there": Ending(
        release=OLD,
        person="site_configs_pkey",
        by_hand=("insert into site_configs (key, value) values ('announcement_banners', 'by hand')",),
    ),
    "a deadlock ends the migration": FORWARD,
    "an index build waits for an old snapshot": Ending(release="1.4.2", template=FERRY),
    "a stranger's migration needs more locks than there are": Ending(
        release=None, person="max_locks_per_transaction = [0-9]+", template=FERRY
    ),
    "an invalid index was left behind": Ending(
        release=None, person="DROP INDEX CONCURRENTLY .*without such rows: REINDEX", template=FERRY
    ),
    "the ledger is dirty": FORWARD,
    "the ledger is newer than the image": Ending(release=NEW, template="towpath 2.27.8 300"),
    "the ledger was emptied": FORWARD,
    "a stranger's ledger is newer than its image": Ending(release=None, person="releases ferry --fits", template=FERRY),
    "the server crashed in mid-migration": FORWARD,
    "the server was restarted in mid-migration": FORWARD,
    "the database is a standby": Ending(release=None, person="leads to a standby", template=FERRY),
    "a deadlock ends a replica's transaction": Ending(
        release="1.2.0", person="It is not stuck", template="barge 1.1.0", waits=True
    ),
    # refusals
    "the password is refused": Ending(release=None, person="refuses the password"),
    "the database is down": Ending(release=None, person="no database answers", code="LK121"),
    "no such database": Ending(release=None, person='"towpth" does not exist'),
    "no such host": Ending(release=None, person="database.invalid"),
    "nobody listens at the address": Ending(release=None, person="Connection refused"),
    "the role has no connection left": Ending(release=None, person="CONNECTION LIMIT [0-9]+"),
    "the server has no connection left": Ending(release=None, person="end idle sessions", code="LK125"),
    "a stranger's database has no connection left": Ending(
        release=None, person="no connection left", code="LK125", template=FERRY
    ),
    "statement_timeout of the role": FORWARD,  # whoever was waited for is gone by then
    "lock_timeout of the role": FORWARD,
    "not the owner of a table": Ending(release=OLD, person="OWNER TO towpath"),
    "a stranger may not create tables": Ending(release=None, person="GRANT CREATE", template=FERRY),
    "the role is read-only": Ending(release=OLD, person="default_transaction_read_only"),
    "a setting that the application refuses": Ending(release=None, person="TOWPATH_PG_POOL_MAX is 'many'"),
    "the disk is full": Ending(release=None, person="disk", template=FERRY),
    # schema, rows and who stands still
    "a serving process is stopped": Ending(release=NEW, template=f"towpath {NEW} 300"),
    "a process waits for another service before it migrates": Ending(
        release=None, person="is not ready, and nothing migrates", template=FERRY
    ),
    "two deployments share one database": Ending(release=None, person="share one database", template=f"towpath {NEW} 300"),
    "somebody dropped an index": Ending(release=NEW, template=f"towpath {NEW} 300", arguments=("--catalog",)),
    "a migration was edited after it had been applied": Ending(release=None, person="was edited", template="barge 1.0.0"),
    "two migrators wrote one migration twice": Ending(release=None, person="stands 2 times", template="barge 1.0.5"),
    "a killed migrator went on behind what it had not done": Ending(
        release=None, person="F068", template="barge 1.0.0", arguments=("--catalog",)
    ),
    "somebody forced the ledger": Ending(release=None, person="F068", arguments=("--catalog",)),
    # a second stranger
    "a stranger's lock row was left behind": Ending(release=None, person="SET locked = false", template=TUG),
    "a console holds the lock that a stranger gives up": Ending(
        release=None, person="another migration process is currently running", template=TUG
    ),
    "a stranger tries a failed migration again and again": Ending(
        release=None, person="contains null values .*lockage explain F012", template=TUG
    ),
    "a stranger's Job has not migrated": Ending(release=None, person="find out who migrates here", template=TUG),
    "another database than PostgreSQL refuses": Ending(release=None, person="Redis database", template=TUG),
    "a migration takes longer than is typical": Ending(
        release="1.2.0", person="It is not stuck", template="barge 1.1.0", waits=True
    ),
    "a synchronous standby is gone": Ending(release=None, person="synchronous"),
    "a synchronous standby is gone for whoever is in the way": Ending(release=None, person="synchronous"),
    "the address of the database is none": Ending(release=None, person="is not valid"),
    "the address asks for TLS and the server has none": Ending(release=None, person="do not agree about TLS"),
    "the server lets the role in from nowhere": Ending(release=None, person="pg_hba.conf does not let"),
    "transaction_timeout of the role": FORWARD,  # whoever was waited for is gone by then
    "an autovacuum that prevents wrap-around holds a table": Ending(
        release=NEW, person="identifiers from wrapping around", template=MANY_KEYS, waits=True
    ),
    "a file of migrations is applied in part": FORWARD,
    "old and new replicas run together that must not": FORWARD,
    "a backend was killed and the server began anew": FORWARD,
    "a stranger's migration wants an extension that is not there": Ending(release=None, person="extension", template=FERRY),
}
"""By the fault's name; one that is missing here fails the test."""

IN_EVERY_RUN = frozenset(
    {
        "a prepared transaction holds a table",
        "a stranger's migration waits for rows",
        "the migrating process is stopped",
        "scaled to zero",
        "a migration makes what is there",
        "an invalid index was left behind",
        "the ledger was emptied",
        "the server crashed in mid-migration",
        "lock_timeout of the role",
        "a liveness probe that asks for the wrong thing",
        "a stranger's migration meets rows twice",
        "the password is refused",
    }
)
"""One of each way to recover, and of each way to refuse; the others differ in the cause and not in what is done."""
