"""Lockage killed on Kubernetes: SIGKILL at an effect, then gone on with, or taken back, by another machine that knows nothing.

Every effect is swept over the simulated world (``tests/flows``); here is a fixed sample of them, on a real API server by a real
Helm. The surprising thing: some begin at 2.26.6, one hop before the end, since a hop costs twenty seconds; those killed in the
first of two hops, and in the second, show what another hop behind or before changes.
"""

from __future__ import annotations

import signal

import pytest

from e2e.installed import LEDGERS, NAME, Installed

pytestmark = pytest.mark.e2e

GONE_ON_WITH = [
    ("2.26.0", "after", "roll_out", 0),  # the hop to 2.26.6, rolling, is under way
    ("2.26.6", "after", "scale", 0),  # nobody serves
    ("2.26.0", "after", "roll_out", 2),  # 2.27.8 migrates, in the second hop
]
"""From which release, when, which effect, and which of that name from 0."""

TAKEN_BACK = [
    ("2.26.0", "after", "annotate", 0, "2.26.0"),  # the note stands, and nothing else is changed
    ("2.26.6", "after", "scale", 0, "2.26.6"),  # nobody serves, and the schema is that of 2.26.6
    ("2.26.6", "before", "append step-done 0 guard-migration", 0, "2.27.8"),  # it has moved: forward is the only way
]
"""As above, and the release that fits the schema then."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("release", "when", "effect", "number"), GONE_ON_WITH)
def test_killed_at_an_effect_another_machine_goes_on_to_the_same_end(
    installed: Installed, release: str, when: str, effect: str, number: int
) -> None:
    installed.install(release, replicas=2)
    before = installed.end()
    killed = installed.driver(target="2.27.8", when=when, effect=effect, number=number, lease_s=5.0)
    assert killed.code == -signal.SIGKILL, killed.err
    again = installed.lockage("upgrade", NAME, "--yes", machine="elsewhere")
    assert again.code == 0, again.err
    assert installed.end() == before | {"image": "towpath:2.27.8", "ledger": (LEDGERS["2.27.8"], False)}
    assert installed.ready("2.27.8") == 2


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("release", "when", "effect", "number", "fits"), TAKEN_BACK)
def test_killed_at_an_effect_another_machine_puts_everything_back(
    installed: Installed, release: str, when: str, effect: str, number: int, fits: str
) -> None:
    installed.install(release, replicas=2)
    before = installed.end()
    killed = installed.driver(target="2.27.8", when=when, effect=effect, number=number, lease_s=5.0)
    assert killed.code == -signal.SIGKILL, killed.err
    recovered = installed.lockage("recover", NAME, "--yes", machine="elsewhere")
    assert recovered.code == 0, recovered.err
    assert installed.end() == before | {"image": f"towpath:{fits}", "ledger": (LEDGERS[fits], False)}
    assert installed.ready(fits) == 2
