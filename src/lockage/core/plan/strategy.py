"""Which strategy a hop takes, why, and what would change that.

Not for the steps (``sequence``). The surprising thing: "no break found" is the strongest that is ever said for an overlap of
old replicas and new schema, and only after statements of the old release were really executed; no statement checked counts as
a break.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockage.core.facts import UpdateKind, Workload
from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast, Seconds
from lockage.core.plan.steps import Strategy, StrategyVerdict
from lockage.core.plan.timing import Timing, added, longest, rounded, times, waves
from lockage.errors import RefusedError
from lockage.settings import StrategyChoice

_ZERO = Seconds(low=0.0, likely=0.0, high=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the choice for one hop stands on."""

    from_release: str
    to_release: str
    workload: Workload
    forecast: Forecast
    timing: Timing
    ledger_table: str  # schema.name: locked by every migrator, used by nobody else
    one_migrator: bool  # something keeps two migrators apart
    limits: StrategyChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The strategy of one hop."""

    strategy: Strategy
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    considered: tuple[StrategyVerdict, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obstacle:
    """One reason against a strategy."""

    now: str  # what is so
    wanted: str  # what would have to be so, with the number that it has now


def used_relations(situation: Situation) -> tuple[RelationForecast, ...]:
    """Relations whose users the script makes wait, the ledger left out, worst first."""
    found = [
        relation
        for relation in situation.forecast.relations
        if relation.blocks is not Blocks.NONE and relation.relation != situation.ledger_table
    ]
    return tuple(sorted(found, key=lambda relation: (-relation.blocked_s.likely, relation.relation)))


def noticeable(relation: RelationForecast, limits: StrategyChoice) -> bool:
    """Whether its users would notice that they are blocked."""
    high = relation.blocked_s.high
    return relation.blocked_s.likely > limits.blocked_likely_s or high is None or high > limits.blocked_high_s


def consider(situation: Situation) -> tuple[StrategyVerdict, ...]:
    """Every strategy with whether it is possible, its expected seconds without service, and the reasons; gentlest first."""
    return (_rolling(situation), _scale_to_one(situation), _scale_to_zero(situation))


def choose(situation: Situation, forced: Strategy | None = None) -> Choice:
    """The strategy: the forced one, else the gentlest whose outage is worth its risk.

    Raises ``RefusedError`` (LK220) when the forced one is not possible.
    """
    considered = consider(situation)
    by_name = {verdict.strategy: verdict for verdict in considered}
    best = _best(situation, by_name[Strategy.ROLLING], by_name[Strategy.SCALE_TO_ONE], by_name[Strategy.SCALE_TO_ZERO])
    if forced is None or forced is best:
        return _choice(situation, by_name[best], considered, warnings=())
    verdict = by_name[forced]
    if not verdict.possible:
        raise RefusedError(
            f"{forced} is not possible from {situation.from_release} to {situation.to_release}: {'; '.join(verdict.reasons)}",
            code="LK220",
            hint=f"leave --strategy out: it would be {best}, about {by_name[best].unavailable_s.likely:.1f} s without service",
        )
    warning = (
        f"{forced} from {situation.from_release} to {situation.to_release} was asked for: about "
        f"{verdict.unavailable_s.likely:.1f} s without service; Lockage would take {best}, about "
        f"{by_name[best].unavailable_s.likely:.1f} s"
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


def _best(situation: Situation, rolling: StrategyVerdict, one: StrategyVerdict, zero: StrategyVerdict) -> Strategy:
    if rolling.possible:
        return Strategy.ROLLING
    if one.possible and _old_release_was_checked(situation.forecast) and _worth_its_risk(situation.limits, one, zero):
        return Strategy.SCALE_TO_ONE
    return Strategy.SCALE_TO_ZERO


def _worth_its_risk(limits: StrategyChoice, one: StrategyVerdict, zero: StrategyVerdict) -> bool:
    high = one.unavailable_s.high
    if one.unavailable_s.likely <= limits.blocked_likely_s and high is not None and high <= limits.blocked_high_s:
        return True
    saved_s = zero.unavailable_s.likely - one.unavailable_s.likely
    return (
        saved_s >= limits.scale_to_one_saves_s
        and one.unavailable_s.likely <= limits.scale_to_one_ratio * zero.unavailable_s.likely
    )


# --- the three -----------------------------------------------------------------------------------------------------------


def _rolling(situation: Situation) -> StrategyVerdict:
    forecast, timing = situation.forecast, situation.timing
    obstacles = tuple(_obstacles_to_rolling(situation))
    outage = _blocked(situation)
    if _old_release_breaks(forecast):
        # Every old replica answers with errors from the commit until it is replaced.
        outage = added(outage, times(waves(situation.workload), added(timing.start, timing.boot)))
    reasons = tuple(obstacle.now for obstacle in obstacles) or (
        _no_break(situation),
        _nobody_notices(situation),
        _who_serves(situation.workload),
    )
    return StrategyVerdict(strategy=Strategy.ROLLING, possible=not obstacles, unavailable_s=rounded(outage), reasons=reasons)


def _scale_to_one(situation: Situation) -> StrategyVerdict:
    forecast = situation.forecast
    obstacles = tuple(_obstacles_to_scale_to_one(situation))
    outage, reasons = _blocked(situation), [f"one replica of {situation.from_release} keeps serving until the new one is ready"]
    if used_relations(situation):
        worst = used_relations(situation)[0]
        reasons.append(f"its requests wait while {worst.relation} is blocked, {_seconds(worst.blocked_s)}")
    if _old_release_breaks(forecast):
        outage = added(outage, situation.timing.boot)
        reasons.append(
            f"its requests may fail from the commit until the new replica is ready, {_seconds(situation.timing.boot)}: "
            f"{_break(situation)}"
        )
    return StrategyVerdict(
        strategy=Strategy.SCALE_TO_ONE,
        possible=not obstacles,
        unavailable_s=rounded(outage),
        reasons=tuple(obstacle.now for obstacle in obstacles) or tuple(reasons),
    )


def _scale_to_zero(situation: Situation) -> StrategyVerdict:
    timing = situation.timing
    outage = added(timing.termination, timing.start, situation.forecast.total_s, timing.boot)
    reasons = (
        f"nothing of {situation.from_release} runs while the schema moves",
        f"without service for stopping ({timing.termination.likely:.1f} s), starting ({timing.start.likely:.1f} s), "
        f"migrating ({_seconds(situation.forecast.total_s)}) and booting ({timing.boot.likely:.1f} s)",
    )
    return StrategyVerdict(strategy=Strategy.SCALE_TO_ZERO, possible=True, unavailable_s=rounded(outage), reasons=reasons)


def _obstacles_to_rolling(situation: Situation) -> Iterator[_Obstacle]:
    workload, forecast, limits = situation.workload, situation.forecast, situation.limits
    if workload.update is UpdateKind.RECREATE:
        yield _RECREATE
    elif workload.max_unavailable >= workload.replicas:
        now = f"maxUnavailable {workload.max_unavailable} of {workload.replicas} replicas leaves nobody serving"
        yield _Obstacle(now=now, wanted=f"maxUnavailable were below {workload.replicas}")
    together = workload.max_surge + workload.max_unavailable
    if forecast.script.migrations and not situation.one_migrator and together > 1:
        now = f"nothing keeps two migrators apart, and {together} replicas of {situation.to_release} would start together"
        yield _Obstacle(now=now, wanted=f"one replica were replaced at a time (now {together})")
    if _old_release_breaks(forecast):
        yield _Obstacle(now=_break(situation), wanted=_no_break_wanted(situation))
    if forecast.unknown:
        yield _unknown(forecast)
    for relation in used_relations(situation):
        if noticeable(relation, limits):
            now = f"{_who(relation.blocks)} of {relation.relation} would be blocked {_seconds(relation.blocked_s)}"
            wanted = (
                f"{relation.relation} were blocked at most {limits.blocked_likely_s:g} s likely and {limits.blocked_high_s:g} "
                f"s high (now {_seconds(relation.blocked_s)})"
            )
            yield _Obstacle(now=now, wanted=wanted)


def _obstacles_to_scale_to_one(situation: Situation) -> Iterator[_Obstacle]:
    workload = situation.workload
    if workload.update is UpdateKind.RECREATE:
        yield _RECREATE
    elif workload.max_unavailable >= 1:
        # A percentage may come to 0 at one replica; the platform does not tell us which it is.
        now = f"maxUnavailable {workload.max_unavailable} may leave nobody serving at one replica"
        yield _Obstacle(now=now, wanted=f"maxUnavailable were 0 (now {workload.max_unavailable})")
    elif workload.max_surge < 1:
        yield _Obstacle(now="maxSurge 0 lets no new replica start beside the old one", wanted="maxSurge were 1 (now 0)")
    if situation.forecast.unknown:
        yield _unknown(situation.forecast)


_RECREATE = _Obstacle(
    now="the workload's update strategy is Recreate: every old replica stops before a new one starts",
    wanted="the workload's update strategy were RollingUpdate (now Recreate)",
)


def _unknown(forecast: Forecast) -> _Obstacle:
    return _Obstacle(
        now=f"unknown counts as the worst case: {_first_unknown(forecast)}",
        wanted=f"nothing of the script were unknown (now {len(forecast.unknown)})",
    )


# --- evidence ------------------------------------------------------------------------------------------------------------


def _old_release_was_checked(forecast: Forecast) -> bool:
    return forecast.statements_checked > 0 or not forecast.script.migrations


def _old_release_breaks(forecast: Forecast) -> bool:
    return bool(forecast.broken) or not _old_release_was_checked(forecast)


def _blocked(situation: Situation) -> Seconds:
    return longest(*(relation.blocked_s for relation in used_relations(situation))) if used_relations(situation) else _ZERO


def _break(situation: Situation) -> str:
    forecast = situation.forecast
    if not forecast.broken:
        return f"no statement of {situation.from_release} was checked against the schema of {situation.to_release}"
    count, first = len(forecast.broken), forecast.broken[0]
    query = " ".join(first.query.split())
    return (
        f"{count} of {forecast.statements_checked} statements of {situation.from_release} fail after it "
        f"(first: {query if len(query) <= 60 else query[:59] + '…'}: {first.message})"
    )


def _no_break_wanted(situation: Situation) -> str:
    forecast = situation.forecast
    if not forecast.broken:
        return f"statements of {situation.from_release} were checked (now none)"
    now = f"{len(forecast.broken)} of {forecast.statements_checked}"
    return f"no statement of {situation.from_release} failed after it (now {now})"


def _no_break(situation: Situation) -> str:
    if not situation.forecast.script.migrations:
        return "there is no migration between the two"
    return f"no break found in {situation.forecast.statements_checked} statements of {situation.from_release}"


def _who_serves(workload: Workload) -> str:
    return f"{workload.replicas - workload.max_unavailable} of {workload.replicas} replicas keep serving"


def _nobody_notices(situation: Situation) -> str:
    relations = used_relations(situation)
    if not relations:
        return "no relation is blocked"
    return f"nobody would notice: {relations[0].relation} is blocked longest, {_seconds(relations[0].blocked_s)}"


def _first_unknown(forecast: Forecast) -> str:
    first, more = forecast.unknown[0], len(forecast.unknown) - 1
    rest = f" and {more} more" if more else ""
    return f"{first.file}:{first.line}: {first.reason}{rest}"


def _who(blocks: Blocks) -> str:
    return {Blocks.READS: "readers and writers", Blocks.WRITES: "writers"}.get(blocks, "writers of changed rows")


def _seconds(seconds: Seconds) -> str:
    high = "unknown" if seconds.high is None else f"{seconds.high:.1f} s"
    return f"{seconds.likely:.1f} s likely, {high} at most"


def _why_not(verdict: StrategyVerdict) -> str:
    if not verdict.possible:
        return "; ".join(verdict.reasons)
    return f"about {verdict.unavailable_s.likely:.1f} s without service, and an old replica on a schema it may not know"


# --- what would change it ------------------------------------------------------------------------------------------------


def _would_change(situation: Situation, chosen: Strategy, considered: Sequence[StrategyVerdict]) -> Iterator[str]:
    rolling, one, zero = considered
    limits = situation.limits
    if chosen is Strategy.ROLLING:
        yield (
            f"{Strategy.SCALE_TO_ZERO}, if one statement of {situation.from_release} broke, something were unknown, or users "
            f"of a relation were blocked more than {limits.blocked_likely_s:g} s likely or {limits.blocked_high_s:g} s high "
            f"(now {_seconds(_blocked(situation))})"
        )
        return
    if rolling.possible:
        yield f"{Strategy.ROLLING}, if --strategy were left out"
    else:
        yield f"{Strategy.ROLLING}, if {', and '.join(obstacle.wanted for obstacle in _obstacles_to_rolling(situation))}"
    if chosen is Strategy.SCALE_TO_ZERO:
        yield f"{Strategy.SCALE_TO_ONE}, if {', and '.join(_wanted_for_one(situation, one, zero))}"
    else:
        yield (
            f"{Strategy.SCALE_TO_ZERO}, if it cost less than {_threshold(limits, one):.1f} s "
            f"(now {zero.unavailable_s.likely:.1f} s)"
        )


def _wanted_for_one(situation: Situation, one: StrategyVerdict, zero: StrategyVerdict) -> Iterator[str]:
    for obstacle in _obstacles_to_scale_to_one(situation):
        yield obstacle.wanted
    if not _old_release_was_checked(situation.forecast):
        yield _no_break_wanted(situation)
    limits, zero_s = situation.limits, zero.unavailable_s.likely
    most_s = max(limits.blocked_likely_s, min(zero_s * limits.scale_to_one_ratio, zero_s - limits.scale_to_one_saves_s))
    if one.unavailable_s.likely > most_s:
        yield f"it cost at most {most_s:.1f} s (now {one.unavailable_s.likely:.1f} s; {Strategy.SCALE_TO_ZERO} {zero_s:.1f} s)"


def _threshold(limits: StrategyChoice, one: StrategyVerdict) -> float:
    """Scale-to-zero's outage below which scale-to-one would not be worth its risk."""
    return max(one.unavailable_s.likely / limits.scale_to_one_ratio, one.unavailable_s.likely + limits.scale_to_one_saves_s)
