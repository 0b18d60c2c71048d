"""The image's lock is a part of the one that everything else is tested with."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def pins(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+==\S+)", (REPOSITORY / name).read_text(), flags=re.MULTILINE))


def wanted() -> set[str]:
    text = (REPOSITORY / "pyproject.toml").read_text()
    dependencies = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    return {re.split(r"[\[>]", name)[0] for name in re.findall(r'^ +"([^"]+)"', dependencies, flags=re.MULTILINE)}


def test_the_image_has_no_version_that_the_tests_do_not_have() -> None:
    assert pins("requirements-run.lock") <= pins("requirements.lock")


def test_the_image_has_everything_that_lockage_needs() -> None:
    assert wanted()
    assert wanted() <= {pin.partition("==")[0] for pin in pins("requirements-run.lock")}
