"""All faults that are made on the local platform."""

from __future__ import annotations

from faults import locks, refusals
from faults.fault import Fault

FAULTS: tuple[Fault, ...] = (*locks.FAULTS, *refusals.FAULTS)
