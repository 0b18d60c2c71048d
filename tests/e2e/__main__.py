"""All tests on Kubernetes: ``python -m e2e [PYTEST ARGUMENTS]``, from the folder ``tests``; what ``make e2e`` calls.

Most tests share one cluster, several at a time, because they wait more than they compute. Behind them come those that measure
seconds, those that kill the cluster's parts, and at the end those that end the cluster itself. The
surprising thing: a cluster that was up before is used and stays up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from e2e.cluster import whole
from e2e.cluster.layout import CannotError
from e2e.cluster.programs import missing
from e2e.conftest import KUBECONFIG_VARIABLE

HERE = Path(__file__).parent

AT_A_TIME = ("--dist", "worksteal", "-n")

GROUPS = (
    ("e2e and not measured and not disturbing and not alone", *AT_A_TIME, "4"),
    ("e2e and measured", *AT_A_TIME, "2", "-p", "no:randomly"),  # the longest stands first, and begins first
    ("e2e and disturbing",),  # one after the other: what one kills, the other may need before its run has begun
)
"""Tests that share a cluster by their marks, and how many at a time on two cores: they wait more than they compute."""

ALONE = "e2e and alone"

FAILED = 1
"""What pytest exits with when tests failed. Source: pytest, exit codes."""

NO_TESTS = 5
"""What pytest exits with when none was selected. Source: pytest, exit codes."""


def main(arguments: list[str]) -> int:
    """Runs all groups; the exit code is the first that is not 0.

    A machine with two cores that is full for a second makes a probe strike; so the first failure is no failure yet.
    """
    ours = not os.environ.get(KUBECONFIG_VARIABLE) and missing() is None
    codes: list[int] = []
    was_up = whole.status() is not None
    try:
        if ours:
            whole.up(say=_say)
        codes.extend(_twice(*group, then=arguments) for group in GROUPS)
    except CannotError as error:
        _say(f"the cluster does not start: {error}")
        return 1
    finally:
        if ours and not was_up:
            whole.down()  # the last tests see how it comes and goes
    codes.append(_twice(ALONE, then=arguments))
    return next((code for code in codes if code not in {0, NO_TESTS}), 0)


def _twice(marked: str, *at_first: str, then: list[str]) -> int:
    code = _pytest(marked, *at_first, *then)
    if code == FAILED:
        _say("what failed is tried once more, one test at a time: only what fails again counts")
        code = _pytest(marked, "--last-failed", "--last-failed-no-failures=none", *then)
    return code


def _pytest(marked: str, *arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", str(HERE), "-m", marked, *arguments], cwd=HERE.parent.parent)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
