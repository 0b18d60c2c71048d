"""Relations that wait alike, and hazards that say the same of several: told once, with the names of all.

Not for ``--json`` and SARIF, where each stands by itself. The surprising thing: alike is what a reader would see no difference
in, so two relations whose seconds differ by what is not printed are alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from lockage.core.forecast.assess import Check, Hazard, RelationForecast
from lockage.core.wording import listed
from lockage.interfaces.wording.forecast import range_in_words, reasons, waits_of, when_in_words
from lockage.interfaces.wording.waiting import waiting_in_words

COMPARED = 3
"""Reasons of each level that are compared: what any output shows."""


BY_DATA = "H041"
"""The hazard whose remedy is a query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationsAlike:
    """A relation, and those of which all that is told would be told again."""

    first: RelationForecast
    others: tuple[RelationForecast, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all."""
        return tuple(relation.relation for relation in (self.first, *self.others))

    @property
    def named(self) -> str:
        """The first few names, and how many more."""
        return listed(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardsAlike:
    """A hazard, and the other relations at its place of which it holds too."""

    first: Hazard
    others: tuple[str, ...] = ()

    @property
    def also(self) -> str:
        """``so it is with public.b``; nothing where it is about one relation."""
        return f"so it is with {listed(self.others)}" if self.others else ""


def relations_alike(relations: Iterable[RelationForecast]) -> tuple[RelationsAlike, ...]:
    """The relations, each with those that are alike, in the order of the first of each."""
    groups: dict[Hashable, list[RelationForecast]] = {}
    for relation in relations:
        groups.setdefault(_told(relation), []).append(relation)
    return tuple(RelationsAlike(first=those[0], others=tuple(those[1:])) for those in groups.values())


def hazards_alike(hazards: Iterable[Hazard]) -> tuple[HazardsAlike, ...]:
    """The hazards, each with the relations of which nothing else is told, in the order of the first of each."""
    groups: dict[Hashable, list[Hazard]] = {}
    for hazard in hazards:
        sentence = hazard.sentence.replace(hazard.relation, "\0") if hazard.relation else hazard.sentence
        same = (hazard.code, hazard.severity, hazard.file, hazard.line, sentence, hazard.remedy)
        groups.setdefault(same, []).append(hazard)
    return tuple(
        HazardsAlike(first=those[0], others=tuple(dict.fromkeys(one.relation for one in those[1:] if one.relation)))
        for those in groups.values()
    )


def told_by_checks(hazards: Iterable[HazardsAlike], checks: Iterable[Check]) -> tuple[HazardsAlike, ...]:
    """The hazards whose remedy is to ask a query that stands among the checks."""
    places = {(check.file, check.line) for check in checks}
    return tuple(one for one in hazards if one.first.code == BY_DATA and (one.first.file, one.first.line) in places)


def _told(relation: RelationForecast) -> Hashable:
    waits = tuple(
        (
            wait.blocks,
            range_in_words(wait.seconds),
            when_in_words(wait.stretches),
            tuple(reasons(relation, wait, most=COMPARED)),
        )
        for wait in waits_of(relation)
    )
    return waits, tuple(waiting_in_words(relation.waiting)) if relation.waiting else ()
