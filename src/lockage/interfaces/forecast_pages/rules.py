"""The catalogue of hazards as the rules of a SARIF log, each with what a reader needs who has never heard of it.

Not for the hazards of one forecast (``sarif``). The surprising thing: a rule's help is shown by forges as Markdown and by
editors as plain text, so it reads well as both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from lockage.core.forecast.hazards.kinds import HazardKind
from lockage.interfaces.forecast_pages.sarif import Rule
from lockage.interfaces.hazards import described, example_lines, hazard_kinds


@cache
def rules() -> Mapping[str, Rule]:
    """The rule of every hazard that is known, by its code."""
    return {
        code: Rule(id=code, name=kind.title, sentence=kind.why, help="\n".join(_help(kind)), level=kind.severity)
        for code, kind in hazard_kinds().items()
    }


def _help(kind: HazardKind) -> Iterator[str]:
    for heading, text in described(kind):
        yield f"**{heading}.** {text}\n"
    for heading, example in (("Instead of", kind.bad), ("write", kind.good)):
        yield f"{heading}:\n\n```sql"
        yield from example_lines(example)
        yield "```\n"
