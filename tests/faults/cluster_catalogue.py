"""All faults that are made on a cluster; and those that ``make bench`` makes and ``make e2e`` leaves to it, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from faults import on_cluster, slow_on_cluster
from faults.fault import Fault

FAULTS: tuple[Fault, ...] = (*on_cluster.FAULTS, *slow_on_cluster.FAULTS)

ELSEWHERE = "a healthy deployment is one in test_diagnose.py"
DISTURBS = "for a minute nothing else on the cluster gets ready"
SLOW = "it takes longer than its rule is worth, which tests/core holds to the API server's own words: "

BENCH_ONLY: Mapping[str, str] = {
    "a naive upgrade": "test_rescued_on_cluster.py sees its chain, and gets out of it",
    "an upgrade": ELSEWHERE,
    "a limit that is enough": ELSEWHERE,
    "an image that is there is not pulled": ELSEWHERE,
    "the quota fits": ELSEWHERE,
    "an autoscaler lets it be": ELSEWHERE,
    "scaled to zero": "test_rescued_on_cluster.py gets out of it",
    "the startup probe kills it": SLOW + "20 s",
    "nobody can place it": SLOW + "20 s",
    "a pod cannot go": SLOW + "40 s",
    "the readiness probe never succeeds": SLOW + "70 s",
    "the readiness probe begins late": ELSEWHERE,
    "scaled down and up": ELSEWHERE,
    "a Helm release is stuck": SLOW + "80 s",
    "Helm waits for an upgrade": SLOW + "15 s",
    "another command that is there": ELSEWHERE,
    "a node takes nothing new": "for a moment nothing else on the cluster is placed",
    "a node was away and is back": DISTURBS,
    "a node is lost": DISTURBS,
    "a node is lost that one may not look at": DISTURBS,
}
"""By name, of faults and of neighbours: why ``make e2e`` does not make it."""
