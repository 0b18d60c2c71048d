"""What Linux can forbid a program for ever."""

from __future__ import annotations

import ctypes
import sys

_CREATE_RULESET, _VERSION = 444, 1
"""Source: landlock(7)."""


def knows_landlock() -> int:
    """This kernel's version of Landlock; 0 where it has none, or does not let us use it."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION))
