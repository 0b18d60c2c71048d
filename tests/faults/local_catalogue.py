"""All faults that are made on the local platform; those that need root apart."""

from __future__ import annotations

from faults import locks, migrations, refusals
from faults.fault import Fault

FAULTS: tuple[Fault, ...] = (*locks.FAULTS, *migrations.FAULTS, *refusals.FAULTS)
AS_ROOT: tuple[Fault, ...] = (*migrations.AS_ROOT,)
