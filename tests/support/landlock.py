"""Whether Linux can forbid a program to start others."""

from __future__ import annotations

import ctypes
import sys

_CREATE_RULESET, _VERSION = 444, 1
"""Source: landlock(7)."""


def knows_landlock() -> bool:
    """Whether this kernel has Landlock, and lets us use it."""
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION) >= 1
