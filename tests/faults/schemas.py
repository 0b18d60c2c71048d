"""Faults of what a careless migrator, or somebody by hand, made of the schema and of the ledger's rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from faults.deployments import BARGES, barge_spec, bring_to
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground, eventually

# --- somebody's hand --------------------------------------------------------------------------------------------------


@contextmanager
def index_dropped(ground: Ground) -> Iterator[None]:
    ground.towpath("2.27.8", schema="2.27.8")
    ground.order("drop index idx_api_keys_user", "alter table users alter column email drop not null")
    yield


@contextmanager
def index_added(ground: Ground) -> Iterator[None]:
    """Somebody made an index and a table of their own, and gave an index another name."""
    ground.towpath("2.27.8", schema="2.27.8")
    ground.order(
        "create index by_hand on users (created_at)",
        "create table kept_by_hand as select * from users limit 1",
        "alter index idx_api_keys_user rename to idx_of_somebody",
    )
    yield


@contextmanager
def ledger_forced(ground: Ground) -> Iterator[None]:
    """Somebody wrote into the ledger where the new release ends, and nothing of it had ever run."""
    ground.towpath()
    ground.order("update schema_migrations set version = 18")
    ground.upgraded()
    yield


@contextmanager
def migrated_by_hand(ground: Ground) -> Iterator[None]:
    """Somebody ran the new release's migrator before the upgrade: its replica found nothing left to do."""
    ground.towpath()
    bring_to("towpath", "2.27.8", ground.url())
    ground.upgraded()
    yield


# --- a careless migrator ----------------------------------------------------------------------------------------------


@contextmanager
def edited(ground: Ground) -> Iterator[None]:
    """The new image holds another text of a migration that was applied long ago."""
    with _another_text(ground, lambda text: text.replace("numeric", "numeric(6, 2)")):
        ground.until_backs_off()
        yield


@contextmanager
def ends_of_lines(ground: Ground) -> Iterator[None]:
    """The image was built on a system with other ends of lines, which the migrator's checksum leaves out."""
    with _another_text(ground, lambda text: text.replace("\n", "\r\n")):
        ground.until_ready()
        yield


@contextmanager
def _another_text(ground: Ground, change) -> Iterator[None]:
    ground.fresh("barge 1.0.0")
    folder = ground.folder / "barge"
    shutil.copytree(BARGES, folder)
    try:
        file = folder / "2_create_barges.sql"
        file.write_text(change(file.read_text()), newline="")
        ground.migrations = folder
        ground.deploy(barge_spec(ground, "1.0.0"), ready=False)
        yield
    finally:
        shutil.rmtree(folder)


@contextmanager
def two_migrators(ground: Ground) -> Iterator[None]:
    """Two replicas start at the same moment, and no lock keeps the second one from what the first one does."""
    ground.barge("1.0.5")
    gate = ground.session("psql")
    gate.execute("lock table barge_history in share mode")
    ground.deploy_again(barge_spec(ground, "1.1.0", replicas=2))
    waiting = "select from pg_stat_activity where application_name like 'barge/%' and wait_event_type = 'Lock'"
    eventually(lambda: len(ground.ask(waiting)) == 2, "both are about to migrate")
    gate.close()
    ground.until_ready()
    yield


@contextmanager
def one_migrator(ground: Ground) -> Iterator[None]:
    ground.barge("1.0.5", replicas=2)
    ground.upgraded("1.1.0")
    yield


@contextmanager
def killed_between_statements(ground: Ground) -> Iterator[None]:
    """The migrator is killed in the middle of a file that it has ticked off already, and goes on behind it."""
    ground.barge("1.0.0")
    office = ground.session("harbour-office")
    office.execute("lock table barges in row exclusive mode")
    ground.roll_out("1.1.0")
    ground.until_waits("barge/%")
    ground.process("1.1.0").kill()
    office.close()
    ground.until_ready()
    yield


@contextmanager
def killed_and_nothing_left_out(ground: Ground) -> Iterator[None]:
    """The same, only that nothing of the file was left to do."""
    ground.barge("1.0.0")
    ground.upgraded("1.1.0")
    ground.process("1.1.0").kill()
    ground.until_restarted()
    ground.until_ready()
    yield


FAULTS = (
    Fault(
        name="somebody dropped an index",
        code="F064",
        make=index_dropped,
        catalog=True,
        neighbour=Neighbour(name="somebody added an index", make=index_added),
    ),
    Fault(
        name="somebody forced the ledger",
        code="F068",
        make=ledger_forced,
        catalog=True,
        neighbour=Neighbour(name="somebody migrated by hand", make=migrated_by_hand),
    ),
    Fault(
        name="a migration was edited after it had been applied",
        code="F066",
        make=edited,
        allowed=AROUND,
        neighbour=Neighbour(name="a migration has other ends of lines", make=ends_of_lines),
    ),
    Fault(
        name="two migrators wrote one migration twice",
        code="F067",
        make=two_migrators,
        neighbour=Neighbour(name="two replicas after one migrator", make=one_migrator),
    ),
    Fault(
        name="a killed migrator went on behind what it had not done",
        code="F068",
        make=killed_between_statements,
        catalog=True,
        neighbour=Neighbour(name="killed when it had migrated", make=killed_and_nothing_left_out),
    ),
)
