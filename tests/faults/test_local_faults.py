"""Every fault of the catalogue that the local platform can have, made for real and diagnosed; and its harmless neighbour."""

from __future__ import annotations

import os

import pytest

from faults.fault import Fault, Neighbour, against_fault, against_neighbour, destroys, said
from faults.ground import Ground
from faults.local_catalogue import AS_ROOT, FAULTS

pytestmark = [pytest.mark.real, pytest.mark.slow]

NEIGHBOURS = tuple(dict.fromkeys((fault.neighbour, fault.catalog) for fault in FAULTS if fault.neighbour is not None))
"""Each once, though some stand beside two faults."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_named_by_its_cause_and_nothing_else_is(ground: Ground, fault: Fault) -> None:
    with fault.make(ground):
        diagnosis, _ = ground.diagnose(known=fault.known, catalog=fault.catalog)
    assert not (wrong := against_fault(fault, diagnosis)), "\n".join(wrong) + f"\nsaid:\n  {said(diagnosis)}"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of one's own takes root")
@pytest.mark.parametrize("fault", AS_ROOT, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_that_takes_root_is_named_by_its_cause(ground: Ground, fault: Fault) -> None:
    test_a_fault_is_named_by_its_cause_and_nothing_else_is(ground, fault)


@pytest.mark.parametrize(
    ("neighbour", "catalog"),
    [
        pytest.param(
            neighbour,
            catalog,
            id=neighbour.name.replace(" ", "-"),
            marks=[pytest.mark.skip(reason=f"made by make bench: {neighbour.bench_only}")] if neighbour.bench_only else [],
        )
        for neighbour, catalog in NEIGHBOURS
    ],
)
def test_a_harmless_neighbour_is_no_alarm(ground: Ground, neighbour: Neighbour, catalog: bool) -> None:
    with neighbour.make(ground):
        diagnosis, _ = ground.diagnose(catalog=catalog)
    assert not (wrong := against_neighbour(neighbour, diagnosis)), "\n".join(wrong) + f"\nsaid:\n  {said(diagnosis)}"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of one's own takes root")
@pytest.mark.parametrize("fault", AS_ROOT, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_harmless_neighbour_of_a_fault_that_takes_root_is_no_alarm(ground: Ground, fault: Fault) -> None:
    assert fault.neighbour is not None
    test_a_harmless_neighbour_is_no_alarm(ground, fault.neighbour, fault.catalog)


def test_every_fault_has_a_harmless_neighbour_or_says_why_there_is_none() -> None:
    assert [fault.name for fault in (*FAULTS, *AS_ROOT) if (fault.neighbour is None) != bool(fault.no_neighbour)] == []


def test_advice_that_destroys_is_recognised() -> None:
    assert destroys("psql -c 'SELECT pg_terminate_backend(4711)'")
    assert destroys("kubectl -n shop delete pod shop-1")
    assert destroys("kubectl scale deployment/shop --replicas=0")
    assert not destroys("lockage recover shop --plan-only")
    assert not destroys("kubectl -n shop scale deployment/shop --replicas=3")
