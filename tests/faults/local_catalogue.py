"""All faults that are made on the local platform; those that need root apart."""

from __future__ import annotations

from faults import addresses, endings, ledgers, locks, migrations, refusals, schemas, servers, strangers
from faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *locks.FAULTS,
    *endings.FAULTS,
    *migrations.FAULTS,
    *ledgers.FAULTS,
    *schemas.FAULTS,
    *servers.FAULTS,
    *addresses.FAULTS,
    *refusals.FAULTS,
    *strangers.FAULTS,
)
AS_ROOT: tuple[Fault, ...] = (*migrations.AS_ROOT,)
