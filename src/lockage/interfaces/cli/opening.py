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
from lockage.interfaces.cli.console import notes, say
from lockage.interfaces.cli.invocation import Invocation
from lockage.interfaces.deployments import Located, find_deployment
from lockage.interfaces.flags import Wanted
from lockage.interfaces.wiring import Opened, open_deployment
from lockage.settings import Settings


def found(invocation: Invocation, wanted: Wanted) -> Located:
    """The deployment that the command line names, as far as files and flags say. Raises as ``find_deployment`` does."""
    return find_deployment(wanted, folders=invocation.folders, here=Path.cwd(), environment=invocation.environment)


@contextmanager
def opened(
    invocation: Invocation,
    wanted: Wanted,
    *,
    show: Callable[[RunEvent], None] = lambda _: None,
    glimpse: Callable[[str], None] = lambda _: None,
) -> Generator[World]:
    """The deployment open for looking and acting, while the context lasts; ``show`` and ``glimpse`` as below."""
    with opened_deployment(invocation, wanted, show=show, glimpse=glimpse) as found_and_open:
        yield found_and_open.world


@contextmanager
def opened_deployment(
    invocation: Invocation,
    wanted: Wanted,
    *,
    show: Callable[[RunEvent], None] = lambda _: None,
    glimpse: Callable[[str], None] = lambda _: None,
    settings: Settings | None = None,
) -> Generator[Opened]:
    """The deployment open for looking and acting, while the context lasts, with everything about it resolved.

    ``show`` gets what a run tells, ``glimpse`` what it sees right now; ``settings`` where they are not the usual ones.
    """

    def tell(event: RunEvent) -> None:
        invocation.log.write(event.kind, hop=event.hop, step=event.step, text=event.text)
        show(event)

    invocation.log.write("begun", arguments=invocation.arguments)
    located = found(invocation, wanted)
    with open_deployment(located, tell=tell, glimpse=glimpse, say=_note, settings=settings) as deployment:
        yield deployment
    invocation.log.write("done")


def _note(line: str) -> None:
    say(notes(), line)
