"""Ask again, before anything is changed, what the advisories of a hop ask for.

Not for judging what an advisory means (``core.plan.advised``). The surprising thing: a question that cannot be asked now is a
refusal like a wrong answer, because nothing is lost by waiting, and something is by not knowing.
"""

from __future__ import annotations

from lockage.core.plan.steps import AdvisoryCondition, CheckAdvisories
from lockage.errors import RefusedError, UsageError
from lockage.flows.world import World


def check_advisories(world: World, step: CheckAdvisories, *, release: str) -> None:
    """Nothing, when every condition holds.

    Raises ``RefusedError`` (LK542) naming those that do not, ``UsageError`` (LK543) for a query that gives no boolean, and
    what asking raises.
    """
    failed = [condition for condition in step.conditions if _answer(world, condition) is not condition.expected]
    if failed:
        raise RefusedError(
            f"before {release}: {'; '.join(f'{condition.text} ({condition.code})' for condition in failed)}",
            code="LK542",
            hint=f"do that, then plan anew: lockage plan {world.deployment} --to {release}",
        )


def _answer(world: World, condition: AdvisoryCondition) -> bool:
    rows = world.database.ask(condition.sql)
    said = next(iter(rows[0].values()), None) if len(rows) == 1 else None
    if not isinstance(said, bool):
        raise UsageError(
            f"the query of advisory {condition.code} gives {said!r}: expected one row with one boolean",
            code="LK543",
            hint="SELECT EXISTS (SELECT FROM …)",
        )
    return said
