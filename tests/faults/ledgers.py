"""Faults of the ledger beside the image, the files and the schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from faults.deployments import barge_spec, towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground, eventually
from lockage.core.migration.statement import split_statements
from lockage.core.release.advisories import ForbiddenOverlap
from lockage.core.release.profile import Profile
from lockage.demo.towpath.releases import migrations_dir


@contextmanager
def dirty(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("update schema_migrations set dirty = true")
    ground.refused()
    yield


@contextmanager
def half_applied(ground: Ground) -> Iterator[None]:
    """A migrator that commits each statement by itself has stopped in the middle of a file."""
    ground.towpath()
    ground.told = _each_statement_commits
    files = {int(file.name.partition("_")[0]): file for file in migrations_dir().glob("*.up.sql")}
    first = [s.text for s in split_statements(files[14].read_text(), file="14")]
    half = [s.text for s in split_statements(files[15].read_text(), file="15")][:8]
    ground.order("set role towpath", *first, *half)
    ground.order("update schema_migrations set version = 15, dirty = true")
    ground.refused()
    yield


@contextmanager
def wholly_applied(ground: Ground) -> Iterator[None]:
    """The same migrator came to the end of its file."""
    ground.towpath()
    ground.told = _each_statement_commits
    ground.upgraded()
    yield


def _each_statement_commits(profile: Profile) -> Profile:
    return replace(profile, migrations=replace(profile.migrations, transaction="statement"))


@contextmanager
def forbidden_overlap(ground: Ground) -> Iterator[None]:
    """The vendor says that the two must not run together, and somebody has rolled the new one out as usual."""
    with old_ones_still_serve(ground):
        ground.told = lambda profile: replace(profile, advisories=(*profile.advisories, NEVER_TOGETHER))
        yield


NEVER_TOGETHER = ForbiddenOverlap(
    code="TOWPATH-2.27-OVERLAP",
    date="2026-11-01",
    source="https://towpath.example/advisories",
    from_below="2.27.0",
    to_at_least="2.27.0",
    reason="replicas of 2.26 write API keys that 2.27 does not accept",
)


@contextmanager
def ledger_newer(ground: Ground) -> Iterator[None]:
    """The image of before the upgrade is put over the schema of after it."""
    ground.towpath("2.26.6", schema="2.27.8", ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def old_ones_still_serve(ground: Ground) -> Iterator[None]:
    """The first replica of the upgrade has migrated, and those of the old release serve until their turn comes."""
    ground.towpath(replicas=3)
    ground.roll_out("2.27.8")

    def first_is_ready() -> bool:
        return any(replica.release == "2.27.8" and replica.ready for replica in ground.platform.replicas())

    eventually(first_is_ready, "the first one is ready")
    yield


@contextmanager
def ledger_fits(ground: Ground) -> Iterator[None]:
    ground.towpath("2.27.8", schema="2.27.8")
    yield


@contextmanager
def ledger_emptied(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("delete from schema_migrations")
    ground.refused()
    yield


@contextmanager
def installed(ground: Ground) -> Iterator[None]:
    """A new installation: the database is empty, and the first replica's process is slow to begin."""
    ground.fresh("towpath 2.26.6 300")
    ground.order("drop owned by towpath cascade", "grant all on schema public to towpath")
    ground.deploy(towpath_spec(ground, "2.26.6"), ready=False)
    ground.process("2.26.6").suspend()
    assert not ground.ask("select from pg_class where relname = 'schema_migrations'"), "it has begun"
    yield


@contextmanager
def strangers_ledger_newer(ground: Ground) -> Iterator[None]:
    ground.ferry("1.5.0")
    ground.refused("1.4.1")
    yield


@contextmanager
def put_back(ground: Ground) -> Iterator[None]:
    """The image of before the upgrade is put back, and both end at the same migration."""
    ground.ferry("1.5.1")
    ground.upgraded("1.5.0")
    yield


# --- whose database it is ---------------------------------------------------------------------------------------------


@contextmanager
def two_deployments(ground: Ground) -> Iterator[None]:
    """Somebody copied the Secret of the database into a staging installation."""
    ground.towpath("2.27.8", schema="2.27.8")
    with ground.beside(towpath_spec(ground, "2.27.8", environment={"TOWPATH_REPORT_INTERVAL_S": "0.2"})):
        yield


@contextmanager
def two_applications(ground: Ground) -> Iterator[None]:
    """Another application has its tables in the same database, and is busy."""
    ground.towpath("2.27.8", schema="2.27.8")
    with ground.beside(barge_spec(ground, "1.0.0", environment={"BARGE_MOVES": "all"})):
        yield


OLD_ONES_SERVE = Neighbour(name="replicas of the old release serve until their turn comes", make=old_ones_still_serve)

FAULTS = (
    Fault(
        name="two deployments share one database",
        code="F065",
        make=two_deployments,
        neighbour=Neighbour(name="two applications share one database", make=two_applications),
    ),
    Fault(
        name="the ledger is dirty",
        code="F060",
        make=dirty,
        allowed=AROUND,
        neighbour=Neighbour(name="the ledger fits the image", make=ledger_fits),
    ),
    Fault(
        name="a file of migrations is applied in part",
        code="F060",
        make=half_applied,
        allowed=("F063", *AROUND),
        chained=(("F063", "F060"),),
        neighbour=Neighbour(name="a file of migrations is applied, a statement at a time", make=wholly_applied),
    ),
    Fault(
        name="old and new replicas run together that must not",
        code="F072",
        make=forbidden_overlap,
        neighbour=OLD_ONES_SERVE,
    ),
    Fault(
        name="the ledger is newer than the image",
        code="F061",
        make=ledger_newer,
        allowed=(*AROUND, "F010"),
        neighbour=OLD_ONES_SERVE,
    ),
    Fault(
        name="the ledger was emptied",
        code="F069",
        make=ledger_emptied,
        allowed=(*AROUND, "F012"),
        neighbour=Neighbour(name="a new installation has no ledger yet", make=installed),
    ),
    Fault(
        name="a stranger's ledger is newer than its image",
        code="F061",
        make=strangers_ledger_newer,
        allowed=(*AROUND, "F010"),
        neighbour=Neighbour(name="a stranger's older image with the same migrations is put back", make=put_back),
    ),
)
