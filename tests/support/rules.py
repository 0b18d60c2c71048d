"""The rules over the platform's evidence, all families together: a test of one sees what the others say of its case."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from lockage.core.diagnosis.chain import tied
from lockage.core.diagnosis.findings import Case, Finding, Rule

FAMILIES = ("probes", "memory", "exit", "image", "configuration", "cluster")

EVERY: tuple[Rule, ...] = tuple(
    rule
    for family in FAMILIES
    if find_spec(f"lockage.core.diagnosis.families.{family}")
    for rule in import_module(f"lockage.core.diagnosis.families.{family}").RULES
)


def found(seen: Case) -> tuple[Finding, ...]:
    """What all of them find, without what another finding rules out."""
    return tied((finding for rule in EVERY for finding in rule(seen)), {})[0]
