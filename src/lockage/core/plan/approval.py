"""Whether a plan that was made anew is still what somebody approved.

Not for discrete facts (``digest.facts_hold``). The surprising thing: better is fine. A plan that has become gentler or quicker
since it was approved needs nobody to be woken; a harder or slower one does.
"""

from __future__ import annotations

from lockage.core.plan.steps import Hop, Plan, Tolerances
from lockage.core.wording import duration


def worse_than_approved(approved: Plan, fresh: Plan) -> tuple[str, ...]:
    """Sentences: in what the fresh plan is worse than the approved one; empty when it is not."""
    if approved.route != fresh.route or approved.from_release != fresh.from_release:
        return (f"the route was {_route(approved)}, and is {_route(fresh)}",)
    pairs = zip(approved.hops, fresh.hops, strict=True)
    return tuple(sentence for was, now in pairs for sentence in _worse(was, now, approved.tolerances))


def _worse(was: Hop, now: Hop, tolerances: Tolerances) -> list[str]:
    sentences: list[str] = []
    if now.strategy.hardness > was.strategy.hardness:
        sentences.append(f"the hop to {now.to_release} was {was.strategy}, and is {now.strategy}")
    limit_s = was.forecast.total_s.likely * tolerances.forecast_factor + tolerances.forecast_slack_s
    if not was.provisional and now.forecast.total_s.likely > limit_s:
        sentences.append(
            f"the migration to {now.to_release} was {duration(was.forecast.total_s.likely)}, and is "
            f"{duration(now.forecast.total_s.likely)} (limit {duration(limit_s)})"
        )
    return sentences


def _route(plan: Plan) -> str:
    return " → ".join((plan.from_release, *plan.route))
