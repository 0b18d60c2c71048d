"""A deployment, opened as the command line names it.

Not for finding (``deployments``) nor for joining adapters (``wiring``): only for what every command does with both. The
surprising thing: what a run tells goes to the log of the command first, secrets masked, whoever else listens.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from lockage.core.run import RunEvent
from lockage.flows.world import World
from lockage.interfaces.cli.invocation import Invocation
from lockage.interfaces.deployments import Deployment, Wanted, find_deployment
from lockage.interfaces.wiring import open_world


def found(invocation: Invocation, wanted: Wanted) -> Deployment:
    """The deployment that the command line names. Raises as ``find_deployment`` does."""
    return find_deployment(wanted, folders=invocation.folders, here=Path.cwd(), environment=invocation.environment)


@contextmanager
def opened(
    invocation: Invocation,
    wanted: Wanted,
    *,
    show: Callable[[RunEvent], None] = lambda _: None,
    glimpse: Callable[[str], None] = lambda _: None,
) -> Generator[World]:
    """The deployment open for looking and acting, while the context lasts.

    ``show`` gets what a run tells, ``glimpse`` what it sees right now.
    """

    def tell(event: RunEvent) -> None:
        invocation.log.write(event.kind, hop=event.hop, step=event.step, text=event.text)
        show(event)

    invocation.log.write("begun", arguments=invocation.arguments)
    with open_world(found(invocation, wanted), tell=tell, glimpse=glimpse) as world:
        yield world
    invocation.log.write("done")
