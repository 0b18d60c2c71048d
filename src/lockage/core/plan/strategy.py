"""Which strategy a hop takes, why, and what would change that.

Not for the steps (``sequence``). The surprising thing: "no break found" is the strongest that is ever said for an overlap of
old replicas and new schema, and only after statements of the old release were really executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from lockage.core.forecast.seconds import rounded
from lockage.core.forecast.strategies import (
    Outage,
    outage_of_rolling,
    outage_of_scale_to_one,
    outage_of_scale_to_zero,
    without_writes_s,
)
from lockage.core.plan.situation import (
    Situation,
    blocked,
    blocked_s,
    break_in_words,
    no_break_in_words,
    no_break_wanted,
    nobody_notices,
    obstacles_to_rolling,
    obstacles_to_scale_to_one,
    old_release_breaks,
    old_release_was_checked,
    seconds_in_words,
    used_relations,
    who_serves,
)
from lockage.core.plan.steps import Strategy, StrategyVerdict
from lockage.core.plan.timing import waves
from lockage.core.plan.wording import time_in_words
from lockage.errors import RefusedError
from lockage.settings import StrategyChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The strategy of one hop."""

    strategy: Strategy
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    considered: tuple[StrategyVerdict, ...]
    warnings: tuple[str, ...]


def consider(situation: Situation) -> tuple[StrategyVerdict, ...]:
    """Every strategy with whether it is possible, its expected seconds without service, and the reasons; gentlest first."""
    return (_rolling(situation), _scale_to_one(situation), _scale_to_zero(situation))


def outages(situation: Situation) -> Mapping[Strategy, Outage]:
    """What users would go without under each strategy, possible or not; gentlest first."""
    timing, breaks = situation.timing, old_release_breaks(situation.forecast)
    waiting, workload = blocked(situation), situation.workload
    return {
        Strategy.ROLLING: outage_of_rolling(
            waiting, timing, breaks=breaks, waves=None if workload is None else waves(workload)
        ),
        Strategy.SCALE_TO_ONE: outage_of_scale_to_one(waiting, timing, breaks=breaks),
        Strategy.SCALE_TO_ZERO: outage_of_scale_to_zero(situation.forecast, timing),
    }


def choose(situation: Situation, forced: Strategy | None = None) -> Choice:
    """The strategy: the forced one, else the gentlest whose outage is worth its risk.

    Raises ``RefusedError`` (LK220) when the forced one is not possible. Where nothing but ignorance speaks against it (nobody
    has seen the migrations), the user decides.
    """
    considered = consider(situation)
    by_name = {verdict.strategy: verdict for verdict in considered}
    best = _best(situation, by_name[Strategy.ROLLING], by_name[Strategy.SCALE_TO_ONE], by_name[Strategy.SCALE_TO_ZERO])
    if forced is None or forced is best:
        return _choice(situation, by_name[best], considered, warnings=())
    verdict = by_name[forced]
    if not verdict.possible and _only_unknown(situation, forced):
        verdict = replace(verdict, possible=True, reasons=tuple(f"asked for, although {reason}" for reason in verdict.reasons))
        considered = tuple(verdict if other.strategy is forced else other for other in considered)
    if not verdict.possible:
        raise RefusedError(
            f"{forced} is not possible from {situation.from_release} to {situation.to_release}: {'; '.join(verdict.reasons)}",
            code="LK220",
            hint=f"leave --strategy out: it would be {best}, about {_without_service(by_name[best])} without service",
        )
    warning = (
        f"{forced} from {situation.from_release} to {situation.to_release} was asked for: about "
        f"{_without_service(verdict)} without service; Lockage would take {best}, about "
        f"{_without_service(by_name[best])}"
    )
    return _choice(situation, verdict, considered, warnings=(warning,))


def _choice(
    situation: Situation, verdict: StrategyVerdict, considered: tuple[StrategyVerdict, ...], *, warnings: tuple[str, ...]
) -> Choice:
    gentler = considered[: list(Strategy).index(verdict.strategy)]
    why_not = tuple(f"not {v.strategy}: {_why_not(v)}" for v in gentler)
    return Choice(
        strategy=verdict.strategy,
        reasons=(*verdict.reasons, *why_not),
        would_change=tuple(_would_change(situation, verdict.strategy, considered)),
        considered=considered,
        warnings=warnings,
    )


def _only_unknown(situation: Situation, strategy: Strategy) -> bool:
    obstacles = obstacles_to_rolling if strategy is Strategy.ROLLING else obstacles_to_scale_to_one
    return all(obstacle.ignorance for obstacle in obstacles(situation))


def _best(situation: Situation, rolling: StrategyVerdict, one: StrategyVerdict, zero: StrategyVerdict) -> Strategy:
    if rolling.possible:
        return Strategy.ROLLING
    if one.possible and old_release_was_checked(situation.forecast) and _worth_its_risk(situation, one, zero):
        return Strategy.SCALE_TO_ONE
    return Strategy.SCALE_TO_ZERO


def _worth_its_risk(situation: Situation, one: StrategyVerdict, zero: StrategyVerdict) -> bool:
    limits, high = situation.limits, one.unavailable_s.high
    harmless = one.unavailable_s.likely <= limits.blocked_likely_s and high is not None and high <= limits.blocked_high_s
    if harmless and not old_release_breaks(situation.forecast):
        return True
    return one.unavailable_s.likely <= _most_for_one(situation, zero)


