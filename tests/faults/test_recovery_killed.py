"""``lockage recover`` killed with SIGKILL at one effect after the other, and typed again: the calm end, and no row lost.

Every effect is swept over the simulated world (``tests/flows/test_rescue.py``); here a real PostgreSQL and real replicas stand
under a fixed sample of them, and each death meets what the one before it has left.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources

import pytest

from faults.ground import LIVENESS, Ground, eventually
from faults.recoveries import LEFT_OUT, Desk, Ending, a_desk, against_end, calm_rows, differing, ledger, rows
from lockage.core.migration.statement import split_statements
from lockage.demo.towpath.releases import migrations_dir

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

OLD, NEW = "2.26.6", "2.27.8"

Make = Callable[[Ground, Desk], AbstractContextManager[None]]
Deaths = tuple[tuple[str, str], ...]
"""When and which effect, the first of that name in its process."""


@contextmanager
def orphan_after_a_liveness_kill(ground: Ground, desk: Desk) -> Iterator[None]:
    """Its backend has the migration lock and waits for somebody who stays; the next replicas wait for it and are killed too."""
    ground.towpath()
    ground.session("reports/nightly").execute("lock table api_keys in access share mode")
    ground.roll_out(NEW, liveness=LIVENESS)
    eventually(lambda: any(e.reason == "Killing" for e in ground.platform.events()), "the probe has killed it")
    ground.until_waits("towpath/%", event="advisory")
    desk.describe()
    yield


@contextmanager
def half_applied_file(ground: Ground, desk: Desk) -> Iterator[None]:
    """A migrator that commits each statement by itself has stopped in the middle of a file, and left the ledger dirty."""
    ground.towpath()
    files = {int(file.name.partition("_")[0]): file for file in migrations_dir().glob("*.up.sql")}
    first = [s.text for s in split_statements(files[14].read_text(), file="14")]
    half = [s.text for s in split_statements(files[15].read_text(), file="15")][:8]
    ground.order("set role towpath", *first, *half)
    ground.order("update schema_migrations set version = 15, dirty = true")
    ground.roll_out(NEW)
    ground.until_backs_off()
    text = resources.files("lockage.profiles").joinpath("towpath.toml").read_text(encoding="utf-8")
    desk.describe(profile_says=text.replace('transaction = "whole"', 'transaction = "statement"'))
    yield


@contextmanager
def wrong_image_over_a_moved_schema(ground: Ground, desk: Desk) -> Iterator[None]:
    ground.towpath(OLD, schema=NEW, ready=False)
    ground.until_backs_off()
    desk.describe()
    yield


SCENES: dict[str, tuple[Make, Ending, Deaths]] = {
    "an orphan with the lock after a liveness kill": (
        orphan_after_a_liveness_kill,
        Ending(release=NEW),
        (
            ("after", "hold_lease"),
            ("before", "terminate"),  # of whoever the orphan waits for
            ("after", "annotate"),  # the note stands, and nothing else is changed
            ("before", "scale"),
            ("after", "scale"),  # nobody is asked for
            ("before", "roll_out"),
            ("after", "roll_out"),  # one replica migrates
            ("before", "append step-done 0 guard-migration"),
            ("after", "roll_out"),  # all are asked for, with the probe as it was
            ("after", "annotate"),  # our notes are gone, the lease is not
        ),
    ),
    "a dirty ledger with a half-applied file": (
        half_applied_file,
        Ending(release=NEW),
        (
            ("after", "hold_fence"),
            ("after", "annotate"),
            ("after", "scale"),
            ("before", "mend"),  # half of the file is there
            ("after", "mend"),  # all of it is, and nobody knows
            ("before", "roll_out"),
            ("before", "append step-done 0 verify"),
            ("before", "annotate"),
        ),
    ),
    "a wrong image over a moved schema": (
        wrong_image_over_a_moved_schema,
        Ending(release=NEW, template="towpath 2.27.8 300"),
        (
            ("before", "append plan -1"),
            ("after", "annotate"),
            ("before", "scale"),
            ("after", "scale"),
            ("after", "roll_out"),
            ("before", "append step-begun 0 raise-replicas"),
            ("after", "annotate"),
        ),
    ),
}
"""The deaths of a scene in the order in which a recovery comes to them; one that is over by then is left out."""

CASES = [
    *((name, 4) for name in SCENES),
    *(pytest.param(name, 1, marks=LEFT_OUT) for name in SCENES),
]
"""Every fourth death in each run, all of them where every recovery is asked for."""


@pytest.mark.parametrize(("name", "step"), CASES)
def test_a_recovery_killed_at_one_effect_after_the_other_ends_as_a_calm_one(ground: Ground, name: str, step: int) -> None:
    make, ending, deaths = SCENES[name]
    killed = 0
    with a_desk(ground) as desk, make(ground, desk):
        for when, effect in deaths[::step]:
            code, said = desk.recover_until(at=0, effect=effect, when=when)
            assert code in (-signal.SIGKILL, 0), f"{when} {effect}: {said}"
            killed += code != 0
            eventually(lambda: ground.platform.lease() is None, "the lease of the one that was killed has run out")
        code, said = desk.lockage("recover", ground.database, "--yes")
        assert code == 0, said
        assert killed >= len(deaths[::step]) - 1, f"{killed} deaths"
        assert against_end(ground, ending, replicas=1) == []
        assert differing(calm_rows(ground, ending, NEW), rows(ground, ground.database)) == {}
        assert ledger(ground) == ledger(ground, "calm")
