"""Faults of the ledger beside the image, the files and the schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from faults.deployments import barge_spec, towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground


@contextmanager
def dirty(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("update schema_migrations set dirty = true")
    ground.refused()
    yield


@contextmanager
def ledger_newer(ground: Ground) -> Iterator[None]:
    """The image of before the upgrade is put over the schema of after it."""
    ground.towpath("2.26.6", schema="2.27.8", ready=False)
    ground.until_backs_off()
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
def strangers_ledger_newer(ground: Ground) -> Iterator[None]:
    ground.ferry("1.5.0")
    ground.refused("1.4.1")
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
    Fault(name="the ledger is newer than the image", code="F061", make=ledger_newer, allowed=(*AROUND, "F010")),
    Fault(name="the ledger was emptied", code="F069", make=ledger_emptied, allowed=(*AROUND, "F012")),
    Fault(
        name="a stranger's ledger is newer than its image", code="F061", make=strangers_ledger_newer, allowed=(*AROUND, "F010")
    ),
)