def _most_for_one(situation: Situation, zero: StrategyVerdict) -> float:
    """The outage at which scale-to-one begins to be worth its risk; below zero where it never is."""
    limits, zero_s = situation.limits, zero.unavailable_s.likely
    return min(zero_s * limits.scale_to_one_ratio, zero_s - limits.scale_to_one_saves_s)


# --- the three -----------------------------------------------------------------------------------------------------------


def _rolling(situation: Situation) -> StrategyVerdict:
    obstacles = tuple(obstacles_to_rolling(situation))
    outage = outages(situation)[Strategy.ROLLING].unavailable_s
    reasons = tuple(obstacle.now for obstacle in obstacles) or (
        no_break_in_words(situation),
        nobody_notices(situation),
        who_serves(situation.workload),
    )
    return StrategyVerdict(strategy=Strategy.ROLLING, possible=not obstacles, unavailable_s=rounded(outage), reasons=reasons)


def _scale_to_one(situation: Situation) -> StrategyVerdict:
    forecast = situation.forecast
    obstacles = tuple(obstacles_to_scale_to_one(situation))
    outage = outages(situation)[Strategy.SCALE_TO_ONE].unavailable_s
    reasons = [f"one replica of {situation.from_release} keeps serving until the new one is ready"]
    if used_relations(situation):
        worst = used_relations(situation)[0]
        reasons.append(f"its requests wait while {worst.relation} is blocked, {seconds_in_words(without_writes_s(worst))}")
    if old_release_breaks(forecast):
        reasons.append(
            f"its requests may fail from the commit until the new replica is ready, {seconds_in_words(situation.timing.boot)}: "
            f"{break_in_words(situation)}"
        )
    return StrategyVerdict(
        strategy=Strategy.SCALE_TO_ONE,
        possible=not obstacles,
        unavailable_s=rounded(outage),
        reasons=tuple(obstacle.now for obstacle in obstacles) or tuple(reasons),
    )


def _scale_to_zero(situation: Situation) -> StrategyVerdict:
    timing = situation.timing
    termination, start, boot = (time_in_words(each.likely) for each in (timing.termination, timing.start, timing.boot))
    outage = outages(situation)[Strategy.SCALE_TO_ZERO].unavailable_s
    reasons = (
        f"nothing of {situation.from_release} runs while the schema moves",
        f"without service for stopping ({termination}), starting ({start}), "
        f"migrating ({seconds_in_words(situation.forecast.total_s)}) and booting ({boot})",
    )
    return StrategyVerdict(strategy=Strategy.SCALE_TO_ZERO, possible=True, unavailable_s=rounded(outage), reasons=reasons)


def _why_not(verdict: StrategyVerdict) -> str:
    if not verdict.possible:
        return "; ".join(verdict.reasons)
    return f"about {_without_service(verdict)} without service, and an old replica on a schema it may not know"


def _without_service(verdict: StrategyVerdict) -> str:
    return time_in_words(verdict.unavailable_s.likely)


# --- what would change it ------------------------------------------------------------------------------------------------


def _would_change(situation: Situation, chosen: Strategy, considered: Sequence[StrategyVerdict]) -> Iterator[str]:
    rolling, one, zero = considered
    limits = situation.limits
    if chosen is Strategy.ROLLING:
        yield (
            f"{Strategy.SCALE_TO_ZERO}, if one statement of {situation.from_release} broke, something were unknown, or users "
            f"of a relation were blocked more than {limits.blocked_likely_s:g} s likely or {limits.blocked_high_s:g} s high "
            f"(now {seconds_in_words(blocked_s(situation))})"
        )
        return
    if rolling.possible:
        yield f"{Strategy.ROLLING}, if --strategy were left out"
    else:
        yield f"{Strategy.ROLLING}, if {', and '.join(obstacle.wanted for obstacle in obstacles_to_rolling(situation))}"
    if chosen is Strategy.SCALE_TO_ZERO:
        wanted = ", and ".join(_wanted_for_one(situation, one, zero))
        yield f"{Strategy.SCALE_TO_ONE}, if {wanted or '--strategy were left out'}"
    else:
        yield (
            f"{Strategy.SCALE_TO_ZERO}, if it cost less than {_threshold(limits, one):.1f} s "
            f"(now {zero.unavailable_s.likely:.1f} s)"
        )


def _wanted_for_one(situation: Situation, one: StrategyVerdict, zero: StrategyVerdict) -> Iterator[str]:
    for obstacle in obstacles_to_scale_to_one(situation):
        yield obstacle.wanted
    if not old_release_was_checked(situation.forecast):
        yield no_break_wanted(situation)
    one_s, zero_s, most_s = one.unavailable_s.likely, zero.unavailable_s.likely, _most_for_one(situation, zero)
    if one_s > most_s >= 0:
        yield f"it cost at most {most_s:.1f} s (now {one_s:.1f} s; {Strategy.SCALE_TO_ZERO} {zero_s:.1f} s)"
    elif one_s > most_s:
        limits = situation.limits
        yield f"{Strategy.SCALE_TO_ZERO} cost at least {_threshold(limits, one):.1f} s (now {zero_s:.1f} s; this {one_s:.1f} s)"


def _threshold(limits: StrategyChoice, one: StrategyVerdict) -> float:
    """Scale-to-zero's outage below which scale-to-one would not be worth its risk."""
    return max(one.unavailable_s.likely / limits.scale_to_one_ratio, one.unavailable_s.likely + limits.scale_to_one_saves_s)
