"""What the seconds of a forecast stand on: one server's speeds, its tables' details, and a sentence for every inference.

Not for making one (``forecast.calibration``). The surprising thing: without any server there is one too, and its
ranges are the widest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockage.core.forecast.duration.rates import UNKNOWN_SERVER, Speeds
from lockage.core.forecast.target_reading import TableDetail


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How fast the target is taken to be, and why."""

    speeds: Speeds = UNKNOWN_SERVER
    tables: Mapping[str, TableDetail] = field(default_factory=dict[str, TableDetail])
    assumptions: tuple[str, ...] = ()
    oldest_transaction_s: float | None = None  # that a concurrent index build would wait for; None: not seen


UNCALIBRATED = Calibration()
