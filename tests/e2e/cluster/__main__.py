"""The command: ``python -m e2e.cluster up|down|build|status``, from the folder ``tests``.

Prints the kubeconfig's path on standard output, everything else on standard error. The surprising thing: up and down hold a
lock, so that two of them, or a test run and a person, do not start one cluster twice.
"""

# ruff: noqa: T201  # a command prints

from __future__ import annotations

import argparse
import sys

from e2e.cluster.layout import CannotError
from e2e.cluster.whole import build, down, status, up


def main() -> int:
    """Runs one command; exit codes: 0 done, 1 it failed or cannot be done here, 2 wrong usage, 3 (status) no cluster runs."""
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description="A real Kubernetes cluster for the tests.")
    parser.add_argument("command", choices=("up", "down", "build", "status"))
    wanted = parser.parse_args().command
    try:
        match wanted:
            case "up":
                print(up(say=_say).kubeconfig)
            case "down":
                _say("the cluster is gone" if down() else "there was no cluster")
            case "build":
                build(say=_say)
            case _:
                found = status()
                print(found.kubeconfig if found else "no cluster runs")
                return 0 if found else 3
    except CannotError as error:
        _say(f"{error}")
        return 1
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
