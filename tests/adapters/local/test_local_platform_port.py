"""The local platform passes the port's suite."""

from __future__ import annotations

import pytest

from ports.platform_suite import PlatformSuite

pytestmark = pytest.mark.real


class TestLocalPlatform(PlatformSuite):
    """With real processes."""
