"""``lockage recover NAME --yes`` out of every fault of the local catalogue, each made for real: mended, or a person's, said so.

What is mended ends healthy on the right release with every row that a calm migration has. What no software can end is refused
with an exit code that no script takes for success, names what a person must do, and changes nothing.
"""

from __future__ import annotations

import os
import re

import psycopg
import pytest

from faults.fault import Fault
from faults.ground import Ground
from faults.local_catalogue import AS_ROOT, FAULTS
from faults.recoveries import (
    ENDINGS,
    IN_EVERY_RUN,
    LEFT_OUT,
    Ending,
    a_desk,
    against_end,
    calm_rows,
    differing,
    ledger,
    left_behind,
    rows,
)

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]


def _params(*, mended: bool) -> list[object]:
    return [
        pytest.param(fault, id=fault.name.replace(" ", "-"), marks=() if fault.name in IN_EVERY_RUN else (LEFT_OUT,))
        for fault in FAULTS
        if fault.name in ENDINGS and (ENDINGS[fault.name].release is not None) is mended
    ]


def test_every_fault_of_the_catalogue_has_an_ending() -> None:
    assert {fault.name for fault in (*FAULTS, *AS_ROOT)} <= ENDINGS.keys()
    assert ENDINGS.keys() > IN_EVERY_RUN


@pytest.mark.parametrize("fault", _params(mended=True))
def test_a_fault_is_recovered_from_and_no_row_is_lost(ground: Ground, fault: Fault) -> None:
    ending = ENDINGS[fault.name]
    with fault.make(ground), a_desk(ground) as desk:
        replicas = ground.platform.workload().replicas or 1
        desk.describe()
        code, said = desk.lockage("recover", ground.database, "--yes", *ending.arguments)
        assert code == 0, said
        assert re.search(ending.person, said), said
        if ending.waits:
            ground.until_ready()
        assert_well(ground, ending, replicas=replicas)


def assert_well(ground: Ground, ending: Ending, *, replicas: int) -> None:
    """Healthy on the right release, with the ledger and the rows of a calm migration, and nothing of ours left."""
    assert ending.release is not None
    assert against_end(ground, ending, replicas=replicas) == []
    calm = calm_rows(ground, ending, ending.release)
    assert differing(calm, rows(ground, ground.database)) == {}
    assert ledger(ground) == ledger(ground, "calm")


@pytest.mark.parametrize("fault", _params(mended=False))
def test_what_no_software_can_end_is_refused_with_what_a_person_must_do(ground: Ground, fault: Fault) -> None:
    with fault.make(ground), a_desk(ground) as desk:
        desk.describe()
        if starts := ENDINGS[fault.name].starts:
            ground.until_backs_off(restarts=starts)
        before = _unchanged(ground)
        code, said = desk.lockage("recover", ground.database, "--yes", *ENDINGS[fault.name].arguments)
        assert_refused(ENDINGS[fault.name], code, said)
        assert _unchanged(ground) == before
        if before:
            assert left_behind(ground) == []


@pytest.mark.root
@LEFT_OUT
@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of one's own takes root")
@pytest.mark.parametrize("fault", AS_ROOT, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_full_disk_is_a_person_s(ground: Ground, fault: Fault) -> None:
    test_what_no_software_can_end_is_refused_with_what_a_person_must_do(ground, fault)


def assert_refused(ending: Ending, code: int, said: str) -> None:
    assert code == 3, said
    assert ending.code in said
    assert re.search(ending.person, said), said


def _unchanged(ground: Ground) -> dict[str, object]:
    """The object, the ledger and every row; nothing where the database is down."""
    try:
        ground.ask("select 1")
    except Exception:  # noqa: BLE001 - the fault is that nobody gets in
        return {}
    workload = ground.platform.workload()
    try:
        content = (ledger(ground), rows(ground, ground.database))
    except psycopg.errors.LockNotAvailable:  # whoever migrates, and waits for ever, has them
        content = ()
    return {
        "workload": (workload.release, workload.replicas, workload.revision, dict(workload.annotations)),
        "ledger and rows": content,
    }


def test_a_prepared_transaction_is_its_owner_s_until_it_is_named(ground: Ground) -> None:
    fault = next(one for one in FAULTS if one.name == "a prepared transaction holds a table")
    with fault.make(ground), a_desk(ground) as desk:
        desk.describe()
        revision = ground.platform.workload().revision
        code, said = desk.lockage("recover", ground.database, "--yes")
        assert_refused(Ending(release=None, person="--end-prepared bank-4711"), code, said)
        assert ground.platform.workload().revision == revision
        assert ground.ask("select gid from pg_prepared_xacts") == [("bank-4711",)]


@LEFT_OUT
def test_a_migration_that_seems_to_hang_is_left_to_a_person_until_a_restart_is_asked_for(ground: Ground) -> None:
    fault = next(one for one in FAULTS if one.name == "the migrating process is stopped")
    with fault.make(ground), a_desk(ground) as desk:
        desk.describe()
        revision = ground.platform.workload().revision
        code, said = desk.lockage("recover", ground.database, "--yes")
        assert_refused(Ending(release=None, person="--restart-hung"), code, said)
        assert ground.platform.workload().revision == revision
        assert ground.ask("select from pg_stat_activity where state like 'idle in transaction%'")
