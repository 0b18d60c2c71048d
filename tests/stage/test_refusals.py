"""What the real command refuses before anything is touched: a sentence, a hint and an exit code."""

from __future__ import annotations

import pytest

from support.on_stage import OnStage

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def untouched(on_stage: OnStage) -> OnStage:
    """The stage at 2.26.0; put back only when another test has left something else there."""
    with on_stage.platform() as platform:
        workload, ready = platform.workload(), sum(r.ready for r in platform.replicas())
    if (workload.release, workload.replicas, ready, dict(workload.annotations)) != ("2.26.0", 3, 3, {}):
        on_stage.put_back()
    return on_stage
